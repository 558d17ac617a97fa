//! POST /_matrix/client/unstable/org.matrix.msc4108/rendezvous: makes a meeting point; GET, PUT and DELETE of its URL use it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ruma::http_headers::system_time_to_http_date;

use crate::{
    api::{
        base_url,
        error::ApiError,
        parts::Parts,
        peer::{Counted, peer_key},
        ruma_route::read_body,
    },
    domain::accounts::{
        Limit,
        rendezvous::{LARGEST, Point, RendezvousError},
    },
};

pub const PATH: &str = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous";
const MIME: HeaderValue = HeaderValue::from_static("text/plain");

/// POST: takes the first payload and answers the URL.
pub async fn create(State(parts): State<Parts>, request: Request) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    if let Some(key) = peer_key(&head.extensions) {
        parts.accounts.limits().take(&format!("rendezvous {key}"), Limit::MEET)?;
    }
    let data = payload(&head.headers, body).await?;
    let (id, point) = parts.accounts.rendezvous().create(data).map_err(refused)?;
    let url = format!("{}{PATH}/{id}", base_url::of_request(&parts.config, &head));
    let mut response = (StatusCode::CREATED, axum::Json(serde_json::json!({ "url": url }))).into_response();
    describe(&mut response, &point);
    Ok(response)
}

/// GET: what lies there, or 304 when the asker has it.
pub async fn get(
    _: Counted,
    State(parts): State<Parts>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let point = parts.accounts.rendezvous().get(&id).map_err(refused)?;
    let mut response = if tag(&headers, &header::IF_NONE_MATCH).is_some_and(|seen| seen == point.version) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, MIME)], point.data.clone()).into_response()
    };
    describe(&mut response, &point);
    Ok(response)
}

/// PUT: lays another payload there, over the one that `If-Match` names.
pub async fn update(
    _: Counted,
    State(parts): State<Parts>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let data = payload(&head.headers, body).await?;
    let seen = tag(&head.headers, &header::IF_MATCH)
        .ok_or_else(|| ApiError::missing_param("The header If-Match is missing"))?;
    match parts.accounts.rendezvous().update(&id, &seen, data) {
        Ok(point) => {
            let mut response = StatusCode::ACCEPTED.into_response();
            describe(&mut response, &point);
            Ok(response)
        }
        Err(RendezvousError::Changed(point)) => {
            let mut response = refused(RendezvousError::Changed(point.clone())).into_response();
            describe(&mut response, &point);
            Ok(response)
        }
        Err(error) => Err(refused(error)),
    }
}

/// DELETE: ends the meeting.
pub async fn delete(_: Counted, State(parts): State<Parts>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    parts.accounts.rendezvous().delete(&id).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: RendezvousError) -> ApiError {
    let status = StatusCode::PRECONDITION_FAILED;
    super::refused(error, status, "org.matrix.msc4108.errcode", "M_CONCURRENT_WRITE")
}

async fn payload(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let mime = headers.get(header::CONTENT_TYPE).ok_or_else(|| ApiError::missing_param("Content-Type is missing"))?;
    let mime = mime.to_str().ok().and_then(|mime| mime.parse::<mime::Mime>().ok());
    if mime.is_none_or(|mime| mime.essence_str() != "text/plain") {
        return Err(ApiError::invalid_param("Content-Type must be text/plain"));
    }
    read_body(body, LARGEST).await
}

/// The version that a header names; entity tags stand in quotes.
fn tag(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    Some(value.trim_start_matches("W/").trim_matches('"').to_owned())
}

fn describe(response: &mut Response, point: &Point) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", point.version)) {
        headers.insert(header::ETAG, tag);
    }
    for (name, ts) in [(header::EXPIRES, point.expires_ts), (header::LAST_MODIFIED, point.changed_ts)] {
        if let Ok(date) = system_time_to_http_date(&time(ts)) {
            headers.insert(name, date);
        }
    }
}

fn time(ts: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ts).unwrap_or_default())
}
