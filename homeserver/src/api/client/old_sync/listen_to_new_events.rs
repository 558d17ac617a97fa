//! GET /_matrix/client/v3/events: waits for new events of one's rooms, or of one room that everybody may read.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
};
use bytes::Bytes;
use ruma::{OwnedRoomId, api::auth_scheme::AccessToken};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    api::{
        auth::Authenticate,
        client::{room::token, sync::viewer},
        error::ApiError,
        parts::Parts,
    },
    store::RoomRow,
};

#[derive(Deserialize)]
struct Query {
    from: Option<String>,
    timeout: Option<u64>,
    room_id: Option<OwnedRoomId>,
}

/// New events, which may be none.
#[derive(Serialize)]
pub struct Chunk {
    start: String,
    end: String,
    chunk: Vec<Box<RawValue>>,
}

pub async fn get(State(parts): State<Parts>, request: Request) -> Result<Json<Chunk>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = AccessToken::authenticate(&parts, &Request::from_parts(head.clone(), Bytes::new())).await?;
    let Query { from, timeout, room_id } = serde_html_form::from_str(head.uri.query().unwrap_or_default())
        .map_err(|error| ApiError::invalid_param(error.to_string()))?;
    let from = from.as_deref().map(token).transpose()?.unwrap_or_else(|| parts.store.position());
    let room: Option<RoomRow> = match room_id {
        Some(room_id) => Some(parts.rooms.readable(sender.user, &room_id).await?),
        None => None,
    };
    let wait = Duration::from_millis(timeout.unwrap_or_default());
    let (events, end) = parts.sync.listen(&viewer(&sender), room.as_ref(), from, wait).await?;
    Ok(Json(Chunk { start: from.0.to_string(), end: end.0.to_string(), chunk: events }))
}
