//! GET /call-picture: a picture of a call that the page cannot decode itself.

use axum::{
    Json,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::Bridge;

pub(crate) async fn send(State(bridge): State<Bridge>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if !bridge.guard.has_cookie(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match bridge.app.call_picture(query.as_deref().unwrap_or_default()).await {
        Ok(Some(picture)) => {
            let mut answer = HeaderMap::new();
            answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            (answer, picture).into_response()
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::NOT_FOUND, Json(error)).into_response(),
    }
}
