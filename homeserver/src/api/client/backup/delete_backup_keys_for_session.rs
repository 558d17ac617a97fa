//! DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}: deletes one key.

use ruma::api::client::backup::delete_backup_keys_for_session::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{BackupPlace, Encryption},
};

pub async fn delete_backup_keys_for_session(
    encryption: Encryption,
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let place = BackupPlace::Session(request.room_id.as_str().to_owned(), request.session_id.clone());
    let state = encryption.delete_backup_keys(request.sender.user, &request.version, place).await?;
    Ok(Response::new(state.etag, super::count(state.count)))
}
