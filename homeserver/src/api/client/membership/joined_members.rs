//! GET /_matrix/client/v3/rooms/{roomId}/joined_members: who is in a room, by name and picture.

use ruma::{
    OwnedUserId, UserId,
    api::client::membership::joined_members::v3::{Request, Response, RoomMember},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::{Rooms, RoomsError},
    store::Membership,
};

pub async fn joined_members(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let mut db = rooms.store().read().await?;
    let room = db.room_sn(&request.room_id).await?.ok_or(RoomsError::UnknownRoom)?;
    if db.is_partial(room).await? {
        drop(db);
        rooms.whole(room).await?;
        db = rooms.store().read().await?;
    }
    let members = db.members(room, Membership::Join).await?;
    // Of a service, any of its users may be the one who is in the room.
    let is_asker = |user_id: &str| match &request.sender.appservice {
        Some(service) => UserId::parse(user_id).is_ok_and(|user_id| service.may_be(&user_id)),
        None => request.sender.user_id == user_id,
    };
    if !members.iter().any(|member| is_asker(&member.user_id)) {
        return Err(RoomsError::NotInRoom.into());
    }
    let mut response = Response::new(Default::default());
    for member in members {
        let mut shown = RoomMember::new();
        shown.display_name = member.display_name;
        shown.avatar_url = member.avatar_url.map(Into::into);
        if let Ok(user_id) = OwnedUserId::try_from(member.user_id) {
            response.joined.insert(user_id, shown);
        }
    }
    Ok(response)
}
