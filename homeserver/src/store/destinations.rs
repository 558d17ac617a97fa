//! How each other server does, and when it is tried again.

use ruma::OwnedServerName;

use super::{Db, ServerSn, StoreError, Tx};

/// A server that could not be reached lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingDestination {
    pub server: ServerSn,
    pub name: OwnedServerName,
    pub failures: u32,
    /// Milliseconds since 1970.
    pub failing_since_ts: i64,
    pub retry_ts: i64,
}

impl Db {
    /// All servers whose last request failed.
    pub async fn failing_destinations(&mut self) -> Result<Vec<FailingDestination>, StoreError> {
        let rows: Vec<(ServerSn, String, u32, i64, i64)> = sqlx::query_as(
            "SELECT d.server_sn, s.name, d.failures, COALESCE(d.failing_since_ts, 0), COALESCE(d.retry_ts, 0)
             FROM destinations d JOIN servers s USING (server_sn) WHERE d.failures > 0",
        )
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter()
            .map(|(server, name, failures, failing_since_ts, retry_ts)| {
                let name = name.try_into().map_err(|_| StoreError::Damaged("a server name"))?;
                Ok(FailingDestination { server, name, failures, failing_since_ts, retry_ts })
            })
            .collect()
    }

    /// How many transactions this server has acknowledged.
    pub async fn transactions_sent(&mut self, server: ServerSn) -> Result<i64, StoreError> {
        let counter: Option<i64> = sqlx::query_scalar("SELECT txn_counter FROM destinations WHERE server_sn = $1")
            .bind(server)
            .fetch_optional(&mut self.0)
            .await?;
        Ok(counter.unwrap_or_default())
    }

    /// Other servers with a member in a room that this server is in.
    pub async fn servers_in_our_rooms(&mut self) -> Result<Vec<ServerSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT m.server_sn FROM members m WHERE m.membership = 1 AND m.server_sn <> 1
             AND EXISTS (SELECT 1 FROM members o WHERE o.server_sn = 1 AND o.membership = 1 AND o.room_sn = m.room_sn)",
        )
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

    /// The server failed once more and is not tried before `retry_ts`.
    pub async fn destination_failed(
        &mut self,
        server: ServerSn,
        failures: u32,
        retry_ts: i64,
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO destinations (server_sn, failures, failing_since_ts, retry_ts) VALUES ($1, $2, $3, $4)
             ON CONFLICT (server_sn) DO UPDATE SET failures = $2, failing_since_ts = COALESCE(failing_since_ts, $3), retry_ts = $4",
        )
        .bind(server)
        .bind(failures)
        .bind(now)
        .bind(retry_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
