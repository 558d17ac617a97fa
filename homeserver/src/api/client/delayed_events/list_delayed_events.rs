//! GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events: the user's events that wait.
//!
//! ruma has no type of it.

use axum::{
    Json,
    extract::{Request, State},
};
use serde_json::{Value, json};

use crate::api::{auth::visitor, error::ApiError, parts::Parts};

pub async fn get(State(parts): State<Parts>, request: Request) -> Result<Json<Value>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = visitor(&parts, &head).await?.ok_or_else(ApiError::missing_token)?;
    let mut shown = Vec::new();
    for event in parts.rooms.delayed(sender.user).await? {
        shown.push(super::get_delayed_event::shown(&parts, event).await?);
    }
    Ok(Json(json!({ "delayed_events": shown })))
}
