//! PUT /_matrix/client/v3/room_keys/keys: writes keys of several rooms into the backup.

use ruma::api::client::backup::add_backup_keys::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn add_backup_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let rooms = request.rooms.into_iter().map(|(room, backup)| (room.into(), super::sessions(backup.sessions)));
    let state = encryption.put_backup_keys(sender.user, &request.version, rooms.collect()).await?;
    Ok(Response::new(state.etag, super::count(state.count)))
}
