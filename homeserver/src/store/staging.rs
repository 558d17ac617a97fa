//! PDUs that were acknowledged and are not processed yet, and the transactions they came in.

use super::{Db, ServerSn, StoreError, Tx};

/// A PDU waiting for its room's worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedPdu {
    pub sn: i64,
    pub room_id: String,
    pub event_id: String,
    /// The server that sent it.
    pub origin: String,
    pub json: String,
    pub attempts: u32,
}

impl Db {
    /// Rooms with staged PDUs.
    pub async fn staged_rooms(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT DISTINCT room_id FROM staging").fetch_all(&mut self.0).await?)
    }

    /// The oldest staged PDUs of a room.
    pub async fn staged_pdus(&mut self, room_id: &str, limit: u32) -> Result<Vec<StagedPdu>, StoreError> {
        let rows: Vec<(i64, String, String, String, String, u32)> = sqlx::query_as(
            "SELECT staging_sn, room_id, event_id, origin, json, attempts FROM staging WHERE room_id = $1 ORDER BY staging_sn LIMIT $2",
        )
        .bind(room_id)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(sn, room_id, event_id, origin, json, attempts)| StagedPdu {
                sn,
                room_id,
                event_id,
                origin,
                json,
                attempts,
            })
            .collect())
    }

    /// How many PDUs wait in this room.
    pub async fn staged_count(&mut self, room_id: &str) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT COUNT(*) FROM staging WHERE room_id = $1")
            .bind(room_id)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// What this transaction was answered, when it was received before.
    pub async fn received_transaction(&mut self, server: ServerSn, txn_id: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT answer FROM received_transactions WHERE server_sn = $1 AND txn_id = $2")
            .bind(server)
            .bind(txn_id)
            .fetch_optional(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// Puts a PDU in line for its room's worker; one that waits already is left as it is.
    pub async fn stage_pdu(
        &mut self,
        room_id: &str,
        event_id: &str,
        origin: &str,
        json: &str,
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO staging (room_id, event_id, origin, json, received_ts) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(room_id)
        .bind(event_id)
        .bind(origin)
        .bind(json)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        self.wake_staging(room_id);
        Ok(())
    }

    /// The PDU is done with.
    pub async fn unstage_pdu(&mut self, sn: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM staging WHERE staging_sn = $1").bind(sn).execute(&mut self.db.0).await?;
        Ok(())
    }

    /// The PDU could not be processed this time.
    pub async fn staged_pdu_failed(&mut self, sn: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE staging SET attempts = attempts + 1 WHERE staging_sn = $1")
            .bind(sn)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Remembers a transaction and its answer.
    pub async fn put_received_transaction(
        &mut self,
        server: ServerSn,
        txn_id: &str,
        answer: &str,
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO received_transactions (server_sn, txn_id, answer, received_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(server)
        .bind(txn_id)
        .bind(answer)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Forgets transactions received before `ts`.
    pub async fn forget_received_transactions(&mut self, ts: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM received_transactions WHERE received_ts < $1")
            .bind(ts)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}
