//! DELETE /_matrix/client/unstable/io.element.msc4306/rooms/{roomId}/thread/{eventId}/subscription: follows a thread no longer (MSC4306).

use ruma::api::client::threads::unsubscribe_thread::unstable::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn unsubscribe_thread(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let room = super::root(&rooms, &request.sender, &request.room_id, &request.thread_root).await?;
    rooms.unsubscribe_thread(request.sender.user, room, &request.thread_root).await?;
    Ok(Response::new())
}
