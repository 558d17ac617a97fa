//! POST /_hearth/v1/rooms/{room}/repair: a room's state is brought together with what other servers have.

use axum::{
    Json,
    extract::{Path, State},
};
use ruma::OwnedRoomId;
use serde::Serialize;

use crate::api::{error::ApiError, parts::Parts};

/// What a repair did.
#[derive(Serialize)]
pub struct Repaired {
    /// Names of the servers that told their state.
    servers: Vec<String>,
    changed: Vec<Changed>,
}

/// A piece of the room's state that is another now.
#[derive(Serialize)]
pub struct Changed {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
}

pub async fn repair(State(parts): State<Parts>, Path(room_id): Path<OwnedRoomId>) -> Result<Json<Repaired>, ApiError> {
    let repaired = parts.inbound.repair(&room_id).await?;
    let servers = repaired.servers.iter().map(ToString::to_string).collect();
    let changed = repaired.changed.into_iter().map(|(kind, state_key)| Changed { kind, state_key }).collect();
    Ok(Json(Repaired { servers, changed }))
}
