//! POST /_synapse/admin/v1/purge_history/{roomId}[/{eventId}]: old messages leave the database, state stays; and its status.

use axum::{
    Json,
    extract::{Path, State},
};
use ruma::EventId;
use serde::{Deserialize, Serialize};

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::rooms::{HistoryPurge, PurgeStatus},
    store::{Position, RoomRow},
};

use super::{Administrator, room_id};

#[derive(Deserialize)]
pub struct Request {
    #[serde(default)]
    delete_local_events: bool,
    purge_up_to_event_id: Option<String>,
    /// Milliseconds since 1970.
    purge_up_to_ts: Option<i64>,
}

#[derive(Serialize)]
pub struct Begun {
    purge_id: String,
}

#[derive(Serialize)]
pub struct Status {
    status: PurgeStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub async fn post(
    _: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
    super::Json(request): super::Json<Request>,
) -> Result<Json<Begun>, ApiError> {
    begin(&parts, room, None, request).await
}

pub async fn post_event(
    _: Administrator,
    State(parts): State<Parts>,
    Path((room, event)): Path<(String, String)>,
    super::Json(request): super::Json<Request>,
) -> Result<Json<Begun>, ApiError> {
    begin(&parts, room, Some(event), request).await
}

/// GET /_synapse/admin/v1/purge_history_status/{purgeId}: how far it is.
pub async fn status(
    _: Administrator,
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<Status>, ApiError> {
    let purge = parts.rooms.purge(&id).filter(|purge| !purge.whole);
    let purge = purge.ok_or_else(|| ApiError::not_found("No such purge is known"))?;
    Ok(Json(Status { status: purge.status, error: purge.error }))
}

async fn begin(parts: &Parts, room: String, event: Option<String>, request: Request) -> Result<Json<Begun>, ApiError> {
    let row = parts.store.read().await?.room_by_id(&room_id(room)?).await?;
    let row = row.ok_or_else(|| ApiError::not_found("This server does not know the room"))?;
    let before = before(parts, &row, event.as_deref().or(request.purge_up_to_event_id.as_deref()), &request).await?;
    let purge = HistoryPurge { before, local: request.delete_local_events };
    let purge_id = parts.rooms.purge_history(&row.room_id, purge).await?;
    Ok(Json(Begun { purge_id }))
}

/// The event that is named stays, or the last one of the time that is named.
async fn before(parts: &Parts, room: &RoomRow, event: Option<&str>, request: &Request) -> Result<Position, ApiError> {
    let mut db = parts.store.read().await?;
    let position = match (event, request.purge_up_to_ts) {
        (Some(event), _) => {
            let event = EventId::parse(event).map_err(|_| ApiError::invalid_param("This is not an event id"))?;
            let event = db.event(&event).await?.filter(|event| event.room == room.sn);
            event.ok_or_else(|| ApiError::not_found("The event is not in this room"))?.position
        }
        (None, Some(ts)) => db.last_position_at(room.sn, ts).await?,
        (None, None) => {
            return Err(ApiError::missing_param("Name an event, purge_up_to_event_id or purge_up_to_ts"));
        }
    };
    position.ok_or_else(|| ApiError::not_found("There is nothing before that to be purged"))
}
