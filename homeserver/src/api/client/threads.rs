//! Threads: which a room has, and which one follows.

pub mod get_thread_subscription;
pub mod get_thread_subscriptions_changes;
pub mod get_threads;
pub mod subscribe_thread;
pub mod unsubscribe_thread;

use ruma::{EventId, RoomId};

use crate::{
    api::{auth::Sender, client::room::readable, error::ApiError},
    domain::rooms::{Rooms, RoomsError},
    store::RoomSn,
};

/// The room of a thread root that the sender may see.
async fn root(rooms: &Rooms, sender: &Sender, room_id: &RoomId, root: &EventId) -> Result<RoomSn, ApiError> {
    let unknown = || ApiError::from(RoomsError::UnknownEvent);
    let (room, _) = readable(rooms, sender, room_id).await.map_err(|_| unknown())?;
    rooms.event_for(sender.user, &sender.user_id, &room, root).await?;
    Ok(room.sn)
}
