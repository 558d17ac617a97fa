//! GET /_matrix/client/v1/media/preview_url: what a page says of itself.

use ruma::api::client::{
    authenticated_media::get_media_preview::v1::{Request, Response},
    media::get_media_preview::v3,
};
use serde_json::value::RawValue;

use crate::{
    api::{auth::Sender, error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        media::Media,
    },
};

pub async fn get_media_preview(parts: (Media, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::from_raw_value(preview(parts, &request.sender, &request.url).await?))
}

#[expect(deprecated, reason = "older clients ask here")]
pub async fn get_media_preview_v3(
    parts: (Media, Accounts),
    request: Ruma<v3::Request>,
) -> Result<v3::Response, ApiError> {
    Ok(v3::Response::from_raw_value(preview(parts, &request.sender, &request.url).await?))
}

async fn preview((media, accounts): (Media, Accounts), sender: &Sender, url: &str) -> Result<Box<RawValue>, ApiError> {
    sender.take(&accounts, "preview", Limit::LOOK_UP)?;
    Ok(media.preview(url).await?)
}
