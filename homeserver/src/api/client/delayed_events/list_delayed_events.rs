//! GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events: the user's events that wait.
//!
//! ruma has no type of it.

use axum::{
    Json,
    extract::{Request, State},
};
use serde_json::{Value, json, value::RawValue};

use crate::{
    api::{auth::visitor, error::ApiError, parts::Parts},
    store::StoreError,
};

pub async fn get(State(parts): State<Parts>, request: Request) -> Result<Json<Value>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = visitor(&parts, &head).await?.ok_or_else(ApiError::missing_token)?;
    let mut shown = Vec::new();
    for event in parts.rooms.delayed(sender.user).await? {
        let room_id = parts.store.read().await?.room_id(event.room_sn).await?;
        let content = RawValue::from_string(event.content).map_err(|_| StoreError::Damaged("a delayed event"))?;
        let mut one = json!({
            "delay_id": event.delay_id, "room_id": room_id, "type": event.event_type, "delay": event.delay_ms,
            "running_since": event.send_ts.saturating_sub(event.delay_ms), "content": content,
        });
        if let (Some(one), Some(state_key)) = (one.as_object_mut(), event.state_key) {
            one.insert("state_key".to_owned(), state_key.into());
        }
        shown.push(one);
    }
    Ok(Json(json!({ "delayed_events": shown })))
}
