//! PUT /_matrix/client/v3/rooms/{roomId}/delayed_event/{eventType}/{txnId}: an event to be sent after a while.
//!
//! ruma has no type of it.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, Request, State},
};
use http::StatusCode;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedRoomId, UInt, api::error::ErrorKind, events::TimelineEventType};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    api::{auth::visitor, client::room::TXN_ID, error::ApiError, parts::Parts, ruma_route::read_body},
    domain::{
        events::build::canonical,
        rooms::{DelayError, LONGEST_DELAY, NewMessage},
    },
};

/// Bytes of the body: an event has at most 64 KiB.
const BODY: usize = 256 * 1024;

#[derive(Deserialize)]
struct Body {
    /// Milliseconds.
    delay: u64,
    state_key: Option<String>,
    content: Box<RawValue>,
}

/// The time that an application service gives the event.
#[derive(Deserialize)]
pub struct Massaged {
    ts: Option<UInt>,
}

pub async fn put(
    State(parts): State<Parts>,
    Path((room_id, event_type, txn_id)): Path<(String, String, String)>,
    Query(massaged): Query<Massaged>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (head, body) = request.into_parts();
    let sender = visitor(&parts, &head).await?.ok_or_else(ApiError::missing_token)?;
    sender.not_suspended()?;
    if sender.is_limited() {
        parts.accounts.count_request(sender.user_id.as_str())?;
    }
    let room_id = OwnedRoomId::try_from(room_id).map_err(|_| ApiError::invalid_param("This is not a room id"))?;
    if txn_id.len() > TXN_ID {
        return Err(ApiError::invalid_param("The transaction id is too long"));
    }
    let bytes = read_body(body, BODY).await?;
    let body: Body = serde_json::from_slice(&bytes).map_err(|error| ApiError::bad_json(error.to_string()))?;
    if body.delay == 0 {
        return Err(ApiError::invalid_param("The delay is a number of milliseconds above zero"));
    }
    let message = NewMessage {
        room_id,
        kind: TimelineEventType::from(event_type),
        state_key: body.state_key,
        content: canonical(body.content.get()).map_err(|error| ApiError::bad_json(error.to_string()))?,
        txn_id: Some(txn_id),
        redacts: None,
        timestamp: sender.timestamp(massaged.ts.map(MilliSecondsSinceUnixEpoch)),
    };
    let delayed = parts.rooms.delay(&sender.local_user(), message, Duration::from_millis(body.delay)).await;
    match delayed {
        Ok(delay_id) => Ok(Json(json!({ "delay_id": delay_id }))),
        Err(DelayError::TooLong) => {
            let message = DelayError::TooLong.to_string();
            let mut error = ApiError::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message);
            error.body.insert("errcode".to_owned(), "M_MAX_DELAY_EXCEEDED".into());
            let longest = u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(u64::MAX);
            error.body.insert("max_delay".to_owned(), longest.into());
            Err(error)
        }
        Err(DelayError::TooMany) => {
            let next = parts.rooms.delayed(sender.user).await?.first().map_or(0, |next| next.send_ts);
            let wait = u64::try_from(next.saturating_sub(parts.clock.now_ms())).unwrap_or_default().max(1);
            Err(ApiError::limit_exceeded(Duration::from_millis(wait)))
        }
        Err(error) => Err(error.into()),
    }
}
