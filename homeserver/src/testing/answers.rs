//! Servers that give the same answer to everybody.

use std::sync::{
    Arc, Mutex,
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

/// Answers everything with this text, and notes its name.
pub fn noting(name: &str, names: &Arc<Mutex<Vec<String>>>, status: StatusCode, text: String) -> Router {
    let (name, names) = (name.to_owned(), Arc::clone(names));
    let answer = async move || {
        names.lock().unwrap().push(name);
        (status, text)
    };
    Router::new().fallback(answer)
}

/// Tells its own keys, and as a notary those of other servers.
pub fn notary(own: String, others: Vec<Value>) -> Router {
    let others = json!({ "server_keys": others });
    Router::new()
        .route("/_matrix/key/v2/server", get(async move || own.clone()))
        .route("/_matrix/key/v2/query", post(async move || Json(others)))
}
