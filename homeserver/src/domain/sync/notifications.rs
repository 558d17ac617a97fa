//! Notifications of the past.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, events::AnySyncTimelineEvent, push::Action, serde::Raw};

use crate::{
    domain::{events::versions, rooms},
    store::{Position, ReadMarks, RoomSn},
};

use super::{Sync, SyncError, Viewer};

/// An event that a user was notified of.
#[derive(Debug)]
pub struct PastNotification {
    pub room_id: OwnedRoomId,
    pub actions: Vec<Action>,
    pub event: Raw<AnySyncTimelineEvent>,
    pub read: bool,
    /// Milliseconds since 1970.
    pub ts: i64,
}

impl Sync {
    /// The newest notifications before a position, and where older ones begin.
    pub async fn notifications(
        &self,
        viewer: &Viewer,
        before: Option<Position>,
        highlights_only: bool,
        limit: u32,
    ) -> Result<(Vec<PastNotification>, Option<Position>), SyncError> {
        let mut db = self.store.read().await?;
        let rows = db.notifications_before(viewer.user, before, highlights_only, limit).await?;
        let full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let next = rows.last().map(|row| row.position).filter(|_| full);
        let (device_id, now_ms) = (Some(&*viewer.device_id), self.clock.now_ms());
        let eyes = rooms::Viewer { user: viewer.user, user_id: &viewer.user_id, device_id, now_ms };
        let mut marks: BTreeMap<RoomSn, ReadMarks> = BTreeMap::new();
        let mut past = Vec::with_capacity(rows.len());
        for row in rows {
            let read = match marks.entry(row.room) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(slot) => {
                    slot.insert(db.read_marks(viewer.user, row.room).await?)
                }
            }
            .is_read(&row.thread_id, row.position);
            let Some(event) = db.notified_event(viewer.user, &row).await? else { continue };
            let Some(rules) = versions::rules(&db.room(row.room).await?.version) else { continue };
            let shown = eyes.show(&mut db, &[event], None, &rules).await?;
            let Some(event) = shown.into_iter().next().map(Raw::from_json) else { continue };
            let actions = serde_json::from_str(&row.actions).unwrap_or_default();
            past.push(PastNotification { room_id: row.room_id, actions, event, read, ts: row.received_ts });
        }
        Ok((past, next))
    }
}
