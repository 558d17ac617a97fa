//! POST /_matrix/client/v3/account/3pid: binds an address by an identity server, as clients of old do; this server works with none.

use bytes::BufMut;
use ruma::api::{
    IncomingRequest, Metadata, OutgoingResponse,
    auth_scheme::AccessToken,
    client::account::get_3pids::v3 as get_3pids,
    error::{Error, ErrorKind, FromHttpRequestError, IntoHttpError},
};
use serde::Deserialize;

use crate::api::{error::ApiError, ruma_route::Ruma};

/// What an identity server gave the client.
#[derive(Deserialize)]
pub struct Request {
    #[serde(rename = "three_pid_creds", alias = "threePidCreds")]
    _credentials: Credentials,
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(rename = "client_secret")]
    _client_secret: String,
    #[serde(rename = "id_server")]
    _id_server: String,
    /// Clients of old have none.
    #[serde(rename = "id_access_token")]
    _id_access_token: Option<String>,
    #[serde(rename = "sid")]
    _sid: String,
}

/// An empty object.
pub struct Response(());

impl Metadata for Request {
    const METHOD: http::Method = http::Method::POST;
    const RATE_LIMITED: bool = false;
    type Authentication = AccessToken;
    type PathBuilder = <get_3pids::Request as Metadata>::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = get_3pids::Request::PATH_BUILDER;
}

impl IncomingRequest for Request {
    type EndpointError = Error;
    type OutgoingResponse = Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, _: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        Ok(serde_json::from_slice(request.body().as_ref())?)
    }
}

impl OutgoingResponse for Response {
    fn try_into_http_response<T: Default + BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        let mut body = T::default();
        body.put_slice(b"{}");
        Ok(http::Response::builder().header(http::header::CONTENT_TYPE, "application/json").body(body)?)
    }
}

pub async fn post_3pid((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    Err(ApiError::new(ErrorKind::ServerNotTrusted, "This server works with no identity server"))
}
