//! GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}: one key.

use ruma::{
    api::client::backup::get_backup_keys_for_session::v3::{Request, Response},
    serde::Raw,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{BackupPlace, Encryption},
};

pub async fn get_backup_keys_for_session(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let place = BackupPlace::Session(request.room_id.as_str().to_owned(), request.session_id.clone());
    let rooms = encryption.backup_keys(request.sender.user, &request.version, &place).await?;
    let key = rooms.into_values().flatten().next().ok_or_else(|| ApiError::not_found("Key not found."))?;
    Ok(Response::new(Raw::from_json(key.1)))
}
