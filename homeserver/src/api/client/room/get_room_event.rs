//! GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}: one event.

use ruma::api::client::room::get_room_event::v3::{Request, Response};

use super::{readable, show};
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::rooms::{Rooms, RoomsError},
    store::Standing,
};

pub async fn get_room_event((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let (room, rules) =
        readable(&rooms, sender, &request.room_id).await.map_err(|_| ApiError::from(RoomsError::UnknownEvent))?;
    let visible = {
        let mut db = rooms.store().read().await?;
        let event = db.event(&request.event_id).await?.ok_or(RoomsError::UnknownEvent)?;
        if event.room != room.sn || event.standing != Standing::Accepted {
            return Err(RoomsError::UnknownEvent.into());
        }
        rooms.visible(&mut db, sender.user, &sender.user_id, room.sn, vec![event]).await?
    };
    let shown = show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &visible).await?;
    shown.into_iter().next().map(Response::new).ok_or_else(|| RoomsError::UnknownEvent.into())
}
