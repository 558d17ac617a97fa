//! POST /_matrix/client/v1/delayed_events/{delayId}/{action}: restarts, sends or cancels an event that waits.
//!
//! ruma has no type of it. Under the proposal's own prefix no token is needed: who knows the id may act, as a call's server that shall tell
//! when somebody is gone.

use axum::{
    Json,
    extract::{OriginalUri, Path, Request, State},
};
use serde_json::{Value, json};

use crate::{
    api::{auth::visitor, error::ApiError, parts::Parts, peer::peer_key},
    domain::rooms::DelayAction,
};

pub async fn post(
    State(parts): State<Parts>,
    Path((delay_id, action)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (head, _) = request.into_parts();
    let sender = visitor(&parts, &head).await?;
    if sender.is_none() && !uri.path().starts_with("/_matrix/client/unstable/") {
        return Err(ApiError::missing_token());
    }
    let counted = match &sender {
        Some(sender) => sender.is_limited().then(|| sender.user_id.to_string()),
        None => peer_key(&head.extensions),
    };
    if let Some(who) = counted {
        parts.accounts.count_request(&who)?;
    }
    let action = match action.as_str() {
        "restart" => DelayAction::Restart,
        "send" => DelayAction::Send,
        "cancel" => DelayAction::Cancel,
        _ => return Err(ApiError::unrecognized()),
    };
    parts.rooms.update_delayed(sender.map(|sender| sender.user), &delay_id, action).await?;
    Ok(Json(json!({})))
}
