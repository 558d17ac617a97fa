//! GET /_matrix/client/v1/media/config: the largest upload.

use ruma::{
    UInt,
    api::client::{
        authenticated_media::get_media_config::v1::{Request, Response},
        media::get_media_config::v3,
    },
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::media::Media,
};

pub async fn get_media_config(media: Media, _: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(largest(&media)))
}

#[expect(deprecated, reason = "older clients ask here")]
pub async fn get_media_config_v3(media: Media, _: Ruma<v3::Request>) -> Result<v3::Response, ApiError> {
    Ok(v3::Response::new(largest(&media)))
}

fn largest(media: &Media) -> UInt {
    UInt::try_from(media.largest()).unwrap_or(UInt::MAX)
}
