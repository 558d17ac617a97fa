//! What users reported as inappropriate.

use ruma::EventId;
use sqlx::{QueryBuilder, Sqlite};

use super::{Db, RoomSn, StoreError, Tx, UserSn, administration::escaped};

/// A report: of a room, of an event in a room, or of a user.
#[derive(Clone, Copy, Debug)]
pub struct NewReport<'a> {
    pub reporter: UserSn,
    pub room: Option<RoomSn>,
    pub event_id: Option<&'a EventId>,
    pub user: Option<UserSn>,
    pub reason: &'a str,
}

/// A report as it is read.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Report {
    #[sqlx(rename = "report_sn")]
    pub id: i64,
    pub reporter: String,
    pub room_sn: Option<RoomSn>,
    pub room_id: Option<String>,
    pub event_id: Option<String>,
    /// Who sent the event, as long as it is here.
    pub sender: Option<String>,
    /// The user who was reported.
    pub user_id: Option<String>,
    pub reason: String,
    /// Milliseconds since 1970.
    pub reported_ts: i64,
}

/// Which reports; of ids, parts are enough.
#[derive(Clone, Debug, Default)]
pub struct ReportFilter {
    pub from: i64,
    pub limit: i64,
    /// The newest first.
    pub backwards: bool,
    /// Of events alone.
    pub events: bool,
    pub reporter: Option<String>,
    pub room_id: Option<String>,
    pub sender: Option<String>,
}

const REPORT: &str = "SELECT r.report_sn, a.user_id AS reporter, r.room_sn, m.room_id, r.event_id, s.user_id AS sender,
    u.user_id AS user_id, r.reason, r.reported_ts";
const FROM: &str = " FROM reports r JOIN users a ON a.user_sn = r.reporter_sn
    LEFT JOIN rooms m ON m.room_sn = r.room_sn LEFT JOIN users u ON u.user_sn = r.user_sn
    LEFT JOIN events e ON e.event_id = r.event_id LEFT JOIN users s ON s.user_sn = e.sender_sn WHERE true";

impl Db {
    /// A page of reports, and how many there are on all pages.
    pub async fn report_page(&mut self, filter: &ReportFilter) -> Result<(Vec<Report>, i64), StoreError> {
        let mut count = QueryBuilder::<Sqlite>::new("SELECT COUNT(*)");
        narrow(&mut count, filter);
        let total: i64 = count.build_query_scalar().fetch_one(&mut self.0).await?;
        let mut page = QueryBuilder::<Sqlite>::new(REPORT);
        narrow(&mut page, filter);
        page.push(" ORDER BY r.report_sn").push(if filter.backwards { " DESC" } else { "" });
        page.push(" LIMIT ").push_bind(filter.limit).push(" OFFSET ").push_bind(filter.from);
        Ok((page.build_query_as().fetch_all(&mut self.0).await?, total))
    }

    pub async fn report(&mut self, id: i64) -> Result<Option<Report>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(REPORT);
        query.push(FROM).push(" AND r.report_sn = ").push_bind(id);
        Ok(query.build_query_as().fetch_optional(&mut self.0).await?)
    }
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

    /// False when there was no such report.
    pub async fn delete_report(&mut self, id: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM reports WHERE report_sn = $1").bind(id).execute(&mut self.db.0).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &ReportFilter) {
    query.push(FROM);
    if filter.events {
        query.push(" AND r.event_id IS NOT NULL");
    }
    for (column, part) in
        [("a.user_id", &filter.reporter), ("m.room_id", &filter.room_id), ("s.user_id", &filter.sender)]
    {
        if let Some(part) = part {
            query.push(" AND ").push(column).push(" LIKE ").push_bind(format!("%{}%", escaped(part)));
            query.push(" ESCAPE '!'");
        }
    }
}
