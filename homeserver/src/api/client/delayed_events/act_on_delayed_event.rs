//! POST /_matrix/client/v1/delayed_events/{delayId}/{action}: restarts, sends or cancels an event that waits.
//!
//! ruma has no type of it. No token is asked for: who knows the id may act, as a call's server that shall tell when somebody is gone.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use serde_json::{Value, json};

use crate::{
    api::{error::ApiError, parts::Parts, peer::peer_key},
    domain::rooms::DelayAction,
};

pub async fn post(
    State(parts): State<Parts>,
    Path((delay_id, action)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    if let Some(who) = peer_key(request.extensions()) {
        parts.accounts.count_request(&who)?;
    }
    let action = match action.as_str() {
        "restart" => DelayAction::Restart,
        "send" => DelayAction::Send,
        "cancel" => DelayAction::Cancel,
        _ => return Err(ApiError::unrecognized()),
    };
    parts.rooms.update_delayed(None, &delay_id, action).await?;
    Ok(Json(json!({})))
}
