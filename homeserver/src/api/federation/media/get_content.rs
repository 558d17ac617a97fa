//! GET /_matrix/federation/v1/media/download/{mediaId}: gives a file of ours to another server.

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use ruma::api::federation::authenticated_media::get_content::v1::Request as GetContent;

use crate::api::{error::ApiError, parts::Parts};

pub const PATH: &str = "/_matrix/federation/v1/media/download/{p1}";

pub async fn get_content(
    State(parts): State<Parts>,
    Path(media_id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let request: GetContent = super::signed(&parts, request, media_id).await?;
    let found = parts.media.find(&parts.server_name, &request.media_id, request.timeout_ms).await?;
    super::answer(found).await
}
