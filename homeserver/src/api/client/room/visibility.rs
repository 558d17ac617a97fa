//! GET, PUT /_matrix/client/v3/directory/list/room/{roomId}: whether a room is listed in our directory.

use ruma::api::{
    IncomingRequest,
    client::{
        directory::{get_room_visibility, set_room_visibility},
        room::Visibility,
    },
    error::FromHttpRequestError,
};
use serde_json::{Map, Value};

use crate::{
    api::{
        error::ApiError,
        ruma_route::{Ruma, same_endpoint},
    },
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
    request: Ruma<SetVisibility>,
) -> Result<set_room_visibility::v3::Response, ApiError> {
    let set_room_visibility::v3::Request { room_id, visibility, .. } = &request.request.0;
    let room = rooms.store().read().await?.room_by_id(room_id).await?;
    let room = room.filter(known).ok_or_else(|| ApiError::not_found("Unknown room"))?;
    if !request.sender.admin && !rooms.may_change_aliases(&request.sender.user_id, &room).await? {
        return Err(ApiError::forbidden("You may not change whether this room is listed"));
    }
    let published = match visibility {
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

/// ruma's request, whose visibility is the specification's default when it is missing.
pub struct SetVisibility(set_room_visibility::v3::Request);

type Inner = set_room_visibility::v3::Request;

same_endpoint!(SetVisibility, Inner);

impl IncomingRequest for SetVisibility {
    type EndpointError = <Inner as IncomingRequest>::EndpointError;
    type OutgoingResponse = set_room_visibility::v3::Response;

    fn try_from_http_request<B, S>(request: http::Request<B>, path_args: &[S]) -> Result<Self, FromHttpRequestError>
    where
        B: AsRef<[u8]>,
        S: AsRef<str>,
    {
        let (head, body) = request.into_parts();
        let mut body: Map<String, Value> = serde_json::from_slice(body.as_ref())?;
        body.entry("visibility").or_insert_with(|| "public".into());
        let request = http::Request::from_parts(head, serde_json::to_vec(&body)?);
        Ok(Self(Inner::try_from_http_request(request, path_args)?))
    }
}
