//! GET /_matrix/client/v3/account/3pid: the addresses of the account.

use bytes::BufMut;
use ruma::api::{
    IncomingRequest, OutgoingResponse,
    auth_scheme::AccessToken,
    client::account::get_3pids::v3,
    error::{Error, FromHttpRequestError, IntoHttpError},
};
use serde_json::{Value, json};

use crate::{
    api::{
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    domain::accounts::Accounts,
};

/// ruma's request.
pub struct Request(());

/// All of them, and an empty list too: ruma leaves it out, and clients take it for granted.
pub struct Response(Vec<Value>);

same_endpoint!(Request, v3::Request, v3::Request::RATE_LIMITED, AccessToken);

impl IncomingRequest for Request {
    type EndpointError = Error;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        v3::Request::try_from_http_request(request, path_args).map(|_| Self(()))
    }
}

impl OutgoingResponse for Response {
    fn try_into_http_response<T: Default + BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        let mut body = T::default();
        body.put_slice(&serde_json::to_vec(&json!({ "threepids": self.0 }))?);
        Ok(http::Response::builder().header(http::header::CONTENT_TYPE, "application/json").body(body)?)
    }
}

pub async fn get_3pids(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let rows = accounts.threepids(request.sender.user).await?;
    let shown = rows.into_iter().map(|row| {
        json!({
            "medium": row.medium, "address": row.address,
            "validated_at": row.validated_ts, "added_at": row.added_ts,
        })
    });
    Ok(Response(shown.collect()))
}
