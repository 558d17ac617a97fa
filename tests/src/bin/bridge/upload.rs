//! POST /upload: a file into the app's hands; answers the token that names it.

use app::Upload;
use axum::{
    Json,
    body::{Body, BodyDataStream},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::Bridge;

pub(crate) async fn receive(State(bridge): State<Bridge>, headers: HeaderMap, body: Body) -> Response {
    if !bridge.guard.has_bearer(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let upload = match bridge.app.begin_upload() {
        Ok(upload) => upload,
        Err(error) => return (StatusCode::CONFLICT, Json(error)).into_response(),
    };
    match write(&upload, body.into_data_stream()).await {
        Ok(true) => match bridge.app.finish_upload(upload) {
            Ok(token) => Json(json!({ "upload": token })).into_response(),
            Err(error) => (StatusCode::CONFLICT, Json(error)).into_response(),
        },
        outcome => {
            let _ = tokio::fs::remove_file(&upload.path).await;
            match outcome {
                Ok(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
            }
        }
    }
}

/// False when the file is larger than the app takes.
async fn write(upload: &Upload, mut body: BodyDataStream) -> std::io::Result<bool> {
    let mut file = tokio::fs::File::create(&upload.path).await?;
    let mut size = 0_u64;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(std::io::Error::other)?;
        size += chunk.len() as u64;
        if size > Upload::MAX_SIZE {
            return Ok(false);
        }
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    Ok(true)
}
