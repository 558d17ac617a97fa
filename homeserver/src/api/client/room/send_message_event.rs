//! PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}: sends an event.

use ruma::{
    OwnedEventId,
    api::client::message::send_message_event::v3::{Request, Response},
    events::TimelineEventType,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        events::build::canonical,
        rooms::{NewMessage, Rooms},
    },
};

/// Longest transaction id.
const TXN_ID: usize = 255;

pub async fn send_message_event(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    if request.txn_id.as_str().len() > TXN_ID {
        return Err(ApiError::invalid_param("The transaction id is too long"));
    }
    let content =
        canonical(request.request.body.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))?;
    let kind = TimelineEventType::from(request.event_type.to_string());
    let redacts = match (&kind, content.get("redacts").and_then(|value| value.as_str())) {
        (TimelineEventType::RoomRedaction, Some(redacts)) => {
            Some(OwnedEventId::try_from(redacts).map_err(|_| ApiError::invalid_param("`redacts` is not an event id"))?)
        }
        (TimelineEventType::RoomRedaction, None) => return Err(ApiError::bad_json("A redaction needs `redacts`")),
        _ => None,
    };
    let message = NewMessage {
        room_id: request.room_id.clone(),
        kind,
        state_key: None,
        content,
        txn_id: Some(request.txn_id.to_string()),
        redacts,
        timestamp: None,
    };
    Ok(Response::new(rooms.send(&request.sender.local_user(), message).await?))
}
