//! Waiting for what must happen: a user's /v3/sync followed until a condition holds or the deadline passes.

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    DEADLINE,
    user::{TestUser, text},
};

/// A user's stream of syncs. What an earlier wait has passed is not seen again.
#[derive(Debug)]
pub struct Follow {
    pub user: TestUser,
    pub since: String,
}

impl Follow {
    pub async fn from_now(user: TestUser) -> Result<Self> {
        let since = text(&user.sync(None, 0).await?, "next_batch")?;
        Ok(Self { user, since })
    }

    /// Syncs until `find` finds something.
    pub async fn until<T>(&mut self, what: &str, mut find: impl FnMut(&Value) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let next = self.user.sync(Some(&self.since), 5000);
            let who = &self.user.user_id;
            let answer =
                timeout_at(deadline, next).await.with_context(|| format!("{who} waited for {what} in vain"))??;
            self.since = text(&answer, "next_batch")?;
            if let Some(found) = find(&answer) {
                return Ok(found);
            }
            anyhow::ensure!(Instant::now() < deadline, "{who} waited for {what} in vain; the last sync was {answer}");
        }
    }

    /// Waits for a text message in a joined room; answers the event.
    pub async fn hears(&mut self, room: &str, words: &str) -> Result<Value> {
        let is_it = |event: &Value| event.pointer("/content/body").and_then(Value::as_str) == Some(words);
        self.until(&format!("{words:?}"), |sync| timeline(sync, room).iter().find(|e| is_it(e)).cloned()).await
    }

    /// Waits until another user has this membership in a joined room.
    pub async fn sees(&mut self, room: &str, who: &TestUser, membership: &str) -> Result<Value> {
        let is_it = |event: &Value| {
            event.get("state_key").and_then(Value::as_str) == Some(&who.user_id)
                && event.pointer("/content/membership").and_then(Value::as_str) == Some(membership)
        };
        let what = format!("{} to {membership}", who.user_id);
        self.until(&what, |sync| timeline(sync, room).iter().find(|e| is_it(e)).cloned()).await
    }

    /// Waits for an invite to the room; answers its stripped state.
    pub async fn is_invited(&mut self, room: &str) -> Result<Vec<Value>> {
        self.until("an invite", |sync| {
            let invite = sync.get("rooms")?.get("invite")?.get(room)?;
            invite.pointer("/invite_state/events")?.as_array().cloned()
        })
        .await
    }
}

/// The timeline of a joined room in one sync answer.
pub fn timeline(sync: &Value, room: &str) -> Vec<Value> {
    let joined = sync.get("rooms").and_then(|rooms| rooms.get("join")).and_then(|join| join.get(room));
    let events = joined.and_then(|room| room.pointer("/timeline/events")).and_then(Value::as_array);
    events.cloned().unwrap_or_default()
}
