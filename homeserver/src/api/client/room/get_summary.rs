//! GET /_matrix/client/v1/room_summary/{roomIdOrAlias}: what a room shows of itself to those who may know of it.

use ruma::{
    api::client::room::get_summary::v1::{Request, Response},
    events::room::member::MembershipState,
};

use crate::{
    api::{client::room::by_id_or_alias, error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        rooms::{Rooms, RoomsError},
    },
};

pub async fn get_summary((rooms, accounts): (Rooms, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    let key = match &request.sender {
        Some(sender) => sender.user_id.to_string(),
        None => peer_key(&request.head.extensions).unwrap_or_default(),
    };
    accounts.limits().take(&format!("summary {key}"), Limit::LOOK_UP)?;
    let (room_id, via) = by_id_or_alias(&rooms, &request.room_id_or_alias, &request.via).await?;
    let user = request.sender.as_ref().map(|sender| sender.local_user());
    let (summary, membership) = match rooms.summary_for(user.as_ref(), &room_id, &via).await {
        Err(RoomsError::UnknownRoom) => return Err(ApiError::not_found("No such room was found")),
        other => other?,
    };
    let mut response = Response::new(summary);
    let membership = membership.map_or(MembershipState::Leave, |membership| MembershipState::from(membership.as_str()));
    response.membership = user.map(|_| membership);
    Ok(response)
}
