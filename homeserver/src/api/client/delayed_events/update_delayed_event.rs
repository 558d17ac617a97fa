//! POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayId}: restarts, sends or cancels an event that waits.

use ruma::api::client::delayed_events::update_delayed_event::unstable::{Request, Response, UpdateAction};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::{DelayAction, Rooms},
};

pub async fn update_delayed_event(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let action = match &request.action {
        UpdateAction::Restart => DelayAction::Restart,
        UpdateAction::Send => DelayAction::Send,
        UpdateAction::Cancel => DelayAction::Cancel,
        _ => return Err(ApiError::invalid_param("`action` is restart, send or cancel")),
    };
    if action != DelayAction::Cancel {
        request.sender.not_suspended()?;
    }
    rooms.update_delayed(Some(request.sender.user), &request.delay_id, action).await?;
    Ok(Response::new())
}
