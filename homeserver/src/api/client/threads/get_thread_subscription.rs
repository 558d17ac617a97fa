//! GET /_matrix/client/unstable/io.element.msc4306/rooms/{roomId}/thread/{eventId}/subscription: whether one follows a thread (MSC4306).

use ruma::api::client::threads::get_thread_subscription::unstable::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn get_thread_subscription(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let room = super::root(&rooms, &request.sender, &request.room_id, &request.thread_root).await?;
    let mut db = rooms.store().read().await?;
    let subscription = db.thread_subscription(request.sender.user, room, &request.thread_root).await?;
    match subscription.filter(|subscription| subscription.subscribed) {
        Some(subscription) => Ok(Response::new(subscription.automatic)),
        None => Err(ApiError::not_found("You do not follow this thread")),
    }
}
