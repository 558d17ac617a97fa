//! A server that takes transactions and remembers them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::Path, routing::put};
use http::StatusCode;
use serde_json::{Value, json};

/// Takes transactions and answers as it is told.
#[derive(Clone, Default)]
pub struct Taker {
    pub taken: Arc<Mutex<Vec<(String, Value)>>>,
    /// Statuses of the next answers, the last one first; 200 when there is none.
    pub answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Taker {
    pub fn router(&self) -> Router {
        let taker = self.clone();
        let take = async move |Path(id): Path<String>, Json(body): Json<Value>| {
            taker.taken.lock().unwrap().push((id, body));
            let status = taker.answers.lock().unwrap().pop().unwrap_or(StatusCode::OK);
            let body = if status == StatusCode::OK {
                json!({"pdus": {}})
            } else {
                json!({"errcode": "M_BAD_JSON", "error": "no"})
            };
            (status, Json(body))
        };
        Router::new().route("/_matrix/federation/v1/send/{id}", put(take))
    }

    /// Waits until as many have come.
    pub async fn wait_for(&self, count: usize) -> Vec<(String, Value)> {
        let wait = async {
            while self.taken.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
        self.taken.lock().unwrap().clone()
    }
}
