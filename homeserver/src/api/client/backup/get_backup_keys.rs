//! GET /_matrix/client/v3/room_keys/keys: all keys of a version.

use ruma::api::client::backup::{
    RoomKeyBackup,
    get_backup_keys::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{BackupPlace, Encryption},
    store::StoreError,
};

pub async fn get_backup_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let rooms = encryption.backup_keys(request.sender.user, &request.version, &BackupPlace::All).await?;
    let rooms = rooms.into_iter().map(|(room, sessions)| {
        let room = room.try_into().map_err(|_| StoreError::Damaged("a room id of a backup"))?;
        Ok((room, RoomKeyBackup::new(super::raw(sessions))))
    });
    Ok(Response::new(rooms.collect::<Result<_, StoreError>>()?))
}
