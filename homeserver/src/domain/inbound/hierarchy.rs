//! Space trees for other servers: a room and its children, as far as the asking server could peek into or join them.

use ruma::{OwnedRoomId, RoomId, room::RoomSummary};

use crate::domain::{
    federation::Origin,
    rooms::{Asker, SpaceRoom, spaces, summary},
};

use super::{
    Inbound,
    access::{AccessError, is_denied, open_room},
};

/// A room and what we know of its children.
#[derive(Debug)]
pub struct SpaceWithChildren {
    pub room: SpaceRoom,
    pub children: Vec<RoomSummary>,
    /// Children that the asking server has no way into.
    pub inaccessible: Vec<OwnedRoomId>,
}

impl Inbound {
    /// The room and the children that the origin could enter. Children that we know nothing of are left out.
    pub async fn hierarchy(
        &self,
        origin: &Origin,
        room_id: &RoomId,
        suggested_only: bool,
    ) -> Result<SpaceWithChildren, AccessError> {
        let mut db = self.store.read().await?;
        let room = open_room(&mut db, room_id, &origin.server_name).await?;
        let (room, federates) = spaces::local(&mut db, &room, suggested_only).await?.ok_or(AccessError::UnknownRoom)?;
        if !federates || !summary::may_be_shown(&mut db, Asker::Server(origin), &room.summary).await? {
            return Err(AccessError::UnknownRoom);
        }
        let mut answer = SpaceWithChildren { room, children: Vec::new(), inaccessible: Vec::new() };
        for child in &answer.room.children {
            let Some(room) = db.room_by_id(&child.room_id).await? else { continue };
            let Some(shown) = summary::of_room(&mut db, &room).await? else { continue };
            let open = shown.federates
                && !is_denied(&mut db, room.sn, &origin.server_name).await?
                && summary::may_be_shown(&mut db, Asker::Server(origin), &shown.summary).await?;
            if open {
                answer.children.push(shown.summary);
            } else {
                answer.inaccessible.push(child.room_id.clone());
            }
        }
        Ok(answer)
    }
}
