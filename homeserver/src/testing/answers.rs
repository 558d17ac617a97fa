//! Servers that give the same answer to everybody.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Value, json};

/// Answers everything with this, and counts.
pub fn always(status: StatusCode, body: Value) -> (Router, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let answer = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        (status, Json(body))
    };
    (Router::new().fallback(answer), count)
}

/// Tells its own keys, and as a notary those of another server.
pub fn notary(own: String, other: Value) -> Router {
    Router::new()
        .route("/_matrix/key/v2/server", get(async move || own.clone()))
        .route("/_matrix/key/v2/query", post(async move || Json(json!({ "server_keys": [other] }))))
}
