//! GET /_matrix/federation/v1/media/download/{mediaId}: gives a file of ours to another server.

use ruma::{
    OwnedServerName,
    api::federation::authenticated_media::{
        ContentMetadata,
        get_content::v1::{Request, Response},
    },
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::media::Media,
};

pub async fn get_content(
    (media, server_name): (Media, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let found = media.find(&server_name, &request.media_id, request.timeout_ms).await?;
    Ok(Response::new(ContentMetadata::new(), super::content(found).await?))
}
