//! GET /_matrix/client/v1/rooms/{roomId}/threads: the roots of a room's threads, by their newest events.

use ruma::api::{
    IncomingRequest, Metadata,
    client::threads::get_threads::v1::{IncludeThreads, Request, Response},
    error::FromHttpRequestError,
};

use crate::{
    api::{
        client::room::{readable, show, token},
        error::ApiError,
        ruma_route::Ruma,
    },
    clock::Clock,
    domain::rooms::Rooms,
};

/// Roots of one page when the client does not say, and at most.
const LIMIT: usize = 20;
const MOST: usize = 100;

/// The request, with the `include` that ruma misses where a client leaves it out.
pub struct Threads(Request);

impl Metadata for Threads {
    const METHOD: http::Method = Request::METHOD;
    const RATE_LIMITED: bool = Request::RATE_LIMITED;
    type Authentication = <Request as Metadata>::Authentication;
    type PathBuilder = <Request as Metadata>::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = Request::PATH_BUILDER;
}

impl IncomingRequest for Threads {
    type EndpointError = <Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(mut request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        let query = request.uri().query().unwrap_or_default();
        if !query.split('&').any(|pair| pair.starts_with("include=")) {
            let with_all = format!("{}?{query}&include=all", request.uri().path());
            if let Ok(uri) = with_all.parse() {
                *request.uri_mut() = uri;
            }
        }
        Request::try_from_http_request(request, path_args).map(Self)
    }
}

pub async fn get_threads((rooms, clock): (Rooms, Clock), request: Ruma<Threads>) -> Result<Response, ApiError> {
    let (sender, request) = (&request.sender, &request.request.0);
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
