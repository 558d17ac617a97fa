//! PUT /_matrix/client/v3/room_keys/version/{version}: replaces the auth_data of a version.

use ruma::api::client::backup::update_backup_version::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn update_backup_version(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    encryption.update_backup(request.sender.user, &request.version, request.algorithm.json().get()).await?;
    Ok(Response::new())
}
