//! DELETE /_matrix/client/v3/room_keys/keys/{roomId}: deletes the keys of one room.

use ruma::api::client::backup::delete_backup_keys_for_room::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{BackupPlace, Encryption},
};

pub async fn delete_backup_keys_for_room(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let place = BackupPlace::Room(request.room_id.as_str().to_owned());
    let state = encryption.delete_backup_keys(request.sender.user, &request.version, place).await?;
    Ok(Response::new(state.etag, super::count(state.count)))
}
