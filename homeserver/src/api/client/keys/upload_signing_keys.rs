//! POST /_matrix/client/v3/keys/device_signing/upload: publishes a user's cross-signing keys.

use ruma::api::client::keys::upload_signing_keys::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::Accounts,
        encryption::{CrossSigningUpload, Encryption, EncryptionError},
    },
};

pub async fn upload_signing_keys(
    (encryption, accounts): (Encryption, Accounts),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let mut upload = CrossSigningUpload {
        user: sender.user,
        user_id: sender.user_id.clone(),
        master_key: request.master_key,
        self_signing_key: request.self_signing_key,
        user_signing_key: request.user_signing_key,
        authenticated: sender.appservice.is_some(),
    };
    match encryption.upload_cross_signing_keys(upload.clone()).await {
        Err(EncryptionError::AuthenticationNeeded) => {}
        done => return Ok(done.map(|()| Response::new())?),
    }
    accounts.prove_own(&sender.user_id, "replace cross-signing keys".to_owned(), request.auth.as_ref()).await?;
    upload.authenticated = true;
    encryption.upload_cross_signing_keys(upload).await?;
    Ok(Response::new())
}
