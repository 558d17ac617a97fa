//! Who asks: each authentication scheme of ruma's endpoint types, and what it proves.

mod origin;

use bytes::Bytes;
use http::Request;
use ruma::{
    OwnedDeviceId, OwnedUserId,
    api::{
        auth_scheme::{
            AccessToken, AccessTokenOptional, AppserviceToken, AppserviceTokenOptional, AuthScheme, ExtractTokenError,
            NoAccessToken, NoAuthentication,
        },
        error::ErrorKind,
    },
};

use crate::{
    domain::rooms::LocalUser,
    store::{TokenOwner, UserSn},
};

use super::{error::ApiError, parts::Parts, peer::peer_ip};

mod guests;

pub use crate::domain::federation::Origin;

/// A local user's device, proved by its access token.
#[derive(Clone, Debug)]
pub struct Sender {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub admin: bool,
    pub guest: bool,
    /// Reads, and can only leave rooms and sign out.
    pub suspended: bool,
}

impl Sender {
    /// Refuses what suspended accounts cannot do.
    pub fn not_suspended(&self) -> Result<(), ApiError> {
        if self.suspended {
            return Err(ApiError::new(ErrorKind::UserSuspended, "This account is suspended"));
        }
        Ok(())
    }
}

impl Sender {
    /// The user as rooms take them.
    pub fn local_user(&self) -> LocalUser {
        LocalUser { user: self.user, user_id: self.user_id.clone(), device_id: self.device_id.clone() }
    }
}

/// A scheme of authentication, checked.
pub trait Authenticate: AuthScheme {
    /// What a passed check proves.
    type Identity: Send;

    fn authenticate(
        parts: &Parts,
        request: &Request<Bytes>,
    ) -> impl Future<Output = Result<Self::Identity, ApiError>> + Send;
}

impl Authenticate for NoAuthentication {
    type Identity = ();
    async fn authenticate(_: &Parts, _: &Request<Bytes>) -> Result<(), ApiError> {
        Ok(())
    }
}

impl Authenticate for NoAccessToken {
    type Identity = ();
    async fn authenticate(_: &Parts, _: &Request<Bytes>) -> Result<(), ApiError> {
        Ok(())
    }
}

impl Authenticate for AccessToken {
    type Identity = Sender;
    async fn authenticate(parts: &Parts, request: &Request<Bytes>) -> Result<Sender, ApiError> {
        let token = Self::extract_authentication(request).map_err(token_error)?;
        sender(parts, &token, request).await
    }
}

impl Authenticate for AccessTokenOptional {
    type Identity = Option<Sender>;
    async fn authenticate(parts: &Parts, request: &Request<Bytes>) -> Result<Option<Sender>, ApiError> {
        match Self::extract_authentication(request).map_err(token_error)? {
            Some(token) => sender(parts, &token, request).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Authenticate for AppserviceTokenOptional {
    /// The token, when one was sent.
    type Identity = Option<String>;
    async fn authenticate(_: &Parts, request: &Request<Bytes>) -> Result<Option<String>, ApiError> {
        Self::extract_authentication(request).map_err(token_error)
    }
}

impl Authenticate for AppserviceToken {
    /// The token.
    type Identity = String;
    async fn authenticate(_: &Parts, request: &Request<Bytes>) -> Result<String, ApiError> {
        Self::extract_authentication(request).map_err(token_error)
    }
}

/// Who asks at an endpoint that settings open to everybody, when a token was sent.
pub async fn visitor(parts: &Parts, head: &http::request::Parts) -> Result<Option<Sender>, ApiError> {
    AccessTokenOptional::authenticate(parts, &Request::from_parts(head.clone(), Bytes::new())).await
}

fn token_error(error: ExtractTokenError) -> ApiError {
    match error {
        ExtractTokenError::MissingAccessToken => ApiError::missing_token(),
        _ => ApiError::unknown_token(false),
    }
}

/// Finds whose token it is. An expired token is told with `soft_logout`, so that the client refreshes it.
async fn sender(parts: &Parts, token: &str, request: &Request<Bytes>) -> Result<Sender, ApiError> {
    let found = parts.store.read().await?.access_token(token).await?.ok_or_else(|| ApiError::unknown_token(false))?;
    if found.expires_ts.is_some_and(|expires| expires <= parts.clock.now_ms()) {
        return Err(ApiError::unknown_token(true));
    }
    let path = request.uri().path();
    if found.locked && !path.ends_with("/logout") && !path.ends_with("/logout/all") {
        return Err(ApiError::locked());
    }
    if found.guest && !guests::may(request.method(), path) {
        return Err(ApiError::new(ErrorKind::GuestAccessForbidden, "Guests cannot do this"));
    }
    let ip = peer_ip(request.extensions()).map(|ip| ip.to_string());
    parts.accounts.saw(&found, token, ip).await?;
    let TokenOwner { user, user_id, device_id, admin, guest, suspended, .. } = found;
    Ok(Sender { user, user_id, device_id, admin, guest, suspended })
}
