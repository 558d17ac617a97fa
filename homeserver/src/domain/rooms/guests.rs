//! Guests of this server: they come into rooms that let guests in, and leave when a room does not any more.

use ruma::{RoomId, events::room::guest_access::GuestAccess};
use serde::Deserialize;

use crate::store::{Db, Membership, RoomSn, UserSn};

use super::{Rooms, RoomsError, send::LocalUser};

#[derive(Deserialize)]
struct Body {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    guest_access: GuestAccess,
}

impl Rooms {
    /// Refuses a guest who would join a room that lets no guests in. What a room that we are not in allows cannot be known before.
    pub(super) async fn check_guest(&self, db: &mut Db, user: UserSn, room: Option<RoomSn>) -> Result<(), RoomsError> {
        if !db.is_guest(user).await? {
            return Ok(());
        }
        let allowed = match room {
            Some(room) => !db.local_joined_members(room).await?.is_empty() && allows_guests(db, room).await?,
            None => false,
        };
        if allowed { Ok(()) } else { Err(RoomsError::Forbidden("Guests cannot join this room".to_owned())) }
    }

    /// The room's guest access may have changed: guests who are there leave when it lets none in.
    pub(super) async fn remove_guests(&self, room_id: &RoomId) -> Result<(), RoomsError> {
        let guests = {
            let mut db = self.store.read().await?;
            let Some(room) = db.room_sn(room_id).await? else { return Ok(()) };
            if allows_guests(&mut db, room).await? { Vec::new() } else { db.joined_guests(room).await? }
        };
        for (user, user_id) in guests {
            let guest = LocalUser { user, user_id, device_id: "GUEST".into() };
            let reason = Some("This room lets no guests in any more".to_owned());
            if let Err(error) = self.leave(&guest, room_id, reason).await {
                tracing::warn!(%room_id, %error, "A guest could not leave a room.");
            }
        }
        Ok(())
    }
}

/// Whether a member event's content is a join.
pub(super) fn is_join(content: &ruma::CanonicalJsonObject) -> bool {
    content.get("membership").and_then(|value| value.as_str()).map(Membership::parse) == Some(Membership::Join)
}

async fn allows_guests(db: &mut Db, room: RoomSn) -> Result<bool, RoomsError> {
    let event = db.current_state_event(room, "m.room.guest_access", "").await?;
    let body = event.and_then(|event| serde_json::from_str::<Body>(&event.json).ok());
    Ok(body.is_some_and(|body| body.content.guest_access == GuestAccess::CanJoin))
}
