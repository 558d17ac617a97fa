//! GET /_matrix/client/v1/media/download/{serverName}/{mediaId} and …/{fileName}: gives a file.

use std::time::Duration;

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use serde::Deserialize;

use crate::{
    api::{error::ApiError, parts::Parts, peer::Counted},
    domain::media::MediaError,
};

use super::{answer, query, sender, server_name};

/// How long to wait for media that is not uploaded yet.
#[derive(Deserialize)]
pub(super) struct Wait {
    #[serde(default = "twenty_seconds")]
    timeout_ms: u64,
}

fn twenty_seconds() -> u64 {
    20_000
}

impl Wait {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

pub async fn get(
    State(parts): State<Parts>,
    Path((server, media_id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    give(&parts, &server, &media_id, None, request).await
}

pub async fn get_as(
    State(parts): State<Parts>,
    Path((server, media_id, filename)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    give(&parts, &server, &media_id, Some(filename), request).await
}

async fn give(
    parts: &Parts,
    server: &str,
    media_id: &str,
    filename: Option<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, _) = request.into_parts();
    sender(parts, &head).await?;
    let wait: Wait = query(&head)?;
    let found = parts.media.find(&server_name(server)?, media_id, wait.duration()).await?;
    answer(found, filename).await
}

/// GET /_matrix/media/v3/download/{serverName}/{mediaId}: the endpoint of old; it gives only what was there before media needed a login.
pub async fn get_frozen(
    _: Counted,
    State(parts): State<Parts>,
    Path((server, media_id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    frozen(&parts, &server, &media_id, None).await
}

/// GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}: the same under another name.
pub async fn get_frozen_as(
    _: Counted,
    State(parts): State<Parts>,
    Path((server, media_id, filename)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    frozen(&parts, &server, &media_id, Some(filename)).await
}

async fn frozen(parts: &Parts, server: &str, media_id: &str, filename: Option<String>) -> Result<Response, ApiError> {
    let found = parts.media.find_frozen(&server_name(server)?, media_id).await?.ok_or(MediaError::NotFound)?;
    answer(found, filename).await
}
