//! GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}: one event.

use ruma::api::client::room::get_room_event::v3::{Request, Response};

use super::{readable, show};
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::rooms::{Rooms, RoomsError},
};

pub async fn get_room_event((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let (room, rules) =
        readable(&rooms, sender, &request.room_id).await.map_err(|_| ApiError::from(RoomsError::UnknownEvent))?;
    let event = rooms.event_for(sender.user, &sender.user_id, &room, &request.event_id).await?;
    let shown = show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &[event]).await?;
    shown.into_iter().next().map(Response::new).ok_or_else(|| RoomsError::UnknownEvent.into())
}
