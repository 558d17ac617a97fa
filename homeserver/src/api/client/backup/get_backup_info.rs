//! GET /_matrix/client/v3/room_keys/version/{version}: one version of the backup.

use ruma::api::client::backup::get_backup_info::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn get_backup_info(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let backup = encryption.backup(request.sender.user, Some(&request.version)).await?;
    let (algorithm, count, etag, version) = super::describe(backup)?;
    Ok(Response::new(algorithm, count, etag, version))
}
