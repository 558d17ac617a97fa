//! GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}: one state event, or its content.

use ruma::{
    api::client::state::get_state_event_for_key::v3::{Request, Response, StateEventFormat},
    events::AnyStateEvent,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    api::{
        client::room::{readable, show},
        error::ApiError,
        ruma_route::Ruma,
    },
    clock::Clock,
    domain::rooms::Rooms,
};

#[derive(Deserialize)]
struct Content {
    content: Box<RawValue>,
}

pub async fn get_state_event((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let (room, rules) = readable(&rooms, &request.sender, &request.room_id).await?;
    let kind = request.event_type.to_string();
    let event = rooms
        .state_event_for(request.sender.user, &room, &kind, &request.state_key)
        .await?
        .ok_or_else(|| ApiError::not_found("The room has no such state"))?;
    let shown: Vec<ruma::serde::Raw<AnyStateEvent>> =
        show(&rooms, &request.sender, clock.now_ms(), &request.room_id, &rules, &[event]).await?;
    let whole = shown.into_iter().next().ok_or_else(|| ApiError::not_found("The room has no such state"))?;
    if request.format == StateEventFormat::Event {
        return Ok(Response::new(whole.into_json()));
    }
    let content: Content = serde_json::from_str(whole.json().get()).map_err(|error| ApiError::internal(&error))?;
    Ok(Response::new(content.content))
}
