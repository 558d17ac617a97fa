//! GET /_matrix/client/v3/thirdparty/protocols: all protocols that services bridge.

use ruma::api::client::thirdparty::get_protocols::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::appservices::Appservices,
};

pub async fn get_protocols(appservices: Appservices, _: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(appservices.protocols().await))
}
