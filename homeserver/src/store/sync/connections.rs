//! Sliding sync connections: one row each.

use super::UserSn;
use crate::store::{Db, StoreError, Tx};

/// Connections that a device may have at once; the one unused for longest goes.
const CONNECTIONS: i64 = 16;

impl Db {
    /// What sync wrote for this connection.
    pub async fn sync_connection(
        &mut self,
        user: UserSn,
        device_id: &str,
        conn_id: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT state FROM sync_connections WHERE user_sn = $1 AND device_id = $2 AND conn_id = $3",
        )
        .bind(user)
        .bind(device_id)
        .bind(conn_id)
        .fetch_optional(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Writes the connection's row.
    pub async fn save_sync_connection(
        &mut self,
        user: UserSn,
        device_id: &str,
        conn_id: &str,
        state: &[u8],
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        let made: i64 = sqlx::query_scalar(
            "INSERT INTO sync_connections (user_sn, device_id, conn_id, state, used_ts) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_sn, device_id, conn_id) DO UPDATE SET state = excluded.state, used_ts = excluded.used_ts
             RETURNING connection_sn",
        )
        .bind(user)
        .bind(device_id)
        .bind(conn_id)
        .bind(state)
        .bind(now)
        .fetch_one(&mut self.db.0)
        .await?;
        sqlx::query(
            "DELETE FROM sync_connections WHERE user_sn = $1 AND device_id = $2 AND connection_sn <> $3 AND connection_sn NOT IN
                (SELECT connection_sn FROM sync_connections WHERE user_sn = $1 AND device_id = $2 ORDER BY used_ts DESC LIMIT $4)",
        )
        .bind(user)
        .bind(device_id)
        .bind(made)
        .bind(CONNECTIONS)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
