//! POST /_matrix/media/v3/upload and PUT /_matrix/media/v3/upload/{serverName}/{mediaId}: takes a file.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use serde::Serialize;

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::accounts::Limit,
};

use super::{describe, sender, server_name};

/// Where the file is.
#[derive(Serialize)]
pub struct Uploaded {
    content_uri: String,
}

/// The answer to an upload under an id that the client knows.
#[derive(Serialize)]
pub struct Done {}

pub async fn post(State(parts): State<Parts>, request: Request) -> Result<Json<Uploaded>, ApiError> {
    let media_id = take(&parts, None, request).await?;
    Ok(Json(Uploaded { content_uri: format!("mxc://{}/{media_id}", parts.server_name) }))
}

pub async fn put(
    State(parts): State<Parts>,
    Path((server, media_id)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    take(&parts, Some((server, media_id)), request).await?;
    Ok(Json(Done {}))
}

async fn take(parts: &Parts, reserved: Option<(String, String)>, request: Request) -> Result<String, ApiError> {
    let (head, body) = request.into_parts();
    let sender = sender(parts, &head).await?;
    sender.not_suspended()?;
    sender.take(&parts.accounts, "upload", Limit::UPLOAD)?;
    let media_id = match reserved {
        Some((server, media_id)) => {
            parts.media.check_reserved(sender.user, &server_name(&server)?, &media_id).await?;
            Some(media_id)
        }
        None => None,
    };
    let request = Request::from_parts(head, body);
    let description = describe(parts, &request)?;
    let body = request.into_body().into_data_stream();
    Ok(parts.media.upload(sender.user, media_id, description, body).await?)
}
