//! GET /_matrix/client/v3/rooms/{roomId}/state: the whole state of a room.

use ruma::api::client::state::get_state_events::v3::{Request, Response};

use crate::{
    api::{
        client::room::{readable, show},
        error::ApiError,
        ruma_route::Ruma,
    },
    clock::Clock,
    domain::rooms::Rooms,
};

pub async fn get_state_events((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let (room, rules) = readable(&rooms, &request.sender, &request.room_id).await?;
    let state = rooms.state_for(request.sender.user, &room).await?;
    Ok(Response::new(show(&rooms, &request.sender, clock.now_ms(), &request.room_id, &rules, &state).await?))
}
