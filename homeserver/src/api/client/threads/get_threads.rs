//! GET /_matrix/client/v1/rooms/{roomId}/threads: the roots of a room's threads, by their newest events.

use std::ops::Deref;

use http::Uri;
use ruma::api::{
    IncomingRequest,
    client::threads::get_threads::v1::{IncludeThreads, Request, Response},
    error::FromHttpRequestError,
};
use serde::Deserialize;

use crate::{
    api::{
        client::room::{readable, show, token},
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    clock::Clock,
    domain::rooms::Rooms,
};

/// Roots of one page when the client does not say, and at most.
const LIMIT: usize = 20;
const MOST: usize = 100;

/// The request with `include` where the client leaves it out: ruma's type wants it.
pub struct AllByDefault(Request);

impl Deref for AllByDefault {
    type Target = Request;
    fn deref(&self) -> &Request {
        &self.0
    }
}

same_endpoint!(AllByDefault, Request);

impl IncomingRequest for AllByDefault {
    type EndpointError = <Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(mut request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        #[derive(Deserialize)]
        struct Query {
            include: Option<String>,
        }
        let query = request.uri().query().unwrap_or_default();
        let Query { include } = serde_html_form::from_str(query)?;
        if include.is_none()
            && let Ok(uri) = format!("/?include=all&{query}").parse::<Uri>()
        {
            *request.uri_mut() = uri;
        }
        Ok(Self(Request::try_from_http_request(request, path_args)?))
    }
}

pub async fn get_threads((rooms, clock): (Rooms, Clock), request: Ruma<AllByDefault>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let participated = match &request.include {
        IncludeThreads::All => false,
        IncludeThreads::Participated => true,
        _ => return Err(ApiError::invalid_param("`include` is all or participated")),
    };
    let before = request.from.as_deref().map(token).transpose()?;
    let limit = request.limit.map_or(LIMIT, |limit| usize::try_from(u64::from(limit)).unwrap_or(MOST));
    if limit == 0 {
        return Err(ApiError::invalid_param("`limit` is greater than zero"));
    }
    let (room, rules) = readable(&rooms, sender, &request.room_id).await?;
    let page =
        rooms.threads(sender.user, &sender.user_id, &room, &rules, before, participated, limit.min(MOST)).await?;
    let mut response =
        Response::new(show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &page.roots).await?);
    response.next_batch = page.next.map(|next| next.0.to_string());
    Ok(response)
}
