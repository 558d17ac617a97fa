//! PDUs that were acknowledged and are not processed yet, and the transactions they came in.

use super::{Db, ServerSn, StoreError, Tx};

/// Which of a room's queues a PDU waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type)]
#[repr(i64)]
pub enum Lane {
    /// A server of the room brought it, and its signatures hold.
    Ready = 0,
    /// A stranger brought it, or the keys that it is signed with are still to be fetched.
    Doubtful = 1,
    /// It was ready, but names events that are still to be fetched.
    Lacking = 2,
}

/// A PDU waiting for its room's worker.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StagedPdu {
    #[sqlx(rename = "staging_sn")]
    pub sn: i64,
    pub room_id: String,
    pub event_id: String,
    /// The server that sent it.
    pub origin: String,
    pub json: String,
    pub received_ts: i64,
    pub attempts: u32,
}

/// Room, lane, server, time, limit.
pub(super) const STAGED_OF: &str =
    "SELECT staging_sn, room_id, event_id, origin, json, received_ts, attempts FROM staging
     WHERE origin = $3 AND room_id = $1 AND lane = $2 AND retry_ts <= $4 ORDER BY staging_sn LIMIT $5";
/// Room, lane, time.
pub(super) const STAGED_ORIGINS: &str = "SELECT origin FROM staging
     WHERE room_id = $1 AND lane = $2 AND retry_ts <= $3 GROUP BY origin ORDER BY min(staging_sn)";

/// How many PDUs wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct StagedCount {
    /// In the room's lane.
    pub room: i64,
    /// Of these, from one server.
    pub origin: i64,
    /// From that server in all rooms.
    pub everywhere: i64,
}

impl Db {
    /// Rooms with staged PDUs that may be tried at this time.
    pub async fn staged_rooms(&mut self, now_ms: i64) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT DISTINCT room_id FROM staging WHERE retry_ts <= $1")
            .bind(now_ms)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// The oldest staged PDUs of a room's lane that may be tried at this time.
    pub async fn staged_pdus(
        &mut self,
        room_id: &str,
        lane: Lane,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<StagedPdu>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT staging_sn, room_id, event_id, origin, json, received_ts, attempts FROM staging
             WHERE room_id = $1 AND lane = $2 AND retry_ts <= $3 ORDER BY staging_sn LIMIT $4",
        )
        .bind(room_id)
        .bind(lane)
        .bind(now_ms)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// The same, of one server.
    pub async fn staged_pdus_of(
        &mut self,
        room_id: &str,
        lane: Lane,
        origin: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<StagedPdu>, StoreError> {
        Ok(sqlx::query_as(STAGED_OF)
            .bind(room_id)
            .bind(lane)
            .bind(origin)
            .bind(now_ms)
            .bind(limit)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// The servers whose staged PDUs in a room's lane may be tried at this time, by the oldest of these.
    pub async fn staged_origins(&mut self, room_id: &str, lane: Lane, now_ms: i64) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(STAGED_ORIGINS).bind(room_id).bind(lane).bind(now_ms).fetch_all(&mut self.0).await?)
    }

    /// How many PDUs wait in this lane of the room, and from this server.
    pub async fn staged_count(&mut self, room_id: &str, lane: Lane, origin: &str) -> Result<StagedCount, StoreError> {
        Ok(sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM staging WHERE room_id = $1 AND lane = $2) AS room,
                 (SELECT COUNT(*) FROM staging WHERE origin = $3 AND room_id = $1 AND lane = $2) AS origin,
                 (SELECT COUNT(*) FROM staging WHERE origin = $3) AS everywhere",
        )
        .bind(room_id)
        .bind(lane)
        .bind(origin)
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
    /// Puts a PDU in line for its room's worker; one from the same server that waits already is left as it is.
    pub async fn stage_pdu(
        &mut self,
        room_id: &str,
        lane: Lane,
        event_id: &str,
        origin: &str,
        json: &str,
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO staging (room_id, lane, event_id, origin, json, received_ts) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(room_id)
        .bind(lane)
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

    /// The PDU waits in another lane from now on.
    pub async fn restage_pdu(&mut self, sn: i64, lane: Lane) -> Result<(), StoreError> {
        let room_id: Option<String> =
            sqlx::query_scalar("UPDATE staging SET lane = $2 WHERE staging_sn = $1 RETURNING room_id")
                .bind(sn)
                .bind(lane)
                .fetch_optional(&mut self.db.0)
                .await?;
        if let Some(room_id) = room_id {
            self.wake_staging(&room_id);
        }
        Ok(())
    }

    /// The PDU could not be processed this time; it is tried again at `retry_ts`.
    pub async fn staged_pdu_failed(&mut self, sn: i64, retry_ts: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE staging SET attempts = attempts + 1, retry_ts = $2 WHERE staging_sn = $1")
            .bind(sn)
            .bind(retry_ts)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// What waits for its next try is tried now: everything, or what this server sent.
    pub async fn retry_staged(&mut self, origin: Option<&str>) -> Result<(), StoreError> {
        let rooms: Vec<String> = sqlx::query_scalar(
            "UPDATE staging SET retry_ts = 0 WHERE retry_ts > 0 AND ($1 IS NULL OR origin = $1) RETURNING room_id",
        )
        .bind(origin)
        .fetch_all(&mut self.db.0)
        .await?;
        for room_id in rooms {
            self.wake_staging(&room_id);
        }
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
