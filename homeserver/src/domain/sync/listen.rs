//! The event stream of old: new events of one's rooms, or of a room that one may read without being in it.

use std::time::Duration;

use serde_json::value::RawValue;

use super::{LONGEST_WAIT, Sync, SyncError, Viewer, ignored::Ignored};
use crate::{
    domain::{events::versions, rooms},
    store::{Db, Membership, Position, RoomRow, StoreError, StoredEvent},
};

/// Events of one answer.
const LIMIT: usize = 100;

impl Sync {
    /// Events after `from`, as they are shown, and where the next ones begin; waits for the first.
    pub async fn listen(
        &self,
        viewer: &Viewer,
        room: Option<&RoomRow>,
        from: Position,
        wait: Duration,
    ) -> Result<(Vec<Box<RawValue>>, Position), SyncError> {
        let mut commits = self.store.committed();
        let timeout = tokio::time::sleep(wait.min(LONGEST_WAIT));
        tokio::pin!(timeout);
        let mut at = from;
        loop {
            let now = *commits.borrow_and_update();
            let (events, end) = self.events_between(viewer, room, at, now).await?;
            if !events.is_empty() {
                return Ok((events, end));
            }
            at = end;
            if wait.is_zero() {
                return Ok((events, at));
            }
            tokio::select! {
                () = &mut timeout => return Ok((events, at)),
                changed = commits.changed() => if changed.is_err() {
                    return Ok((events, at));
                },
            }
        }
    }

    async fn events_between(
        &self,
        viewer: &Viewer,
        room: Option<&RoomRow>,
        after: Position,
        upto: Position,
    ) -> Result<(Vec<Box<RawValue>>, Position), SyncError> {
        let mut db = self.store.read().await?;
        let rooms = match room {
            Some(room) => vec![room.sn],
            None => {
                let mine = db.sync_rooms(viewer.user).await?;
                mine.into_iter().filter(|room| room.membership == Membership::Join).map(|room| room.room).collect()
            }
        };
        let part = i64::try_from(LIMIT).unwrap_or(i64::MAX);
        let mut new: Vec<StoredEvent> = Vec::new();
        for room in rooms {
            new.extend(db.timeline_forwards(room, after, upto, part).await?);
        }
        new.sort_by_key(|event| event.position);
        let full = new.len() >= LIMIT;
        new.truncate(LIMIT);
        let end = new.last().and_then(|last| last.position).filter(|_| full).unwrap_or(upto.max(after));
        let ignored = Ignored::of(&mut db, viewer.user).await?;
        let mut shown = Vec::with_capacity(new.len());
        for event in new {
            let sender = db.user_id(event.sender).await?;
            if event.key.is_none() && ignored.contains(&sender) {
                continue;
            }
            let visible = self.rooms.visible(&mut db, viewer.user, &viewer.user_id, event.room, vec![event]).await?;
            for event in visible {
                shown.push(self.shown(&mut db, viewer, event).await?);
            }
        }
        Ok((shown, end))
    }

    async fn shown(&self, db: &mut Db, viewer: &Viewer, event: StoredEvent) -> Result<Box<RawValue>, SyncError> {
        let room = db.room(event.room).await?;
        let rules = versions::rules(&room.version).ok_or(StoreError::Damaged("a room's version"))?;
        let device_id = Some(&*viewer.device_id);
        let now_ms = self.clock.now_ms();
        let eyes = rooms::Viewer { user: viewer.user, user_id: &viewer.user_id, device_id, now_ms };
        let shown = eyes.show(db, &[event], Some(&room.room_id), &rules).await?;
        shown.into_iter().next().ok_or_else(|| StoreError::Damaged("an event").into())
    }
}
