//! Pushers of local users: where they send, how far they came, what they told.

use super::{Db, Position, StoreError, Tx, UserSn};

/// Which pusher: one for each user, app and push key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PusherKey {
    pub user: UserSn,
    pub app_id: String,
    pub pushkey: String,
}

/// A pusher as it stands.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PusherRow {
    /// The JSON that the client set.
    pub pusher: String,
    /// The newest notification that the gateway took.
    pub sent_position: Position,
    pub failures: i64,
    /// Milliseconds since 1970.
    pub retry_ts: Option<i64>,
    pub set_ts: i64,
    told_unread: Option<i64>,
    told_missed_calls: Option<i64>,
}

impl PusherRow {
    /// The counts that the gateway was told last.
    pub fn told(&self) -> Option<PushCounts> {
        let (unread, missed_calls) = self.told_unread.zip(self.told_missed_calls)?;
        Some(PushCounts { unread, missed_calls })
    }
}

/// What a user has not acknowledged, over all rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushCounts {
    pub unread: i64,
    pub missed_calls: i64,
}

impl Db {
    /// The user's pushers as JSON.
    pub async fn pushers(&mut self, user: UserSn) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT pusher FROM pushers WHERE user_sn = $1 ORDER BY app_id, pushkey")
            .bind(user)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// The pushers of one user, or of everybody.
    pub async fn pusher_keys(&mut self, user: Option<UserSn>) -> Result<Vec<PusherKey>, StoreError> {
        let rows: Vec<(UserSn, String, String)> = match user {
            Some(user) => {
                sqlx::query_as("SELECT user_sn, app_id, pushkey FROM pushers WHERE user_sn = $1")
                    .bind(user)
                    .fetch_all(&mut self.0)
                    .await?
            }
            None => sqlx::query_as("SELECT user_sn, app_id, pushkey FROM pushers").fetch_all(&mut self.0).await?,
        };
        Ok(rows.into_iter().map(|(user, app_id, pushkey)| PusherKey { user, app_id, pushkey }).collect())
    }

    pub async fn pusher(&mut self, key: &PusherKey) -> Result<Option<PusherRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT pusher, sent_position, failures, retry_ts, set_ts, told_unread, told_missed_calls FROM pushers
             WHERE user_sn = $1 AND app_id = $2 AND pushkey = $3",
        )
        .bind(key.user)
        .bind(&key.app_id)
        .bind(&key.pushkey)
        .fetch_optional(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Sets a pusher. It tells what happens from now on.
    pub async fn put_pusher(
        &mut self,
        user: UserSn,
        device_id: &str,
        (app_id, pushkey): (&str, &str),
        pusher: &str,
    ) -> Result<(), StoreError> {
        let (position, now) = (self.next_position(), self.now_ms());
        sqlx::query(
            "INSERT INTO pushers (user_sn, app_id, pushkey, device_id, pusher, sent_position, set_ts) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (user_sn, app_id, pushkey) DO UPDATE SET device_id = excluded.device_id, pusher = excluded.pusher,
                failing_since_ts = NULL, failures = 0, retry_ts = NULL, set_ts = excluded.set_ts",
        )
        .bind(user)
        .bind(app_id)
        .bind(pushkey)
        .bind(device_id)
        .bind(pusher)
        .bind(position)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        self.wake_pushers(user);
        Ok(())
    }

    /// The gateway was told the counts, and took everything up to `position`.
    pub async fn pusher_told(
        &mut self,
        key: &PusherKey,
        position: Position,
        counts: PushCounts,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE pushers SET sent_position = max(sent_position, $4), told_unread = $5, told_missed_calls = $6,
                failures = 0, failing_since_ts = NULL, retry_ts = NULL
             WHERE user_sn = $1 AND app_id = $2 AND pushkey = $3",
        )
        .bind(key.user)
        .bind(&key.app_id)
        .bind(&key.pushkey)
        .bind(position)
        .bind(counts.unread)
        .bind(counts.missed_calls)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Nothing is to be told up to `position`.
    pub async fn pusher_skipped(&mut self, key: &PusherKey, position: Position) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE pushers SET sent_position = max(sent_position, $4) WHERE user_sn = $1 AND app_id = $2 AND pushkey = $3",
        )
        .bind(key.user)
        .bind(&key.app_id)
        .bind(&key.pushkey)
        .bind(position)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// The gateway did not take it; it is tried again at `retry_ts`.
    pub async fn pusher_failed(&mut self, key: &PusherKey, retry_ts: i64) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "UPDATE pushers SET failures = failures + 1, failing_since_ts = coalesce(failing_since_ts, $4), retry_ts = $5
             WHERE user_sn = $1 AND app_id = $2 AND pushkey = $3",
        )
        .bind(key.user)
        .bind(&key.app_id)
        .bind(&key.pushkey)
        .bind(now)
        .bind(retry_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    pub async fn delete_pusher(&mut self, user: UserSn, (app_id, pushkey): (&str, &str)) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM pushers WHERE user_sn = $1 AND app_id = $2 AND pushkey = $3")
            .bind(user)
            .bind(app_id)
            .bind(pushkey)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Deletes such pushers of everybody but `user`: the app has changed hands.
    pub async fn delete_pushers_of_others(
        &mut self,
        user: UserSn,
        (app_id, pushkey): (&str, &str),
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM pushers WHERE user_sn <> $1 AND app_id = $2 AND pushkey = $3")
            .bind(user)
            .bind(app_id)
            .bind(pushkey)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}
