//! GET /_matrix/client/v3/events/{eventId}: one event, without its room.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use bytes::Bytes;
use ruma::{EventId, api::auth_scheme::AccessToken, serde::Raw};
use serde_json::value::RawValue;

use crate::{
    api::{
        auth::Authenticate,
        client::room::{readable, show},
        error::ApiError,
        parts::Parts,
    },
    domain::rooms::RoomsError,
    store::Standing,
};

pub async fn get(
    State(parts): State<Parts>,
    Path(event_id): Path<String>,
    request: Request,
) -> Result<Json<Box<RawValue>>, ApiError> {
    let sender = AccessToken::authenticate(&parts, &request.map(|_| Bytes::new())).await?;
    let event_id = EventId::parse(&event_id).map_err(|_| ApiError::invalid_param("This is not an event id"))?;
    let unknown = || ApiError::from(RoomsError::UnknownEvent);
    let rooms = &parts.rooms;
    let (event, room_id) = {
        let mut db = rooms.store().read().await?;
        let event = db.event(&event_id).await?.filter(|event| event.standing == Standing::Accepted);
        let event = event.ok_or_else(unknown)?;
        let room_id = db.room_id(event.room).await?;
        (event, room_id)
    };
    let (room, rules) = readable(rooms, &sender, &room_id).await.map_err(|_| unknown())?;
    let visible = {
        let mut db = rooms.store().read().await?;
        rooms.visible(&mut db, sender.user, &sender.user_id, room.sn, vec![event]).await?
    };
    let shown = show::<serde_json::Value>(rooms, &sender, parts.clock.now_ms(), &room_id, &rules, &visible).await?;
    shown.into_iter().next().map(Raw::into_json).map(Json).ok_or_else(unknown)
}
