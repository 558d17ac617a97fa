//! PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}: sets a state event.

use ruma::{
    CanonicalJsonValue, UserId,
    api::client::state::send_state_event::v3::{Request, Response},
    events::TimelineEventType,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        events::build::canonical,
        rooms::{NewMessage, Rooms},
    },
};

pub async fn send_state_event(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let content =
        canonical(request.request.body.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))?;
    let kind = TimelineEventType::from(request.event_type.to_string());
    match kind {
        TimelineEventType::RoomCreate => return Err(ApiError::forbidden("A room is made once")),
        TimelineEventType::RoomMember => {
            let target = UserId::parse(&request.state_key)
                .map_err(|_| ApiError::invalid_param("The state key of a member event is a user id"))?;
            if content.get("membership").and_then(CanonicalJsonValue::as_str) == Some("invite")
                && target != request.sender.user_id
            {
                // The invited user's server has a say.
                let user = request.sender.local_user();
                return Ok(Response::new(rooms.invite_with(&user, &request.room_id, &target, None, content).await?));
            }
        }
        TimelineEventType::RoomCanonicalAlias => {
            rooms.check_aliases(&request.room_id, &content).await?;
        }
        _ => {}
    }
    let message = NewMessage {
        room_id: request.room_id.clone(),
        kind,
        state_key: Some(request.state_key.clone()),
        content,
        txn_id: None,
        redacts: None,
        timestamp: None,
    };
    Ok(Response::new(rooms.send(&request.sender.local_user(), message).await?))
}
