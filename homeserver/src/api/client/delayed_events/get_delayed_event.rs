//! GET /_matrix/client/v1/delayed_events/{delayId}: one of the user's events, waiting or finished not long ago.
//!
//! ruma has no type of it.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use serde_json::{Value, json, value::RawValue};

use crate::{
    api::{auth::visitor, error::ApiError, parts::Parts},
    domain::rooms::DelayError,
    store::{DelayedEvent, StoreError},
};

pub async fn get(
    State(parts): State<Parts>,
    Path(delay_id): Path<String>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = visitor(&parts, &head).await?.ok_or_else(ApiError::missing_token)?;
    let event = parts.rooms.delayed_event(sender.user, &delay_id).await?.ok_or(DelayError::Unknown)?;
    Ok(Json(shown(&parts, event).await?))
}

/// A delayed event as its owner sees it.
pub(super) async fn shown(parts: &Parts, event: DelayedEvent) -> Result<Value, StoreError> {
    let room_id = parts.store.read().await?.room_id(event.room_sn).await?;
    let json = |text: String| RawValue::from_string(text).map_err(|_| StoreError::Damaged("a delayed event"));
    let mut shown = json!({
        "delay_id": event.delay_id, "room_id": room_id, "type": event.event_type, "delay": event.delay_ms,
        "running_since": event.send_ts.saturating_sub(event.delay_ms), "content": json(event.content)?,
    });
    let error = event.error.map(json).transpose()?;
    if let Some(shown) = shown.as_object_mut() {
        let more = [
            ("state_key", event.state_key.map(Value::from)),
            ("event_id", event.event_id.map(Value::from)),
            ("error", error.map(|error| json!(error))),
            ("origin_server_ts", event.finished_ts.map(Value::from)),
        ];
        shown.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    Ok(shown)
}
