//! A server's endpoints for other servers, some of whose answers are lies.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, body::Body, extract::Request, response::IntoResponse as _};
use http::StatusCode;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::api::{parts::Parts, router};

/// Answers by a part of the path; whatever has none is answered honestly.
#[derive(Clone, Default)]
pub struct Lies(Arc<Mutex<Vec<(&'static str, Value)>>>);

impl Lies {
    /// Answers requests whose path contains `part` with this from now on; null is "not found", a number an error of its own.
    pub fn tell(&self, part: &'static str, answer: Value) {
        self.0.lock().unwrap().push((part, answer));
    }

    /// From now on every answer is honest.
    pub fn end(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The endpoints of a server that tells these.
    pub fn router(&self, parts: Parts) -> Router {
        let (honest, told) = (router::federation(parts), self.clone());
        let answer = async move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let lie = told.0.lock().unwrap().iter().rev().find(|(part, _)| path.contains(part)).cloned();
            match lie {
                Some((_, Value::Null)) => {
                    (StatusCode::NOT_FOUND, Json(json!({"errcode": "M_NOT_FOUND", "error": "no"}))).into_response()
                }
                Some((_, Value::Number(_))) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                Some((_, answer)) => Json(answer).into_response(),
                None => honest.oneshot(request).await.unwrap().into_response(),
            }
        };
        Router::new().fallback(answer)
    }
}
