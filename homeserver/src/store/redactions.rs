//! Redactions that came before the event they name, and originals of redacted events.

use ruma::EventId;

use super::{EventSn, RoomSn, StoreError, Tx};

impl Tx {
    /// The redaction waits for its target.
    pub async fn put_pending_redaction(
        &mut self,
        room: RoomSn,
        target: &EventId,
        redaction: EventSn,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO pending_redactions (room_sn, target_event_id, redaction_sn) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(room)
            .bind(target.as_str())
            .bind(redaction)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Redactions that waited for `target`; they wait no longer.
    pub async fn take_pending_redactions(
        &mut self,
        room: RoomSn,
        target: &EventId,
    ) -> Result<Vec<EventSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "DELETE FROM pending_redactions WHERE room_sn = $1 AND target_event_id = $2 RETURNING redaction_sn",
        )
        .bind(room)
        .bind(target.as_str())
        .fetch_all(&mut self.db.0)
        .await?)
    }

    /// Deletes originals of events redacted before `before_ts`, at most `limit`; answers how many.
    pub async fn forget_redacted_originals(&mut self, before_ts: i64, limit: i64) -> Result<i64, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM redacted_originals WHERE event_sn IN
                (SELECT event_sn FROM redacted_originals WHERE redacted_ts < $1 LIMIT $2)",
        )
        .bind(before_ts)
        .bind(limit)
        .execute(&mut self.db.0)
        .await?;
        Ok(i64::try_from(deleted.rows_affected()).unwrap_or(i64::MAX))
    }
}
