//! GET /_matrix/client/v3/voip/turnServer: credentials of the TURN server that calls may use.

use std::{sync::Arc, time::Duration};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ruma::{
    UserId,
    api::{
        IncomingRequest, OutgoingResponse,
        auth_scheme::AccessToken,
        client::voip::get_turn_server_info::v3,
        error::{Error, FromHttpRequestError, IntoHttpError},
    },
};
use sha1::Sha1;

use crate::{
    api::{
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    clock::Clock,
    config::{Config, Turn},
};

/// ruma's request; its answer may be without credentials.
pub struct Request(());

/// Credentials, or an empty object where there is no TURN server: clients go on without one.
pub struct Answer(Option<v3::Response>);

same_endpoint!(Request, v3::Request, true, AccessToken);

impl IncomingRequest for Request {
    type EndpointError = Error;
    type OutgoingResponse = Answer;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        v3::Request::try_from_http_request(request, path_args).map(|_| Self(()))
    }
}

impl OutgoingResponse for Answer {
    fn try_into_http_response<T: Default + bytes::BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        if let Some(credentials) = self.0 {
            return credentials.try_into_http_response();
        }
        let mut body = T::default();
        body.put_slice(b"{}");
        Ok(http::Response::builder().header(http::header::CONTENT_TYPE, "application/json").body(body)?)
    }
}

pub async fn get_turn_server_info(
    (config, clock): (Arc<Config>, Clock),
    request: Ruma<Request>,
) -> Result<Answer, ApiError> {
    let Some(turn) = &config.turn else { return Ok(Answer(None)) };
    let now = clock.now_ms() / 1000;
    Ok(Answer(credentials(turn, &request.sender.user_id, now)))
}

/// What the settings say, or a name that ends at a time with the MAC of that name, as TURN servers with a shared secret expect it.
fn credentials(turn: &Turn, user_id: &UserId, now_s: i64) -> Option<v3::Response> {
    let (username, password) = match (&turn.secret, &turn.username, &turn.password) {
        (Some(secret), ..) => {
            let username = format!("{}:{user_id}", now_s + i64::from(turn.lifetime));
            let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
            mac.update(username.as_bytes());
            (username, BASE64.encode(&mac.finalize().into_bytes()))
        }
        (None, Some(username), Some(password)) => (username.clone(), password.clone()),
        _ => return None,
    };
    Some(v3::Response::new(username, password, turn.uris.clone(), Duration::from_secs(turn.lifetime.into())))
}
