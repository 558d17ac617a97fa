//! GET /_matrix/client/v3/room_keys/version: the newest version of the backup.

use ruma::api::client::backup::get_latest_backup_info::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn get_latest_backup_info(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let backup = encryption.backup(request.sender.user, None).await?;
    let (algorithm, count, etag, version) = super::describe(backup)?;
    Ok(Response::new(algorithm, count, etag, version))
}
