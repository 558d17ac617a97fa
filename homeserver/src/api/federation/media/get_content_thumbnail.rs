//! GET /_matrix/federation/v1/media/thumbnail/{mediaId}: gives a thumbnail of a file of ours to another server.

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use ruma::{
    api::federation::authenticated_media::get_content_thumbnail::v1::Request as GetContentThumbnail, media::Method,
};

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::media::{Thumbnail, ThumbnailMethod},
};

pub const PATH: &str = "/_matrix/federation/v1/media/thumbnail/{p1}";

pub async fn get_content_thumbnail(
    State(parts): State<Parts>,
    Path(media_id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let request: GetContentThumbnail = super::signed(&parts, request, media_id).await?;
    let pixels = |value: ruma::UInt| u32::try_from(u64::from(value)).unwrap_or(u32::MAX);
    let method = if request.method == Some(Method::Crop) { ThumbnailMethod::Crop } else { ThumbnailMethod::Scale };
    let wanted = Thumbnail {
        width: pixels(request.width),
        height: pixels(request.height),
        method,
        animated: request.animated == Some(true),
    };
    let found = parts.media.thumbnail(&parts.server_name, &request.media_id, wanted, request.timeout_ms).await?;
    super::answer(found).await
}
