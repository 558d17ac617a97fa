//! The state of a room as one user may see it: now for who is in it, as they left it for who is not.

use std::collections::BTreeSet;

use crate::store::{Db, EventRow, EventSn, Membership, Position, RoomRow, SnapshotSn, StoreError, StoredEvent, UserSn};

use super::{Rooms, RoomsError};

impl Rooms {
    /// The whole state.
    pub async fn state_for(&self, user: UserSn, room: &RoomRow) -> Result<Vec<StoredEvent>, RoomsError> {
        if room.partial {
            self.whole(room.sn).await?;
        }
        let mut db = self.store.read().await?;
        match left_at(&mut db, user, room).await? {
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
        let Some((snapshot, leave)) = left_at(&mut db, user, room).await? else {
            let event = db.current_state_event(room.sn, kind, state_key).await?;
            if event.is_some() || !room.partial || kind != "m.room.member" {
                return Ok(event);
            }
            drop(db);
            self.whole(room.sn).await?;
            return Ok(self.store.read().await?.current_state_event(room.sn, kind, state_key).await?);
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

    /// The whole state at an event, with what the event itself set. Where no state came with it, what the user sees now.
    pub async fn state_at(
        &self,
        user: UserSn,
        room: &RoomRow,
        event: &StoredEvent,
        members_of: Option<&BTreeSet<UserSn>>,
    ) -> Result<Vec<StoredEvent>, RoomsError> {
        let mut state = match event.snapshot {
            Some(snapshot) => {
                let mut db = self.store.read().await?;
                let mut events: Vec<EventSn> = db.state(snapshot).await?.into_values().collect();
                if let Some(users) = members_of {
                    events = db.without_members(&events, users).await?;
                }
                db.event_rows(&events).await?.iter().map(EventRow::stored).collect()
            }
            None => self.state_for(user, room).await?,
        };
        if let Some(key) = event.key {
            state.retain(|entry| entry.key != Some(key));
            state.push(event.clone());
        }
        Ok(state)
    }

    /// The member event of whoever sent an event, as it was then.
    pub async fn sender_at(&self, db: &mut Db, event: &StoredEvent) -> Result<Option<StoredEvent>, StoreError> {
        let user_id = db.user_id(event.sender).await?;
        let key = db.key_sn("m.room.member", user_id.as_str()).await?;
        match (event.snapshot, key) {
            (Some(snapshot), Some(key)) => match db.state_entry(snapshot, key).await? {
                Some(member) => db.event_by_sn(member).await,
                None => Ok(None),
            },
            _ => db.current_state_event(event.room, "m.room.member", user_id.as_str()).await,
        }
    }

    /// Member events now, or as they were at a position.
    pub async fn members_at(
        &self,
        user: UserSn,
        room: &RoomRow,
        at: Option<Position>,
    ) -> Result<Vec<StoredEvent>, RoomsError> {
        if room.partial {
            self.whole(room.sn).await?;
        }
        let left = left_at(&mut *self.store.read().await?, user, room).await?.is_some();
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
        let Some(snapshot) = last.snapshot else {
            // History from other servers comes without its state: what is known is the state of now.
            let mut members = self.state_for(user, room).await?;
            members.retain(is_member);
            return Ok(members);
        };
        {
            for (key, event) in db.state(snapshot).await? {
                if last.key != Some(key) {
                    members.extend(db.event_by_sn(event).await?.filter(is_member));
                }
            }
        }
        members.extend(Some(last).filter(is_member));
        Ok(members)
    }
}

/// Where a user who is not in the room any more left it: the state before their leaving, and that event. What became of them later, an
/// invite or a ban, changes nothing of it.
async fn left_at(db: &mut Db, user: UserSn, room: &RoomRow) -> Result<Option<(SnapshotSn, StoredEvent)>, RoomsError> {
    let Some(mine) = db.local_membership(user, room.sn).await? else { return Ok(None) };
    let event = mine.departure.event.filter(|_| mine.membership != Membership::Join);
    let Some(event) = event else { return Ok(None) };
    let event = db.event_by_sn(event).await?;
    Ok(event.and_then(|event| event.snapshot.map(|snapshot| (snapshot, event))))
}

fn is_member(event: &StoredEvent) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    serde_json::from_str::<Kind>(&event.json).is_ok_and(|event| event.kind == "m.room.member")
}
