//! A server's endpoints for other servers, some of whose answers are lies.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, body::Body, extract::Request, response::IntoResponse as _};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::api::{parts::Parts, router};

/// Answers by a part of the path; whatever has none is answered honestly.
#[derive(Clone, Default)]
pub struct Lies(Arc<Mutex<Vec<(&'static str, Lie)>>>);

/// The text of an answer to path, query and body.
type Made = dyn Fn(&str, &Value) -> String + Send + Sync;

#[derive(Clone)]
enum Lie {
    Always(Value),
    By(Arc<Made>),
}

impl Lies {
    /// Answers requests whose path contains `part` with this from now on; null is "not found", a number an error of its own.
    pub fn tell(&self, part: &'static str, answer: Value) {
        self.0.lock().unwrap().push((part, Lie::Always(answer)));
    }

    /// The same with the text that a function of path, query and body makes.
    pub fn tell_by(&self, part: &'static str, answer: impl Fn(&str, &Value) -> String + Send + Sync + 'static) {
        self.0.lock().unwrap().push((part, Lie::By(Arc::new(answer))));
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
            match lie.map(|(_, lie)| lie) {
                Some(Lie::Always(Value::Null)) => {
                    (StatusCode::NOT_FOUND, Json(json!({"errcode": "M_NOT_FOUND", "error": "no"}))).into_response()
                }
                Some(Lie::Always(Value::Number(_))) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                Some(Lie::Always(answer)) => Json(answer).into_response(),
                Some(Lie::By(answer)) => {
                    let (head, body) = request.into_parts();
                    let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default();
                    ([(header::CONTENT_TYPE, "application/json")], answer(&head.uri.to_string(), &body)).into_response()
                }
                None => honest.oneshot(request).await.unwrap().into_response(),
            }
        };
        Router::new().fallback(answer)
    }
}
