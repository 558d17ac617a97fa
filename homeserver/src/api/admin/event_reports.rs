//! GET /_synapse/admin/v1/event_reports[/{reportId}], DELETE …/{reportId}: events that users reported.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{error::ApiError, parts::Parts},
    store::{Db, Durability, Report, ReportFilter, StoreError},
};

use super::{
    Administrator, LIMIT, Query,
    users::{Direction, hundred},
};

#[derive(Deserialize)]
pub struct Filter {
    #[serde(default)]
    from: u32,
    #[serde(default = "hundred")]
    limit: u32,
    #[serde(default = "newest_first")]
    dir: Direction,
    /// A part of the reporter's user id.
    user_id: Option<String>,
    room_id: Option<String>,
    event_sender_user_id: Option<String>,
}

fn newest_first() -> Direction {
    Direction::Backwards
}

/// A page of reports.
#[derive(Serialize)]
pub struct Reports {
    event_reports: Vec<EventReport>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<i64>,
}

/// A report. `score` went out of the specification and is not kept.
#[derive(Serialize)]
pub struct EventReport {
    id: i64,
    received_ts: i64,
    room_id: Option<String>,
    name: Option<String>,
    canonical_alias: Option<String>,
    event_id: Option<String>,
    /// Who reported.
    user_id: String,
    reason: Option<String>,
    score: Option<i64>,
    /// Who sent the event.
    sender: Option<String>,
}

pub async fn list(
    _: Administrator,
    State(parts): State<Parts>,
    Query(filter): Query<Filter>,
) -> Result<Json<Reports>, ApiError> {
    let (from, limit) = (i64::from(filter.from), i64::from(filter.limit.min(LIMIT)));
    let filter = ReportFilter {
        from,
        limit,
        backwards: filter.dir == Direction::Backwards,
        events: true,
        reporter: filter.user_id,
        room_id: filter.room_id,
        sender: filter.event_sender_user_id,
    };
    let mut db = parts.store.read().await?;
    let (page, total) = db.report_page(&filter).await?;
    let mut event_reports = Vec::with_capacity(page.len());
    for report in page {
        event_reports.push(show(&mut db, report).await?);
    }
    let next = from.saturating_add(limit);
    Ok(Json(Reports { event_reports, total, next_token: (limit > 0 && next < total).then_some(next) }))
}

pub async fn get(
    _: Administrator,
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut db = parts.store.read().await?;
    let report = db.report(number(&id)?).await?.filter(|report| report.event_id.is_some()).ok_or_else(unknown)?;
    let event = match report.event_id.as_deref().and_then(|id| ruma::EventId::parse(id).ok()) {
        Some(event_id) => db.event(&event_id).await?,
        None => None,
    };
    let event_json: Option<Value> = event.and_then(|event| serde_json::from_str(&event.json).ok());
    let mut shown = json!(show(&mut db, report).await?);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("event_json".to_owned(), event_json.into());
    }
    Ok(Json(shown))
}

pub async fn delete(
    _: Administrator,
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = number(&id)?;
    remove(&parts, id).await?;
    Ok(Json(json!({})))
}

/// Forgets a report of whatever kind.
pub(in crate::api) async fn remove(parts: &Parts, id: i64) -> Result<(), ApiError> {
    let deleted = parts
        .store
        .write::<_, StoreError, _>(Durability::Full, move |tx| Box::pin(async move { tx.delete_report(id).await }))
        .await?;
    if deleted { Ok(()) } else { Err(unknown()) }
}

fn number(id: &str) -> Result<i64, ApiError> {
    let id = id.parse().ok().filter(|id| *id >= 0);
    id.ok_or_else(|| ApiError::invalid_param("The id of a report is a number"))
}

fn unknown() -> ApiError {
    ApiError::not_found("There is no such report")
}

async fn show(db: &mut Db, report: Report) -> Result<EventReport, ApiError> {
    let (mut name, mut canonical_alias) = (None, None);
    if let Some(room) = report.room_sn {
        for (kind, field, text) in
            [("m.room.name", "name", &mut name), ("m.room.canonical_alias", "alias", &mut canonical_alias)]
        {
            let event: Option<Value> =
                db.state_json(room, kind, "").await?.and_then(|json| serde_json::from_str(&json).ok());
            let value = event.as_ref().and_then(|event| event.get("content")?.get(field)?.as_str());
            *text = value.map(str::to_owned);
        }
    }
    Ok(EventReport {
        id: report.id,
        received_ts: report.reported_ts,
        room_id: report.room_id,
        name,
        canonical_alias,
        event_id: report.event_id,
        user_id: report.reporter,
        reason: (!report.reason.is_empty()).then_some(report.reason),
        score: None,
        sender: report.sender,
    })
}
