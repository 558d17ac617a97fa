//! Delayed events (MSC4140): `/send` and `/state` with a delay, and what can be done with an event that waits.

pub mod act_on_delayed_event;
pub mod get_delayed_event;
pub mod list_delayed_events;
pub mod schedule_delayed_event;
pub mod update_delayed_event;

use std::time::Duration;

use axum::{
    Router,
    routing::{get, post, put},
};
use http::StatusCode;
use ruma::api::{
    IncomingRequest, Metadata, OutgoingResponse,
    error::{ErrorKind, FromHttpRequestError, IntoHttpError},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::rooms::{DelayError, LONGEST_DELAY},
};

/// What ruma has no types of.
pub fn routes() -> Router<Parts> {
    Router::new()
        .route("/_matrix/client/unstable/org.matrix.msc4140/delayed_events", get(list_delayed_events::get))
        .route("/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{p1}/{p2}", post(act_on_delayed_event::post))
        .route("/_matrix/client/v3/rooms/{p1}/delayed_event/{p2}/{p3}", put(schedule_delayed_event::put))
        .route(
            "/_matrix/client/unstable/org.matrix.msc4140/rooms/{p1}/delayed_event/{p2}/{p3}",
            put(schedule_delayed_event::put),
        )
        .route("/_matrix/client/v1/delayed_events", get(list_delayed_events::get))
        .route("/_matrix/client/v1/delayed_events/{p1}", get(get_delayed_event::get))
        .route("/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{p1}", get(get_delayed_event::get))
        .route("/_matrix/client/v1/delayed_events/{p1}/{p2}", post(act_on_delayed_event::post))
}

/// A request to send an event, now or later.
pub struct Delayable<R> {
    pub request: R,
    delay: Option<String>,
}

impl<R> Delayable<R> {
    /// How long the event shall wait; `None` when it is to be sent now.
    pub fn delay(&self) -> Result<Option<Duration>, ApiError> {
        let bad = |_| ApiError::invalid_param("The delay is a number of milliseconds");
        Ok(self.delay.as_ref().map(|delay| delay.parse()).transpose().map_err(bad)?.map(Duration::from_millis))
    }
}

impl<R: Metadata> Metadata for Delayable<R> {
    const METHOD: http::Method = R::METHOD;
    const RATE_LIMITED: bool = R::RATE_LIMITED;
    type Authentication = R::Authentication;
    type PathBuilder = R::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = R::PATH_BUILDER;
}

impl<R: IncomingRequest> IncomingRequest for Delayable<R> {
    type EndpointError = R::EndpointError;
    type OutgoingResponse = SentOrDelayed<R::OutgoingResponse>;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        #[derive(Deserialize)]
        struct Query {
            #[serde(rename = "org.matrix.msc4140.delay")]
            delay: Option<String>,
        }
        let Query { delay } = serde_html_form::from_str(request.uri().query().unwrap_or_default())?;
        Ok(Self { request: R::try_from_http_request(request, path_args)?, delay })
    }
}

/// The answer: of the event that was sent, or of the one that waits.
pub enum SentOrDelayed<T> {
    Sent(T),
    /// The id of the delay.
    Delayed(String),
}

impl<T: OutgoingResponse> OutgoingResponse for SentOrDelayed<T> {
    fn try_into_http_response<B: Default + bytes::BufMut>(self) -> Result<http::Response<B>, IntoHttpError> {
        match self {
            Self::Sent(response) => response.try_into_http_response(),
            Self::Delayed(delay_id) => {
                let mut body = B::default();
                body.put_slice(json!({ "delay_id": delay_id }).to_string().as_bytes());
                Ok(http::Response::builder().header(http::header::CONTENT_TYPE, "application/json").body(body)?)
            }
        }
    }
}

impl From<DelayError> for ApiError {
    fn from(error: DelayError) -> Self {
        let message = error.to_string();
        let refused = |errcode: &str| {
            let mut error = Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message.clone());
            error.body.insert("org.matrix.msc4140.errcode".to_owned(), errcode.into());
            error
        };
        match error {
            DelayError::TooLong => {
                let mut error = refused("M_MAX_DELAY_EXCEEDED");
                let longest = u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(u64::MAX);
                error.body.insert("org.matrix.msc4140.max_delay".to_owned(), longest.into());
                error
            }
            DelayError::TooMany => refused("M_MAX_DELAYED_EVENTS_EXCEEDED"),
            DelayError::Unknown => Self::not_found(message),
            DelayError::Finished(_) => Self::with_status(StatusCode::CONFLICT, ErrorKind::Unknown, message),
            DelayError::Rooms(error) => error.into(),
        }
    }
}
