//! DELETE /_matrix/client/v3/room_keys/keys: deletes all keys of a version.

use ruma::api::client::backup::delete_backup_keys::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{BackupPlace, Encryption},
};

pub async fn delete_backup_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let place = BackupPlace::All;
    let state = encryption.delete_backup_keys(request.sender.user, &request.version, place).await?;
    Ok(Response::new(state.etag, super::count(state.count)))
}
