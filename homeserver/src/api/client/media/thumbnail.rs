//! GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}: a small picture of a picture.

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use serde::Deserialize;

use crate::{
    api::{error::ApiError, parts::Parts, peer::Counted},
    domain::media::{MediaError, Thumbnail, ThumbnailMethod},
};

use super::{answer, download::Wait, query, sender, server_name};

#[derive(Deserialize)]
struct Wanted {
    width: u32,
    height: u32,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    animated: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    Crop,
    #[default]
    Scale,
}

pub async fn get(
    State(parts): State<Parts>,
    Path((server, media_id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, _) = request.into_parts();
    sender(&parts, &head).await?;
    let wait: Wait = query(&head)?;
    let Wanted { width, height, method, animated } = query(&head)?;
    let method = match method {
        Method::Crop => ThumbnailMethod::Crop,
        Method::Scale => ThumbnailMethod::Scale,
    };
    let wanted = Thumbnail { width, height, method, animated };
    let found = parts.media.thumbnail(&server_name(&server)?, &media_id, wanted, wait.duration()).await?;
    let name = match found.content_type.as_deref() {
        Some("image/jpeg") => "thumbnail.jpg",
        Some("image/gif") => "thumbnail.gif",
        Some("image/webp") => "thumbnail.webp",
        _ => "thumbnail.png",
    };
    answer(found, Some(name.to_owned())).await
}

/// GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}: the endpoint of old; it gives only what was there before media needed a login.
pub async fn get_frozen(
    _: Counted,
    State(parts): State<Parts>,
    Path((server, media_id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let found = parts.media.find_frozen(&server_name(&server)?, &media_id).await?.ok_or(MediaError::NotFound)?;
    answer(found, None).await
}
