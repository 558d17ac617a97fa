//! What a user has not acknowledged, over all rooms: the numbers on an app's badge.

use serde::Deserialize;

use crate::store::{Db, PushCounts, StoreError, UserSn};

/// A call that rings no longer than this; a call may ask for less.
const LONGEST_RINGING_MS: i64 = 120_000;

#[derive(Deserialize)]
struct Invite {
    origin_server_ts: i64,
    content: InviteContent,
}

#[derive(Deserialize)]
struct InviteContent {
    #[serde(default)]
    lifetime: Option<i64>,
}

/// Unread messages that the user was notified of, and calls among them that ended without an answer.
pub(super) async fn of(db: &mut Db, user: UserSn, now_ms: i64) -> Result<PushCounts, StoreError> {
    let mut counts = PushCounts::default();
    for room in db.rooms_with_notifications(user).await? {
        let unread = db.unread(user, room).await?;
        counts.unread += unread.values().map(|unread| i64::from(unread.notifications)).sum::<i64>();
        if unread.is_empty() {
            continue;
        }
        let calls = db.notified_calls(user, room).await?;
        if calls.is_empty() {
            continue;
        }
        let marks = db.read_marks(user, room).await?;
        for call in calls {
            if !call.answered && !marks.is_read(&call.thread_id, call.position) && has_ended(&call.json, now_ms) {
                counts.missed_calls += 1;
            }
        }
    }
    Ok(counts)
}

/// Whether a call rings no more.
fn has_ended(invite: &str, now_ms: i64) -> bool {
    let Ok(invite) = serde_json::from_str::<Invite>(invite) else { return false };
    let ringing = invite.content.lifetime.unwrap_or(LONGEST_RINGING_MS).clamp(0, LONGEST_RINGING_MS);
    now_ms >= invite.origin_server_ts.saturating_add(ringing)
}
