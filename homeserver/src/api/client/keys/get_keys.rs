//! POST /_matrix/client/v3/keys/query: the devices and keys of users, of this server and others.

use ruma::api::client::keys::get_keys::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn get_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    Ok(encryption.query_keys(sender.user, request.device_keys, request.timeout).await?)
}
