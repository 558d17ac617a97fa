//! GET /_matrix/client/unstable/org.matrix.msc4143/rtc/transports: the transports of MatrixRTC calls that the settings name.

use std::sync::Arc;

use ruma::api::client::rtc::transports::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    config::Config,
};

pub async fn transports(config: Arc<Config>, _: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(config.rtc_transports.clone()))
}
