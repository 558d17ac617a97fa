//! Events that wait for their time.

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
}

pub(super) const DUE: &str = "SELECT * FROM delayed_events WHERE send_ts <= $1 ORDER BY send_ts LIMIT 100";

impl Db {
    /// Events whose time has come, at most a hundred.
    pub async fn due_delayed_events(&mut self, now_ms: i64) -> Result<Vec<DelayedEvent>, StoreError> {
        Ok(sqlx::query_as(DUE).bind(now_ms).fetch_all(&mut self.0).await?)
    }

    /// When the next event is to be sent.
    pub async fn next_delayed_event(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT min(send_ts) FROM delayed_events").fetch_one(&mut self.0).await?)
    }

    /// The user's events that wait, the next first.
    pub async fn delayed_events(&mut self, user: UserSn) -> Result<Vec<DelayedEvent>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM delayed_events WHERE user_sn = $1 ORDER BY send_ts")
            .bind(user)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// Whose event waits under this id.
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
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM delayed_events WHERE user_sn = $1")
            .bind(event.user_sn)
            .fetch_one(&mut self.db.0)
            .await?;
        if waiting >= most {
            return Ok(None);
        }
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
            sqlx::query("UPDATE delayed_events SET send_ts = $3 + delay_ms WHERE delay_id = $1 AND user_sn = $2")
                .bind(delay_id)
                .bind(user)
                .bind(now)
                .execute(&mut self.db.0)
                .await?;
        Ok(done.rows_affected() > 0)
    }

    /// False when it did not wait any more.
    pub async fn remove_delayed_event(&mut self, user: UserSn, delay_id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM delayed_events WHERE delay_id = $1 AND user_sn = $2")
            .bind(delay_id)
            .bind(user)
            .execute(&mut self.db.0)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Somebody set a state: what others wanted to set there later is void.
    pub async fn cancel_delayed_state(
        &mut self,
        room: RoomSn,
        event_type: &str,
        state_key: &str,
        sender: UserSn,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM delayed_events WHERE room_sn = $1 AND type = $2 AND state_key = $3 AND user_sn <> $4")
            .bind(room)
            .bind(event_type)
            .bind(state_key)
            .bind(sender)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}
