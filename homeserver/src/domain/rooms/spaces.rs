//! Spaces: a room with its children, and walks down the tree as one user may see it (Client-Server API, "Spaces").

mod remote;
mod walk;

use ruma::{
    OwnedRoomId, OwnedServerName, RoomId,
    events::space::child::HierarchySpaceChildEvent,
    room::{RoomSummary, RoomType},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::store::{Db, Membership, RoomRow, RoomSn, StoreError};

use super::{
    Asker, LocalUser, Rooms, RoomsError,
    summary::{self, Shown},
};

pub use self::walk::{HierarchyPage, HierarchyQuery};
pub(super) use self::{remote::Remembered, walk::Walks};

/// Children of one space that are looked at.
pub const CHILDREN: usize = 500;
/// Servers that are named for a child.
const VIA: usize = 10;

/// A room of the tree.
#[derive(Clone, Debug)]
pub struct SpaceRoom {
    pub summary: RoomSummary,
    /// Its `m.space.child` events, in the order of the specification; empty unless it is a space.
    pub children: Vec<Child>,
}

/// A child that a space names.
#[derive(Clone, Debug)]
pub struct Child {
    pub room_id: OwnedRoomId,
    pub via: Vec<OwnedServerName>,
    /// Stripped, with `origin_server_ts`.
    pub event: Raw<HierarchySpaceChildEvent>,
}

impl Rooms {
    /// A room's summary as a user, or somebody without an account, may see it, and the user's membership; other servers are asked when
    /// ours is not in the room.
    pub async fn summary_for(
        &self,
        user: Option<&LocalUser>,
        room_id: &RoomId,
        via: &[OwnedServerName],
    ) -> Result<(RoomSummary, Option<Membership>), RoomsError> {
        let mut db = self.store.read().await?;
        let room = db.room_by_id(room_id).await?;
        let mut membership = None;
        let mut known = None;
        if let Some(room) = &room {
            if let Some(user) = user {
                membership = summary::membership(&mut db, user.user, room.sn).await?;
            }
            known = summary::of_room(&mut db, room).await?.map(|shown| shown.summary);
        }
        drop(db);
        let summary = match known {
            Some(summary) => summary,
            None => {
                let mut servers = via.to_vec();
                servers.extend(room_id.server_name().map(ToOwned::to_owned));
                let remote = self.remote_space(room_id, &servers, false).await?;
                remote.ok_or(RoomsError::UnknownRoom)?.room.summary.clone()
            }
        };
        let asker = user.map_or(Asker::Nobody, Asker::User);
        if !summary::may_be_shown(&mut *self.store.read().await?, asker, &summary).await? {
            return Err(RoomsError::UnknownRoom);
        }
        Ok((summary, membership))
    }
}

/// A room that this server is in, with its children.
pub(in crate::domain) async fn local(
    db: &mut Db,
    room: &RoomRow,
    suggested_only: bool,
) -> Result<Option<(SpaceRoom, bool)>, StoreError> {
    let Some(Shown { summary, federates }) = summary::of_room(db, room).await? else { return Ok(None) };
    let children = match summary.room_type {
        Some(RoomType::Space) => local_children(db, room.sn, suggested_only).await?,
        _ => Vec::new(),
    };
    Ok(Some((SpaceRoom { summary, children }, federates)))
}

async fn local_children(db: &mut Db, room: RoomSn, suggested_only: bool) -> Result<Vec<Child>, StoreError> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
        #[serde(borrow)]
        sender: &'a RawValue,
        #[serde(borrow)]
        state_key: &'a RawValue,
        origin_server_ts: i64,
    }
    let mut events = Vec::new();
    for stored in db.current_state_of_type(room, "m.space.child").await? {
        let Ok(event) = serde_json::from_str::<Event<'_>>(&stored.json) else { continue };
        let stripped = json!({
            "type": "m.space.child", "state_key": event.state_key, "content": event.content, "sender": event.sender,
            "origin_server_ts": event.origin_server_ts,
        });
        events.extend(Raw::new(&stripped).ok().map(Raw::cast_unchecked));
    }
    Ok(in_order(events, suggested_only))
}

/// The valid ones among child events, in the order in which they are shown.
fn in_order(events: Vec<Raw<HierarchySpaceChildEvent>>, suggested_only: bool) -> Vec<Child> {
    let mut children: Vec<(HierarchySpaceChildEvent, Raw<HierarchySpaceChildEvent>)> =
        events.into_iter().filter_map(|event| Some((event.deserialize().ok()?, event))).collect();
    // Without servers a child is taken away.
    children.retain(|(child, _)| !child.content.via.is_empty() && (child.content.suggested || !suggested_only));
    children.sort_by(|(one, _), (other, _)| one.cmp(other));
    children.truncate(CHILDREN);
    let child = |(child, event): (HierarchySpaceChildEvent, _)| Child {
        room_id: child.state_key,
        via: child.content.via.into_iter().take(VIA).collect(),
        event,
    };
    children.into_iter().map(child).collect()
}
