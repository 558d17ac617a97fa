//! POST /_hearth/v1/rooms/{room}/repair: a room's state is brought together with what other servers have.
//! GET /_hearth/v1/rooms/arriving: rooms that were joined a moment ago, whose members are on their way.

use axum::{
    Json,
    extract::{Path, State},
};
use ruma::{OwnedRoomId, OwnedServerName};
use serde::Serialize;

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::rooms::RoomsError,
};

/// What a repair did.
#[derive(Serialize)]
pub struct Repaired {
    /// Names of the servers that told their state.
    servers: Vec<String>,
    /// Of those that were asked in vain.
    failed: Vec<String>,
    /// Others might have told theirs, had there been more time.
    out_of_time: bool,
    changed: Vec<Changed>,
}

/// A piece of the room's state that is another now.
#[derive(Serialize)]
pub struct Changed {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
}

/// A room whose members are on their way.
#[derive(Serialize)]
pub struct ArrivingRoom {
    room_id: OwnedRoomId,
    /// Pieces of its state that are here, and how many there will be (null until a server told).
    arrived: usize,
    all: Option<usize>,
}

pub async fn arriving(State(parts): State<Parts>) -> Json<Vec<ArrivingRoom>> {
    let rooms = parts.rooms.arriving().borrow().clone().into_values();
    Json(rooms.map(|room| ArrivingRoom { room_id: room.room_id, arrived: room.arrived, all: room.all }).collect())
}

pub async fn repair(State(parts): State<Parts>, Path(room_id): Path<OwnedRoomId>) -> Result<Json<Repaired>, ApiError> {
    let repaired = parts.inbound.repair(&room_id).await.map_err(|error| match error {
        RoomsError::UnknownRoom => ApiError::not_found("This server does not know the room"),
        RoomsError::NotInRoom => ApiError::forbidden("Nobody of this server is in the room"),
        other => other.into(),
    })?;
    let names = |servers: Vec<OwnedServerName>| servers.iter().map(ToString::to_string).collect();
    let changed = repaired.changed.into_iter().map(|(kind, state_key)| Changed { kind, state_key }).collect();
    Ok(Json(Repaired {
        servers: names(repaired.servers),
        failed: names(repaired.failed),
        out_of_time: repaired.out_of_time,
        changed,
    }))
}
