//! What users reported as inappropriate.

use ruma::EventId;

use super::{RoomSn, StoreError, Tx, UserSn};

/// A report: of a room, of an event in a room, or of a user.
#[derive(Clone, Copy, Debug)]
pub struct NewReport<'a> {
    pub reporter: UserSn,
    pub room: Option<RoomSn>,
    pub event_id: Option<&'a EventId>,
    pub user: Option<UserSn>,
    pub reason: &'a str,
}

impl Tx {
    pub async fn put_report(&mut self, report: NewReport<'_>) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO reports (reporter_sn, room_sn, event_id, user_sn, reason, reported_ts) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(report.reporter)
        .bind(report.room)
        .bind(report.event_id.map(EventId::as_str))
        .bind(report.user)
        .bind(report.reason)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
