//! GET and PUT /_synapse/admin/v1/rooms/{roomId}/block: whether people of this server may enter a room, known or not.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use crate::api::{error::ApiError, parts::Parts};

use super::{Administrator, room_id};

#[derive(Deserialize)]
pub struct Request {
    block: bool,
}

#[derive(Serialize)]
pub struct Blocked {
    block: bool,
    /// The administrator who blocked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

pub async fn get(
    _: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
) -> Result<Json<Blocked>, ApiError> {
    let by = parts.store.read().await?.blocked_by(room_id(room)?.as_str()).await?;
    Ok(Json(Blocked { block: by.is_some(), user_id: by.flatten() }))
}

pub async fn put(
    by: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
    super::Json(request): super::Json<Request>,
) -> Result<Json<Blocked>, ApiError> {
    parts.rooms.set_blocked(&room_id(room)?, request.block, by.name()).await?;
    Ok(Json(Blocked { block: request.block, user_id: None }))
}
