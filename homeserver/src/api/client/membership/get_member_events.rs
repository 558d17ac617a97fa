//! GET /_matrix/client/v3/rooms/{roomId}/members: the member events of a room.

use ruma::api::client::membership::get_member_events::v3::{Request, Response};
use serde::Deserialize;

use crate::{
    api::{
        client::room::{readable, show, token},
        error::ApiError,
        ruma_route::Ruma,
    },
    clock::Clock,
    domain::rooms::Rooms,
};

#[derive(Deserialize)]
struct Member {
    content: MemberContent,
}

#[derive(Deserialize)]
struct MemberContent {
    membership: String,
}

pub async fn get_member_events((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let (room, rules) = readable(&rooms, &request.sender, &request.room_id).await?;
    let at = request.at.as_deref().map(token).transpose()?;
    let mut members = rooms.members_at(request.sender.user, &room, at).await?;
    members.retain(|event| {
        let Ok(member) = serde_json::from_str::<Member>(&event.json) else { return false };
        let membership = member.content.membership;
        request.membership.as_ref().is_none_or(|wanted| wanted.as_str() == membership)
            && request.not_membership.as_ref().is_none_or(|unwanted| unwanted.as_str() != membership)
    });
    Ok(Response::new(show(&rooms, &request.sender, clock.now_ms(), &request.room_id, &rules, &members).await?))
}
