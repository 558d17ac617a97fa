//! The state of a room as one user may see it: now for who is in it, as they left it for who is not.

use crate::store::{Membership, Position, RoomRow, SnapshotSn, StoredEvent, UserSn};

use super::{Rooms, RoomsError};

impl Rooms {
    /// The whole state.
    pub async fn state_for(&self, user: UserSn, room: &RoomRow) -> Result<Vec<StoredEvent>, RoomsError> {
        let mut db = self.store.read().await?;
        match self.left_at(user, room).await? {
            None => Ok(db.current_state(room.sn).await?),
            Some((snapshot, leave)) => {
                let mut state = Vec::new();
                for (key, event) in db.state(snapshot).await? {
                    if leave.key != Some(key) {
                        state.extend(db.event_by_sn(event).await?);
                    }
                }
                state.push(leave);
                Ok(state)
            }
        }
    }

    /// One entry of the state.
    pub async fn state_event_for(
        &self,
        user: UserSn,
        room: &RoomRow,
        kind: &str,
        state_key: &str,
    ) -> Result<Option<StoredEvent>, RoomsError> {
        let mut db = self.store.read().await?;
        let Some((snapshot, leave)) = self.left_at(user, room).await? else {
            return Ok(db.current_state_event(room.sn, kind, state_key).await?);
        };
        let Some(key) = db.key_sn(kind, state_key).await? else { return Ok(None) };
        if leave.key == Some(key) {
            return Ok(Some(leave));
        }
        match db.state_entry(snapshot, key).await? {
            Some(event) => Ok(db.event_by_sn(event).await?),
            None => Ok(None),
        }
    }

    /// Member events now, or as they were at a position.
    pub async fn members_at(
        &self,
        user: UserSn,
        room: &RoomRow,
        at: Option<Position>,
    ) -> Result<Vec<StoredEvent>, RoomsError> {
        let left = self.left_at(user, room).await?.is_some();
        if left || at.is_none_or(|at| at >= self.store.position()) {
            let mut members = self.state_for(user, room).await?;
            members.retain(is_member);
            return Ok(members);
        }
        let mut db = self.store.read().await?;
        let at = at.unwrap_or_default();
        let last = db.timeline_backwards(room.sn, Position(i64::MIN), at, 1).await?;
        let Some(last) = last.into_iter().next() else { return Ok(Vec::new()) };
        let mut members = Vec::new();
        if let Some(snapshot) = last.snapshot {
            for (key, event) in db.state(snapshot).await? {
                if last.key != Some(key) {
                    members.extend(db.event_by_sn(event).await?.filter(is_member));
                }
            }
        }
        members.extend(Some(last).filter(is_member));
        Ok(members)
    }

    /// Where a user who is not in the room any more left it: the state before their leaving, and that event.
    async fn left_at(&self, user: UserSn, room: &RoomRow) -> Result<Option<(SnapshotSn, StoredEvent)>, RoomsError> {
        let mut db = self.store.read().await?;
        let Some(mine) = db.local_membership(user, room.sn).await? else { return Ok(None) };
        if !matches!(mine.membership, Membership::Leave | Membership::Ban) {
            return Ok(None);
        }
        let Some(event) = mine.event_sn else { return Ok(None) };
        let event = db.event_by_sn(event).await?;
        Ok(event.and_then(|event| event.snapshot.map(|snapshot| (snapshot, event))))
    }
}

fn is_member(event: &StoredEvent) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    serde_json::from_str::<Kind>(&event.json).is_ok_and(|event| event.kind == "m.room.member")
}
