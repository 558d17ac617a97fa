//! POST /_matrix/client/v3/account/3pid: lets an identity server tell others whose an address is, as clients of old ask for it.

use bytes::BufMut;
use ruma::{
    OwnedClientSecret, OwnedSessionId,
    api::{
        IncomingRequest, Metadata, OutgoingResponse,
        auth_scheme::AccessToken,
        client::account::get_3pids::v3 as get_3pids,
        error::{Error, FromHttpRequestError, IntoHttpError},
    },
};
use serde::Deserialize;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::identity_servers::IdentityServers,
};

/// What an identity server gave the client.
#[derive(Deserialize)]
pub struct Request {
    #[serde(rename = "three_pid_creds", alias = "threePidCreds")]
    credentials: Credentials,
}

#[derive(Deserialize)]
struct Credentials {
    client_secret: OwnedClientSecret,
    id_server: String,
    /// Clients of old have none; the identity servers of today want one.
    id_access_token: Option<String>,
    sid: OwnedSessionId,
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

pub async fn post_3pid(servers: IdentityServers, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Credentials { client_secret, id_server, id_access_token, sid } = &request.credentials;
    servers.trusted(id_server)?;
    let token = id_access_token.as_deref().ok_or_else(|| ApiError::missing_param("The id_access_token is missing"))?;
    let sender = &request.sender;
    servers.bind(sender.user, &sender.user_id, id_server, token, (sid, client_secret)).await?;
    Ok(Response(()))
}
