//! Where peers with key names were reached: their address tickets, kept over a restart.

use ruma::ServerName;

use super::{Db, StoreError, Tx};

impl Db {
    /// All kept tickets, the newest first.
    pub async fn peer_tickets(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT ticket FROM peer_addresses ORDER BY seen_ts DESC LIMIT 8192")
            .fetch_all(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// Keeps a peer's ticket in place of an earlier one.
    pub async fn put_peer_ticket(&mut self, server: &ServerName, ticket: &str, now_ms: i64) -> Result<(), StoreError> {
        let server = self.make_server_sn(server).await?;
        sqlx::query(
            "INSERT INTO peer_addresses (server_sn, ticket, seen_ts) VALUES ($1, $2, $3)
             ON CONFLICT (server_sn) DO UPDATE SET ticket = excluded.ticket, seen_ts = excluded.seen_ts",
        )
        .bind(server)
        .bind(ticket)
        .bind(now_ms)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
