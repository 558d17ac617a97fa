//! GET /_matrix/client/v3/presence/{userId}/status: whether somebody is online.

use std::time::Duration;

use ruma::{
    api::client::presence::get_presence::v3::{Request, Response},
    presence::PresenceState,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::ephemeral::Ephemeral,
    store::Store,
};

pub async fn get_presence(
    (ephemeral, store, clock): (Ephemeral, Store, Clock),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let mut db = store.read().await?;
    let user = db.user_sn(&request.user_id).await?;
    let Some(user) = user else { return Err(ApiError::forbidden("You may not see this user's presence")) };
    if user != request.sender.user && !db.share_a_room(request.sender.user, user).await? {
        return Err(ApiError::forbidden("You may not see this user's presence"));
    }
    let Some(presence) = ephemeral.presence().of(user) else { return Ok(Response::new(PresenceState::Offline)) };
    let now = clock.now_ms();
    let mut response = Response::new(presence.state.clone());
    response.currently_active = Some(presence.currently_active(now));
    response.last_active_ago = presence.last_active_ago(now).map(Duration::from_millis);
    response.status_msg = presence.status_msg;
    Ok(response)
}
