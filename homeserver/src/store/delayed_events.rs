//! Events that wait for their time, and for a while what became of them.

use super::{Db, RoomSn, StoreError, Tx, UserSn};

/// An event to be sent later.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DelayedEvent {
    pub delay_id: String,
    pub user_sn: UserSn,
    pub device_id: String,
    pub room_sn: RoomSn,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub state_key: Option<String>,
    pub content: String,
    pub txn_id: Option<String>,
    pub delay_ms: i64,
    /// When it is to be sent, in milliseconds since 1970.
    pub send_ts: i64,
    /// When it was sent or cancelled; `None` while it waits.
    pub finished_ts: Option<i64>,
    /// The event that it became.
    pub event_id: Option<String>,
    /// The JSON error response of why it could not be sent.
    pub error: Option<String>,
}

/// Finished events are kept so long, and so many of one user.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const KEPT: i64 = 1000;

pub(super) const DUE: &str =
    "SELECT * FROM delayed_events WHERE finished_ts IS NULL AND send_ts <= $1 ORDER BY send_ts LIMIT 100";

impl Db {
    /// Events whose time has come, at most a hundred.
    pub async fn due_delayed_events(&mut self, now_ms: i64) -> Result<Vec<DelayedEvent>, StoreError> {
        Ok(sqlx::query_as(DUE).bind(now_ms).fetch_all(&mut self.0).await?)
    }

    /// When the next event is to be sent.
    pub async fn next_delayed_event(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT min(send_ts) FROM delayed_events WHERE finished_ts IS NULL")
            .fetch_one(&mut self.0)
            .await?)
    }

    /// The user's events that wait, the next first.
    pub async fn delayed_events(&mut self, user: UserSn) -> Result<Vec<DelayedEvent>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM delayed_events WHERE user_sn = $1 AND finished_ts IS NULL ORDER BY send_ts")
            .bind(user)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// Whose event has this id.
    pub async fn delayed_event_owner(&mut self, delay_id: &str) -> Result<Option<UserSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT user_sn FROM delayed_events WHERE delay_id = $1")
            .bind(delay_id)
            .fetch_optional(&mut self.0)
            .await?)
    }

    pub async fn delayed_event(&mut self, user: UserSn, delay_id: &str) -> Result<Option<DelayedEvent>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM delayed_events WHERE delay_id = $1 AND user_sn = $2")
            .bind(delay_id)
            .bind(user)
            .fetch_optional(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// Keeps an event unless the user has `most` already; answers its delay id, or that of the same transaction's first event.
    pub async fn put_delayed_event(&mut self, event: &DelayedEvent, most: i64) -> Result<Option<String>, StoreError> {
        let before: Option<String> = sqlx::query_scalar(
            "SELECT delay_id FROM delayed_events
             WHERE user_sn = $1 AND device_id = $2 AND room_sn = $3 AND type = $4 AND txn_id = $5",
        )
        .bind(event.user_sn)
        .bind(&event.device_id)
        .bind(event.room_sn)
        .bind(&event.event_type)
        .bind(&event.txn_id)
        .fetch_optional(&mut self.db.0)
        .await?;
        if before.is_some() {
            return Ok(before);
        }
        let waiting: i64 =
            sqlx::query_scalar("SELECT count(*) FROM delayed_events WHERE user_sn = $1 AND finished_ts IS NULL")
                .bind(event.user_sn)
                .fetch_one(&mut self.db.0)
                .await?;
        if waiting >= most {
            return Ok(None);
        }
        self.forget_finished(event.user_sn).await?;
        sqlx::query(
            "INSERT INTO delayed_events
                 (delay_id, user_sn, device_id, room_sn, type, state_key, content, txn_id, delay_ms, send_ts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&event.delay_id)
        .bind(event.user_sn)
        .bind(&event.device_id)
        .bind(event.room_sn)
        .bind(&event.event_type)
        .bind(&event.state_key)
        .bind(&event.content)
        .bind(&event.txn_id)
        .bind(event.delay_ms)
        .bind(event.send_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(Some(event.delay_id.clone()))
    }

    /// Begins an event's delay anew; false when it does not wait any more.
    pub async fn restart_delayed_event(&mut self, user: UserSn, delay_id: &str) -> Result<bool, StoreError> {
        let now = self.now_ms();
        let done =
            sqlx::query("UPDATE delayed_events SET send_ts = $3 + delay_ms WHERE delay_id = $1 AND user_sn = $2 AND finished_ts IS NULL")
                .bind(delay_id)
                .bind(user)
                .bind(now)
                .execute(&mut self.db.0)
                .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The event was sent, cancelled, or could not be sent (`error`); false when it did not wait any more.
    pub async fn finish_delayed_event(
        &mut self,
        user: UserSn,
        delay_id: &str,
        event_id: Option<&str>,
        error: Option<&str>,
    ) -> Result<bool, StoreError> {
        let now = self.now_ms();
        let done = sqlx::query(
            "UPDATE delayed_events SET finished_ts = $3, event_id = $4, error = $5
             WHERE delay_id = $1 AND user_sn = $2 AND finished_ts IS NULL",
        )
        .bind(delay_id)
        .bind(user)
        .bind(now)
        .bind(event_id)
        .bind(error)
        .execute(&mut self.db.0)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn forget_finished(&mut self, user: UserSn) -> Result<(), StoreError> {
        let old = self.now_ms().saturating_sub(KEPT_MS);
        sqlx::query(
            "DELETE FROM delayed_events WHERE user_sn = $1 AND finished_ts IS NOT NULL AND (finished_ts < $2 OR delay_id IN (
                 SELECT delay_id FROM delayed_events WHERE user_sn = $1 AND finished_ts IS NOT NULL
                 ORDER BY finished_ts DESC LIMIT -1 OFFSET $3))",
        )
        .bind(user)
        .bind(old)
        .bind(KEPT)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Somebody set a state: what others wanted to set there later is void.
    pub async fn cancel_delayed_state(
        &mut self,
        room: RoomSn,
        event_type: &str,
        state_key: &str,
        sender: UserSn,
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "UPDATE delayed_events SET finished_ts = $5
             WHERE room_sn = $1 AND type = $2 AND state_key = $3 AND user_sn <> $4 AND finished_ts IS NULL",
        )
        .bind(room)
        .bind(event_type)
        .bind(state_key)
        .bind(sender)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
