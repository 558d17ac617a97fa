//! All routes: one line an endpoint.

use std::time::Duration;

use axum::{Router, extract::DefaultBodyLimit};
use http::{HeaderName, Method, header};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any, CorsLayer},
};

use super::{client, error::ApiError, federation, parts::Parts, ruma_route::RumaRoutes};

/// The Client-Server API.
pub fn client(parts: Parts) -> Router {
    let router = Router::new().ruma(client::versions::get_supported_versions).ruma(client::account::whoami::whoami);
    finish(router).layer(cors()).with_state(parts)
}

/// The Server-Server API.
pub fn federation(parts: Parts) -> Router {
    let router = Router::new()
        .ruma(federation::version::get_version)
        .ruma(federation::key::server::get_keys)
        .ruma(federation::key::query::query_keys)
        .ruma(federation::key::query_batch::query_keys);
    finish(router).with_state(parts)
}

/// What holds for every endpoint: answers to unknown paths and methods, and to a handler that panicked.
fn finish(router: Router<Parts>) -> Router<Parts> {
    router
        .fallback(async || ApiError::unrecognized())
        .method_not_allowed_fallback(async || {
            let mut error = ApiError::unrecognized();
            error.status = http::StatusCode::METHOD_NOT_ALLOWED;
            error
        })
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            use axum::response::IntoResponse;
            let error = std::io::Error::other("a handler panicked");
            ApiError::internal(&error).into_response()
        }))
}

/// Web clients may come from anywhere: access is by token.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
        .allow_headers([HeaderName::from_static("x-requested-with"), header::CONTENT_TYPE, header::AUTHORIZATION])
        .max_age(Duration::from_secs(86400))
}
