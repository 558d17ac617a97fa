//! PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}: sets a state event, now or later.

use ruma::{
    api::client::state::send_state_event::v3::{Request, Response},
    events::TimelineEventType,
};

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

pub async fn send_state_event(
    rooms: Rooms,
    request: Ruma<Delayable<Request>>,
) -> Result<SentOrDelayed<Response>, ApiError> {
    let wish = &request.request.request;
    let content = canonical(wish.body.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))?;
    let message = NewMessage {
        room_id: wish.room_id.clone(),
        kind: TimelineEventType::from(wish.event_type.to_string()),
        state_key: Some(wish.state_key.clone()),
        content,
        txn_id: None,
        redacts: None,
        timestamp: request.sender.timestamp(wish.timestamp),
    };
    let user = request.sender.local_user();
    match request.delay()? {
        Some(delay) => Ok(SentOrDelayed::Delayed(rooms.delay(&user, message, delay).await?)),
        None => Ok(SentOrDelayed::Sent(Response::new(rooms.send_state(&user, message).await?))),
    }
}
