//! /_hearth/v1/reports: what people reported, events, rooms and users alike.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        admin::{Query, event_reports::remove},
        error::ApiError,
        parts::Parts,
    },
    store::{Report, ReportFilter},
};

use super::users::Done;

/// Most of a page.
const LIMIT: u32 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    from: u32,
    #[serde(default = "most")]
    limit: u32,
}

fn most() -> u32 {
    LIMIT
}

/// A report. What was reported is the event when there is one, else the user, else the room.
#[derive(Serialize)]
pub struct Reported {
    id: i64,
    /// Milliseconds since 1970.
    reported_ts: i64,
    reporter: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// Who sent the event, as long as it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

#[derive(Serialize)]
pub struct Reports {
    reports: Vec<Reported>,
    total: i64,
}

/// GET /_hearth/v1/reports: a page of them, the newest first.
pub async fn list(State(parts): State<Parts>, Query(filter): Query<Filter>) -> Result<Json<Reports>, ApiError> {
    let (from, limit) = (i64::from(filter.from), i64::from(filter.limit.min(LIMIT)));
    let filter = ReportFilter { from, limit, backwards: true, ..ReportFilter::default() };
    let (page, total) = parts.store.read().await?.report_page(&filter).await?;
    Ok(Json(Reports { reports: page.into_iter().map(to_reported).collect(), total }))
}

/// DELETE /_hearth/v1/reports/{id}: it was looked at.
pub async fn delete(State(parts): State<Parts>, Path(id): Path<i64>) -> Result<Json<Done>, ApiError> {
    remove(&parts, id).await?;
    Ok(Json(Done {}))
}

fn to_reported(report: Report) -> Reported {
    let Report { id, reporter, room_id, event_id, sender, user_id, reason, reported_ts, .. } = report;
    Reported { id, reported_ts, reporter, reason, room_id, event_id, sender, user_id }
}
