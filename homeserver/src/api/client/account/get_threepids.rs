//! GET /_matrix/client/v3/account/3pid: the addresses bound to the account; this server binds none.

use bytes::BufMut;
use ruma::api::{
    IncomingRequest, Metadata, OutgoingResponse,
    auth_scheme::AccessToken,
    client::account::get_3pids::v3,
    error::{Error, FromHttpRequestError, IntoHttpError},
};

use crate::api::{error::ApiError, ruma_route::Ruma};

/// ruma's request.
pub struct Request(());

/// An empty list: ruma leaves it out, and clients take it for granted.
pub struct Response(());

impl Metadata for Request {
    const METHOD: http::Method = v3::Request::METHOD;
    const RATE_LIMITED: bool = v3::Request::RATE_LIMITED;
    type Authentication = AccessToken;
    type PathBuilder = <v3::Request as Metadata>::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = v3::Request::PATH_BUILDER;
}

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
        body.put_slice(br#"{"threepids":[]}"#);
        Ok(http::Response::builder().header(http::header::CONTENT_TYPE, "application/json").body(body)?)
    }
}

pub async fn get_threepids((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response(()))
}
