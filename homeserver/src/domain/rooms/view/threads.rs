//! The threads of a room as one user sees them.

use ruma::{UserId, room_version_rules::RoomVersionRules};

use crate::{
    domain::events::redact::redacted_json,
    store::{Position, RoomRow, Standing, StoreError, StoredEvent, UserSn},
};

use super::{super::Rooms, ignored::ignored_sns};

/// Pages of threads that are looked at for one page of threads that the user may see.
const LOOKS: usize = 5;

/// A page of thread roots.
#[derive(Debug)]
pub struct ThreadsPage {
    pub roots: Vec<StoredEvent>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Position>,
}

impl Rooms {
    /// Roots of threads, by their newest events, whose newest event comes before `before`.
    #[expect(clippy::too_many_arguments, reason = "each is one parameter of the endpoint")]
    pub async fn threads(
        &self,
        user: UserSn,
        user_id: &UserId,
        room: &RoomRow,
        rules: &RoomVersionRules,
        mut before: Option<Position>,
        participated: bool,
        limit: usize,
    ) -> Result<ThreadsPage, StoreError> {
        let mut db = self.store.read().await?;
        let ignored = ignored_sns(&mut db, user).await?;
        let mut roots = Vec::new();
        let part = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        for _ in 0..LOOKS {
            let found = db.thread_roots(room.sn, before, participated.then_some(user), &ignored, part).await?;
            let more = i64::try_from(found.len()).is_ok_and(|count| count >= part);
            for (root, newest) in found {
                if roots.len() >= limit {
                    return Ok(ThreadsPage { roots, next: before });
                }
                before = Some(newest);
                let event = db.event(&root).await?;
                let Some(event) = event.filter(|event| event.room == room.sn && event.standing == Standing::Accepted)
                else {
                    continue;
                };
                let visible = self.visible(&mut db, user, user_id, room.sn, vec![event]).await?;
                roots.extend(visible.into_iter().map(|event| {
                    // What an ignored user started is shown as if it were redacted.
                    let json = ignored.contains(&event.sender).then(|| redacted_json(&event.json, rules)).flatten();
                    json.map_or_else(|| event.clone(), |json| StoredEvent { json, ..event.clone() })
                }));
            }
            if !more {
                return Ok(ThreadsPage { roots, next: None });
            }
        }
        Ok(ThreadsPage { roots, next: before })
    }
}
