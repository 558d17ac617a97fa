//! PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}: whether one is typing.

use ruma::api::{
    IncomingRequest,
    client::typing::create_typing_event::v3::{Request, Response, Typing},
    error::FromHttpRequestError,
};
use serde_json::{Map, Value};

use crate::{
    api::{
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    domain::ephemeral::Ephemeral,
};

/// How long somebody types who does not say it, in milliseconds.
const TYPING: u64 = 30_000;

/// ruma's request demands a `timeout`, which the specification leaves to the client.
pub struct TimeByDefault(Request);

same_endpoint!(TimeByDefault, Request);

impl IncomingRequest for TimeByDefault {
    type EndpointError = <Request as IncomingRequest>::EndpointError;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        let mut body: Map<String, Value> = serde_json::from_slice(request.body().as_ref())?;
        if body.get("typing") == Some(&Value::Bool(true)) {
            body.entry("timeout").or_insert_with(|| TYPING.into());
        }
        let body = serde_json::to_vec(&body)?;
        Ok(Self(Request::try_from_http_request(request.map(|_| body), path_args)?))
    }
}

pub async fn create_typing_event(ephemeral: Ephemeral, request: Ruma<TimeByDefault>) -> Result<Response, ApiError> {
    let (sender, wish) = (&request.sender, &request.request.0);
    if wish.user_id != sender.user_id {
        return Err(ApiError::forbidden("Nobody types for another"));
    }
    let time = match &wish.state {
        Typing::Yes(info) => Some(info.timeout),
        Typing::No => None,
    };
    ephemeral.set_typing(sender.user, &sender.user_id, &wish.room_id, time).await?;
    Ok(Response::new())
}
