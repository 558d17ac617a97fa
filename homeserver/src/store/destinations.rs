//! Other servers as those to whom something is sent.

use super::{Db, RoomSn, ServerSn, StoreError, Tx};

impl Db {
    /// How many transactions this server has acknowledged.
    pub async fn transactions_sent(&mut self, server: ServerSn) -> Result<i64, StoreError> {
        let counter: Option<i64> = sqlx::query_scalar("SELECT txn_counter FROM destinations WHERE server_sn = $1")
            .bind(server)
            .fetch_optional(&mut self.0)
            .await?;
        Ok(counter.unwrap_or_default())
    }

    /// Other servers with a member in a room that this server is in; who answered last comes first.
    pub async fn servers_in_our_rooms(&mut self) -> Result<Vec<ServerSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT m.server_sn FROM members m LEFT JOIN destinations d USING (server_sn)
             WHERE m.membership = 1 AND m.server_sn <> 1
             AND EXISTS (SELECT 1 FROM members o WHERE o.server_sn = 1 AND o.membership = 1 AND o.room_sn = m.room_sn)
             GROUP BY m.server_sn ORDER BY MAX(d.last_success_ts) DESC",
        )
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Db {
    /// Rooms with members here and elsewhere: direct chats first, then by their newest event.
    pub async fn rooms_shared_with_others(&mut self) -> Result<Vec<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT m.room_sn FROM members m WHERE m.server_sn = 1 AND m.membership = 1
             AND EXISTS (SELECT 1 FROM members o WHERE o.room_sn = m.room_sn AND o.membership = 1 AND o.server_sn <> 1)
             GROUP BY m.room_sn
             ORDER BY EXISTS (SELECT 1 FROM members c WHERE c.room_sn = m.room_sn AND c.membership = 1 LIMIT 1 OFFSET 2),
             (SELECT MAX(e.position) FROM events e WHERE e.room_sn = m.room_sn AND e.position IS NOT NULL) DESC",
        )
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Db {
    /// Rooms that this server shares with us, the most recent first.
    pub async fn rooms_shared_with(&mut self, server: ServerSn, limit: usize) -> Result<Vec<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT m.room_sn FROM members m WHERE m.server_sn = $1 AND m.membership = 1
             AND EXISTS (SELECT 1 FROM members o WHERE o.server_sn = 1 AND o.membership = 1 AND o.room_sn = m.room_sn)
             GROUP BY m.room_sn
             ORDER BY (SELECT MAX(e.position) FROM events e WHERE e.room_sn = m.room_sn AND e.position IS NOT NULL) DESC LIMIT $2",
        )
        .bind(server)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// The server answered: nothing of its failures is left.
    pub async fn destination_succeeded(&mut self, server: ServerSn) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO destinations (server_sn, last_success_ts) VALUES ($1, $2)
             ON CONFLICT (server_sn) DO UPDATE SET failures = 0, failing_since_ts = NULL, retry_ts = NULL, last_success_ts = $2",
        )
        .bind(server)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
