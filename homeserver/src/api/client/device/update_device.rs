//! PUT /_matrix/client/v3/devices/{deviceId}: gives a device another name; an application service can make one.

use bytes::BufMut;
use http::StatusCode;
use ruma::api::{
    IncomingRequest, OutgoingResponse,
    auth_scheme::AccessToken,
    client::device::update_device::v3,
    error::{Error, FromHttpRequestError, IntoHttpError},
};

use crate::{
    api::{
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
    domain::accounts::Accounts,
};

/// ruma's request; the answer has a status of its own when the device is new.
pub struct Request(v3::Request);

pub enum Response {
    Updated,
    Created,
}

same_endpoint!(Request, v3::Request, false, AccessToken);

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
