//! Media for other servers: only what lies here, as `multipart/mixed`.

use ruma::api::federation::authenticated_media::{Content, FileOrLocation};

use crate::{
    api::{client::media::disposition, error::ApiError},
    domain::media::{Found, MediaError},
};

pub mod get_content;
pub mod get_content_thumbnail;

async fn content(found: Found) -> Result<FileOrLocation, ApiError> {
    let file = tokio::fs::read(&found.path).await.map_err(MediaError::Io)?;
    let disposition = disposition(&found, None);
    let content_type = found.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    Ok(FileOrLocation::File(Content::new(file, content_type, disposition)))
}
