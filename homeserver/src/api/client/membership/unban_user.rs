//! POST /_matrix/client/v3/rooms/{roomId}/unban: lets a banned user come again.

use ruma::{
    CanonicalJsonObject,
    api::client::membership::unban_user::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::{MembershipChange, Rooms},
    store::Membership,
};

pub async fn unban_user(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let change = MembershipChange {
        membership: Membership::Leave,
        only_from: &[Membership::Ban],
        reason: request.reason.clone(),
        more: CanonicalJsonObject::new(),
    };
    rooms.change_member(&request.sender.local_user(), &request.room_id, &request.user_id, change).await?;
    Ok(Response::new())
}
