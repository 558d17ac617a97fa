//! GET, PUT /_matrix/client/v3/directory/list/room/{roomId}: whether a room is listed in our directory.

use ruma::api::client::{
    directory::{get_room_visibility, set_room_visibility},
    room::Visibility,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
    store::{Durability, RoomRow, StoreError},
};

pub async fn get_room_visibility(
    rooms: Rooms,
    request: Ruma<get_room_visibility::v3::Request>,
) -> Result<get_room_visibility::v3::Response, ApiError> {
    let room = rooms.store().read().await?.room_by_id(&request.room_id).await?;
    let room = room.filter(known).ok_or_else(|| ApiError::not_found("Unknown room"))?;
    let visibility = if room.published { Visibility::Public } else { Visibility::Private };
    Ok(get_room_visibility::v3::Response::new(visibility))
}

pub async fn set_room_visibility(
    rooms: Rooms,
    request: Ruma<set_room_visibility::v3::Request>,
) -> Result<set_room_visibility::v3::Response, ApiError> {
    let room = rooms.store().read().await?.room_by_id(&request.room_id).await?;
    let room = room.filter(known).ok_or_else(|| ApiError::not_found("Unknown room"))?;
    if !request.sender.admin && !rooms.may_change_aliases(&request.sender.user_id, &room).await? {
        return Err(ApiError::forbidden("You may not change whether this room is listed"));
    }
    let published = match &request.visibility {
        Visibility::Public => true,
        Visibility::Private => false,
        _ => return Err(ApiError::invalid_param("`visibility` is public or private")),
    };
    rooms
        .store()
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move { tx.set_published(room.sn, published).await })
        })
        .await?;
    Ok(set_room_visibility::v3::Response::new())
}

/// Not only by an invite or a knock.
fn known(room: &RoomRow) -> bool {
    room.snapshot.is_some()
}
