//! GET /_matrix/client/v3/thirdparty/protocol/{protocol}: a protocol, its fields and its networks.

use ruma::api::client::thirdparty::get_protocol::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
};

pub async fn get_protocol(appservices: Appservices, request: Ruma<Request>) -> Result<Response, ApiError> {
    appservices.protocol(&request.protocol).await.map(Response::new).ok_or_else(super::unknown)
}
