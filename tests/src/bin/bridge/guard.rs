//! Who may speak to the bridge: our own page, by Host, Origin, token and cookie.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use crate::Bridge;

const COOKIE: &str = "hearth-media";

/// The random words of this run.
pub(crate) struct Guard {
    token: String,
    cookie: String,
    hosts: [String; 2],
}

impl Guard {
    pub(crate) fn new(port: u16) -> Self {
        Self { token: random(), cookie: random(), hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")] }
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A page of ours: a foreign one cannot name our Origin.
    pub(crate) fn is_our_origin(&self, headers: &HeaderMap) -> bool {
        text(headers, header::ORIGIN)
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|host| self.hosts.iter().any(|own| own == host))
    }

    pub(crate) fn has_token(&self, given: &str) -> bool {
        equal(given, &self.token)
    }

    pub(crate) fn has_bearer(&self, headers: &HeaderMap) -> bool {
        text(headers, header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|token| self.has_token(token))
    }

    pub(crate) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        text(headers, header::COOKIE)
            .unwrap_or_default()
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == COOKIE && equal(value, &self.cookie))
    }
}

/// Answers only requests that were meant for us: a foreign name that resolves to 127.0.0.1 is not.
pub(crate) async fn host(State(bridge): State<Bridge>, request: Request, next: Next) -> Response {
    let host = text(request.headers(), header::HOST).unwrap_or_default().to_owned();
    if bridge.guard.hosts.contains(&host) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

/// Trades the token for the cookie that pictures travel with.
pub(crate) async fn session(State(bridge): State<Bridge>, headers: HeaderMap) -> Response {
    if !bridge.guard.has_bearer(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/media", bridge.guard.cookie);
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(crate) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn equal(given: &str, own: &str) -> bool {
    given.as_bytes().ct_eq(own.as_bytes()).into()
}

fn random() -> String {
    crypto::Key::random().expose().iter().map(|byte| format!("{byte:02x}")).collect()
}
