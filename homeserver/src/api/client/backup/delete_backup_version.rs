//! DELETE /_matrix/client/v3/room_keys/version/{version}: deletes a version with all its keys.

use ruma::api::client::backup::delete_backup_version::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn delete_backup_version(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    encryption.delete_backup(request.sender.user, &request.version).await?;
    Ok(Response::new())
}
