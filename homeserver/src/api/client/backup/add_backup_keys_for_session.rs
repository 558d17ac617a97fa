//! PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}: writes one key into the backup.

use ruma::api::client::backup::add_backup_keys_for_session::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn add_backup_keys_for_session(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let sessions = [(request.session_id, request.session_data.into_json())].into();
    let rooms = [(request.room_id.into(), sessions)].into();
    let state = encryption.put_backup_keys(sender.user, &request.version, rooms).await?;
    Ok(Response::new(state.etag, super::count(state.count)))
}
