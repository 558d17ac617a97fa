//! GET /_matrix/federation/v1/media/thumbnail/{mediaId}: gives a thumbnail of a file of ours to another server.

use ruma::{
    OwnedServerName,
    api::federation::authenticated_media::{
        ContentMetadata,
        get_content_thumbnail::v1::{Request, Response},
    },
    media::Method,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::media::{Media, Thumbnail, ThumbnailMethod},
};

pub async fn get_content_thumbnail(
    (media, server_name): (Media, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let pixels = |value: ruma::UInt| u32::try_from(u64::from(value)).unwrap_or(u32::MAX);
    let method = if request.method == Some(Method::Crop) { ThumbnailMethod::Crop } else { ThumbnailMethod::Scale };
    let wanted = Thumbnail {
        width: pixels(request.width),
        height: pixels(request.height),
        method,
        animated: request.animated == Some(true),
    };
    let found = media.thumbnail(&server_name, &request.media_id, wanted, request.timeout_ms).await?;
    Ok(Response::new(ContentMetadata::new(), super::content(found).await?))
}
