//! PUT /_matrix/client/v3/room_keys/keys/{roomId}: writes keys of one room into the backup.

use ruma::api::client::backup::add_backup_keys_for_room::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn add_backup_keys_for_room(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let rooms = [(request.room_id.into(), super::sessions(request.sessions))].into();
    let state = encryption.put_backup_keys(sender.user, &request.version, rooms).await?;
    Ok(Response::new(state.etag, super::count(state.count)))
}
