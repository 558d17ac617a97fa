//! PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}: sends an event, now or later.

use ruma::{
    OwnedEventId,
    api::client::message::send_message_event::v3::{Request, Response},
    events::TimelineEventType,
};

use super::TXN_ID;
use crate::{
    api::{
        client::delayed_events::{Delayable, SentOrDelayed},
        error::ApiError,
        ruma_route::Ruma,
    },
    domain::{
        events::build::canonical,
        rooms::{NewMessage, Rooms},
    },
};

pub async fn send_message_event(
    rooms: Rooms,
    request: Ruma<Delayable<Request>>,
) -> Result<SentOrDelayed<Response>, ApiError> {
    let wish = &request.request.request;
    if wish.txn_id.as_str().len() > TXN_ID {
        return Err(ApiError::invalid_param("The transaction id is too long"));
    }
    let content = canonical(wish.body.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))?;
    let kind = TimelineEventType::from(wish.event_type.to_string());
    let text = |field: &str| content.get(field).is_some_and(|value| value.as_str().is_some());
    if kind == TimelineEventType::RoomMessage && !(text("msgtype") && text("body")) {
        return Err(ApiError::bad_json("A message has a `msgtype` and a `body`"));
    }
    let redacts = match (&kind, content.get("redacts").and_then(|value| value.as_str())) {
        (TimelineEventType::RoomRedaction, Some(redacts)) => {
            Some(OwnedEventId::try_from(redacts).map_err(|_| ApiError::invalid_param("`redacts` is not an event id"))?)
        }
        (TimelineEventType::RoomRedaction, None) => return Err(ApiError::bad_json("A redaction needs `redacts`")),
        _ => None,
    };
    let message = NewMessage {
        room_id: wish.room_id.clone(),
        kind,
        state_key: None,
        content,
        txn_id: Some(wish.txn_id.to_string()),
        redacts,
        timestamp: request.sender.timestamp(wish.timestamp),
    };
    let user = request.sender.local_user();
    match request.delay()? {
        Some(delay) => Ok(SentOrDelayed::Delayed(rooms.delay(&user, message, delay).await?)),
        None => Ok(SentOrDelayed::Sent(Response::new(rooms.send(&user, message).await?))),
    }
}
