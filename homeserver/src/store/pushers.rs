//! Pushers of local users.

use super::{Db, StoreError, Tx, UserSn};

impl Db {
    /// The user's pushers as JSON.
    pub async fn pushers(&mut self, user: UserSn) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT pusher FROM pushers WHERE user_sn = $1 ORDER BY app_id, pushkey")
            .bind(user)
            .fetch_all(&mut self.0)
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
        let now = self.next_position();
        sqlx::query(
            "INSERT INTO pushers (user_sn, app_id, pushkey, device_id, pusher, sent_position) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_sn, app_id, pushkey)
             DO UPDATE SET device_id = excluded.device_id, pusher = excluded.pusher, failing_since_ts = NULL",
        )
        .bind(user)
        .bind(app_id)
        .bind(pushkey)
        .bind(device_id)
        .bind(pusher)
        .bind(now)
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
