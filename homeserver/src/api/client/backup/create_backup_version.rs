//! POST /_matrix/client/v3/room_keys/version: makes a new, empty version of the backup.

use ruma::api::client::backup::create_backup_version::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn create_backup_version(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let version = encryption.create_backup(request.sender.user, request.algorithm.json().get()).await?;
    Ok(Response::new(version))
}
