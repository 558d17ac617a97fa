//! PUT /_matrix/client/v3/devices/{deviceId}: gives a device another name; an application service can make one.

use bytes::BufMut;
use http::StatusCode;
use ruma::api::{
    IncomingRequest, Metadata, OutgoingResponse,
    auth_scheme::AccessToken,
    client::device::update_device::v3,
    error::{Error, FromHttpRequestError, IntoHttpError},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

/// ruma's request; the answer has a status of its own when the device is new.
pub struct Request(v3::Request);

pub enum Response {
    Updated,
    Created,
}

impl Metadata for Request {
    const METHOD: http::Method = v3::Request::METHOD;
    const RATE_LIMITED: bool = false;
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
        v3::Request::try_from_http_request(request, path_args).map(Self)
    }
}

impl OutgoingResponse for Response {
    fn try_into_http_response<T: Default + BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        let mut response = v3::Response::new().try_into_http_response()?;
        if matches!(self, Self::Created) {
            *response.status_mut() = StatusCode::CREATED;
        }
        Ok(response)
    }
}

pub async fn update_device(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let v3::Request { device_id, display_name, .. } = request.request.0;
    if accounts.rename_device(request.sender.user, device_id.clone(), display_name.clone()).await? {
        return Ok(Response::Updated);
    }
    if request.sender.appservice.is_none() {
        return Err(ApiError::not_found("There is no such device"));
    }
    accounts.make_device(request.sender.user, device_id, display_name).await?;
    Ok(Response::Created)
}
