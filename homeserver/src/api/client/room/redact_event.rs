//! PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}: takes the content of an event away.

use ruma::{
    CanonicalJsonObject,
    api::client::redact::redact_event::v3::{Request, Response},
    events::TimelineEventType,
};

use super::TXN_ID;
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::{NewMessage, Rooms},
};

pub async fn redact_event(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    if request.txn_id.as_str().len() > TXN_ID {
        return Err(ApiError::invalid_param("The transaction id is too long"));
    }
    if request.sender.suspended {
        let event = rooms.store().read().await?.event(&request.event_id).await?;
        if event.is_none_or(|event| event.sender != request.sender.user) {
            request.sender.not_suspended()?;
        }
    }
    let mut content = CanonicalJsonObject::new();
    if let Some(reason) = &request.reason {
        content.insert("reason".to_owned(), reason.clone().into());
    }
    let message = NewMessage {
        room_id: request.room_id.clone(),
        kind: TimelineEventType::RoomRedaction,
        state_key: None,
        content,
        txn_id: Some(request.txn_id.to_string()),
        redacts: Some(request.event_id.clone()),
        timestamp: None,
    };
    Ok(Response::new(rooms.send(&request.sender.local_user(), message).await?))
}
