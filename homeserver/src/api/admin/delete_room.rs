//! DELETE /_synapse/admin/v2/rooms/{roomId}: local users leave, and everything of the room leaves the database; and its status.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::rooms::{Deletion, Purge, PurgeStatus, RoomsError, Shutdown},
};

use super::{Administrator, room_id};

#[derive(Deserialize)]
pub struct Request {
    #[serde(default)]
    block: bool,
    #[serde(default = "yes")]
    purge: bool,
    #[serde(default)]
    force_purge: bool,
    message: Option<String>,
    new_room_user_id: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
pub struct Begun {
    delete_id: String,
}

#[derive(Serialize)]
pub struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_id: Option<String>,
    status: PurgeStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    shutdown_room: Shutdown,
}

#[derive(Serialize)]
pub struct Statuses {
    results: Vec<Status>,
}

pub async fn delete(
    by: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
    super::Json(request): super::Json<Request>,
) -> Result<Json<Begun>, ApiError> {
    let room_id = room_id(room)?;
    if request.new_room_user_id.is_some() {
        return Err(ApiError::invalid_param("No new room is made here for those who leave: take new_room_user_id out"));
    }
    let deletion = Deletion {
        block: request.block,
        purge: request.purge,
        force: request.force_purge,
        by: by.name(),
        reason: request.message,
    };
    match parts.rooms.delete_room(&room_id, deletion).await {
        Ok(delete_id) => Ok(Json(Begun { delete_id })),
        Err(RoomsError::UnknownRoom) => Err(ApiError::not_found("This server does not know the room")),
        Err(error) => Err(error.into()),
    }
}

/// GET …/{roomId}/delete_status: all deletions of a room.
pub async fn statuses(
    _: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
) -> Result<Json<Statuses>, ApiError> {
    let results: Vec<Status> =
        parts.rooms.deletions(&room_id(room)?).into_iter().map(|purge| to_status(purge, true)).collect();
    if results.is_empty() {
        return Err(ApiError::not_found("No deletion of this room is known"));
    }
    Ok(Json(Statuses { results }))
}

/// GET …/delete_status/{deleteId}: one deletion.
pub async fn status(
    _: Administrator,
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<Status>, ApiError> {
    let purge = parts.rooms.purge(&id).filter(|purge| purge.whole);
    purge.map(|purge| Json(to_status(purge, false))).ok_or_else(|| ApiError::not_found("No such deletion is known"))
}

fn to_status(purge: Purge, with_id: bool) -> Status {
    let Purge { id, status, error, shutdown, .. } = purge;
    Status { delete_id: with_id.then_some(id), status, error, shutdown_room: shutdown }
}
