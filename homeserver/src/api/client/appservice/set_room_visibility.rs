//! PUT /_matrix/client/v3/directory/list/appservice/{networkId}/{roomId}: lists a room in the directory of a service's network.

use ruma::api::client::{
    appservice::set_room_visibility::v3::{Request, Response},
    room::Visibility,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::{Durability, Store, StoreError},
};

/// Bytes of a network's id.
const NETWORK: usize = 255;

pub async fn set_room_visibility(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    if request.network_id.is_empty() || request.network_id.len() > NETWORK {
        return Err(ApiError::invalid_param(format!("A network's id has 1 to {NETWORK} bytes")));
    }
    let listed = match &request.visibility {
        Visibility::Public => true,
        Visibility::Private => false,
        _ => return Err(ApiError::invalid_param("`visibility` is public or private")),
    };
    let room = store.read().await?.room_by_id(&request.room_id).await?;
    let room = room.filter(|room| room.snapshot.is_some()).ok_or_else(|| ApiError::not_found("Unknown room"))?;
    let instance_id = request.sender.instance_id(&request.network_id);
    store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move { tx.list_appservice_room(&instance_id, room.sn, listed).await })
        })
        .await?;
    Ok(Response::new())
}
