//! Which server asks: the X-Matrix signature over the whole request, and the key that an iroh connection proved.

use bytes::Bytes;
use crypto::name::key_of;
use http::{Request, StatusCode};
use ruma::api::{
    auth_scheme::AuthScheme,
    error::ErrorKind,
    federation::authentication::{ServerSignatures, XMatrix},
};

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::federation::{Origin, VerifyError},
    net::listener::Peer,
    store::{Durability, StoreError},
};

use super::Authenticate;

impl Authenticate for ServerSignatures {
    type Identity = Origin;

    async fn authenticate(parts: &Parts, request: &Request<Bytes>) -> Result<Origin, ApiError> {
        let authorization = Self::extract_authentication(request).map_err(|error| unauthorized(error.to_string()))?;
        let server_name = authorization.origin.clone();
        if server_name == parts.server_name {
            return Err(unauthorized("This server does not speak to itself"));
        }
        check_peer(&authorization, request)?;
        parts.federation.keyring.verify_request(&authorization, request).await.map_err(|error| match error {
            VerifyError::Store(error) => error.into(),
            error => unauthorized(error.to_string()),
        })?;
        let known = parts.store.read().await?.server_sn(&server_name).await?;
        let server = match known {
            Some(server) => server,
            None => {
                let name = server_name.clone();
                let make = parts
                    .store
                    .write(Durability::Normal, move |tx| Box::pin(async move { tx.make_server_sn(&name).await }));
                make.await.map_err(|error: StoreError| ApiError::from(error))?
            }
        };
        parts.federation.destinations.heard_from(&server_name, server).await?;
        Ok(Origin { server, server_name })
    }
}

/// On an iroh connection the peer's key is proved already: it speaks for the server of that key and for none else.
fn check_peer(authorization: &XMatrix, request: &Request<Bytes>) -> Result<(), ApiError> {
    match request.extensions().get::<Peer>() {
        Some(Peer::Iroh(key)) if key_of(&authorization.origin) != Some(*key) => {
            Err(ApiError::forbidden("The connection belongs to another server than the request"))
        }
        _ => Ok(()),
    }
}

fn unauthorized(message: impl Into<String>) -> ApiError {
    ApiError::with_status(StatusCode::UNAUTHORIZED, ErrorKind::Unauthorized, message)
}
