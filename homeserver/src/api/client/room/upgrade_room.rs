//! POST /_matrix/client/v3/rooms/{roomId}/upgrade: goes on in a new room of another version.

use ruma::api::client::room::upgrade_room::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        rooms::Rooms,
    },
};

/// Most users that are named as creators beside the one who upgrades.
const CREATORS: usize = 100;

pub async fn upgrade_room((rooms, accounts): (Rooms, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    request.sender.not_suspended()?;
    if request.additional_creators.len() > CREATORS {
        return Err(ApiError::invalid_param(format!("At most {CREATORS} additional creators can be named")));
    }
    request.sender.take(&accounts, "create", Limit::CREATE)?;
    let user = request.sender.local_user();
    let version = request.new_version.clone();
    let made = rooms.upgrade(&user, &request.room_id, version, &request.additional_creators).await?;
    Ok(Response::new(made))
}
