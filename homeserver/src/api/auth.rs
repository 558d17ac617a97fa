//! Who asks: each authentication scheme of ruma's endpoint types, and what it proves.

mod appservice;
mod origin;

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Method, Request, header};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedDeviceId, OwnedUserId,
    api::{
        auth_scheme::{
            AccessToken, AccessTokenOptional, AppserviceToken, AppserviceTokenOptional, AuthScheme, ExtractTokenError,
            NoAccessToken, NoAuthentication,
        },
        error::ErrorKind,
    },
};

use crate::{
    domain::{
        accounts::{Accounts, Limit},
        appservices::{Appservice, Appservices},
        rooms::LocalUser,
    },
    store::{TokenOwner, UserSn},
};

use super::{
    error::ApiError,
    parts::Parts,
    peer::{is_owner, peer_ip, peer_key},
};

mod guests;
mod suspended;

pub use crate::domain::federation::Origin;

/// A local user's device, proved by its access token or by the application service that acts for it.
#[derive(Clone, Debug)]
pub struct Sender {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    /// Empty when an application service acts without a device.
    pub device_id: OwnedDeviceId,
    pub admin: bool,
    pub guest: bool,
    /// Reads, and can only leave rooms and sign out.
    pub suspended: bool,
    /// The application service that acts in the user's name.
    pub appservice: Option<Arc<Appservice>>,
}

impl Sender {
    /// Refuses what suspended accounts cannot do.
    pub fn not_suspended(&self) -> Result<(), ApiError> {
        if self.suspended {
            return Err(suspended());
        }
        Ok(())
    }

    /// Refuses a request without a device.
    pub fn has_device(&self) -> Result<(), ApiError> {
        if self.device_id.as_str().is_empty() {
            return Err(ApiError::missing_param("This needs a device: the query's `device_id` names it"));
        }
        Ok(())
    }

    /// The time that an application service gives an event, in milliseconds since 1970; nobody else chooses it.
    pub fn timestamp(&self, wish: Option<MilliSecondsSinceUnixEpoch>) -> Option<i64> {
        self.appservice.as_ref().and(wish).map(|wish| wish.get().into())
    }

    /// Counts the request as one of `what` of this user.
    pub fn take(&self, accounts: &Accounts, what: &str, limit: Limit) -> Result<(), ApiError> {
        if self.is_limited() {
            accounts.limits().take(&format!("{what} {}", self.user_id), limit)?;
        }
        Ok(())
    }

    /// Whether the user's requests are slowed down.
    pub fn is_limited(&self) -> bool {
        self.appservice.as_ref().is_none_or(|service| service.is_limited(&self.user_id))
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

    /// As whom the asker's requests are counted, where the specification wants them limited; `None`: not at all.
    fn counted_as(_: &Self::Identity, _: &Extensions) -> Option<String> {
        None
    }
}

impl Authenticate for NoAuthentication {
    type Identity = ();
    async fn authenticate(_: &Parts, _: &Request<Bytes>) -> Result<(), ApiError> {
        Ok(())
    }
    fn counted_as((): &(), extensions: &Extensions) -> Option<String> {
        peer_key(extensions)
    }
}

impl Authenticate for NoAccessToken {
    type Identity = ();
    async fn authenticate(_: &Parts, _: &Request<Bytes>) -> Result<(), ApiError> {
        Ok(())
    }
    fn counted_as((): &(), extensions: &Extensions) -> Option<String> {
        peer_key(extensions)
    }
}

impl Authenticate for AccessToken {
    type Identity = Sender;
    async fn authenticate(parts: &Parts, request: &Request<Bytes>) -> Result<Sender, ApiError> {
        let token = Self::extract_authentication(request).map_err(token_error)?;
        sender(parts, &token, request).await
    }
    fn counted_as(sender: &Sender, extensions: &Extensions) -> Option<String> {
        (sender.is_limited() && !is_owner(extensions)).then(|| sender.user_id.to_string())
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
    fn counted_as(sender: &Option<Sender>, extensions: &Extensions) -> Option<String> {
        match sender {
            Some(sender) => AccessToken::counted_as(sender, extensions),
            None => peer_key(extensions),
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
    type Identity = Arc<Appservice>;
    async fn authenticate(parts: &Parts, request: &Request<Bytes>) -> Result<Arc<Appservice>, ApiError> {
        let token = Self::extract_authentication(request).map_err(token_error)?;
        appservice::service(parts, &token).await
    }
}

/// Who asks at an endpoint that settings open to everybody, when a token was sent.
pub async fn visitor(parts: &Parts, head: &http::request::Parts) -> Result<Option<Sender>, ApiError> {
    AccessTokenOptional::authenticate(parts, &Request::from_parts(head.clone(), Bytes::new())).await
}

/// The service whose token came with a request to make an account or to sign in.
pub fn by_token<'a>(appservices: &'a Appservices, token: Option<&str>) -> Result<&'a Appservice, ApiError> {
    let token = token.ok_or_else(ApiError::missing_token)?;
    appservices.by_token(token).map(|service| &**service).ok_or_else(|| ApiError::unknown_token(false))
}

fn token_error(error: ExtractTokenError) -> ApiError {
    match error {
        ExtractTokenError::MissingAccessToken => ApiError::missing_token(),
        _ => ApiError::unknown_token(false),
    }
}

/// Finds whose token it is. An expired token is told with `soft_logout`, so that the client refreshes it.
async fn sender(parts: &Parts, token: &str, request: &Request<Bytes>) -> Result<Sender, ApiError> {
    if let Some(service) = parts.appservices.by_token(token) {
        let sender = appservice::sender(parts, service, request).await?;
        if sender.suspended && suspended::may_not(request.method(), request.uri().path()) {
            return Err(suspended());
        }
        return Ok(sender);
    }
    let found = parts.store.read().await?.access_token(token).await?.ok_or_else(|| ApiError::unknown_token(false))?;
    if found.expires_ts.is_some_and(|expires| expires <= parts.clock.now_ms()) {
        return Err(ApiError::unknown_token(true));
    }
    let path = request.uri().path();
    if found.locked && !signs_out(request.method(), path) {
        return Err(ApiError::locked());
    }
    if found.guest && !guests::may(request.method(), path) {
        return Err(ApiError::new(ErrorKind::GuestAccessForbidden, "Guests cannot do this"));
    }
    if found.suspended && suspended::may_not(request.method(), path) {
        return Err(suspended());
    }
    let ip = peer_ip(request.extensions()).map(|ip| ip.to_string());
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    parts.accounts.saw(&found, token, ip, user_agent).await?;
    let TokenOwner { user, user_id, device_id, admin, guest, suspended, .. } = found;
    Ok(Sender { user, user_id, device_id, admin, guest, suspended, appservice: None })
}

fn suspended() -> ApiError {
    ApiError::new(ErrorKind::UserSuspended, "You cannot do this while your account is suspended")
}

/// Signing out, which a locked account can do and nothing else.
fn signs_out(method: &Method, path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    method == Method::POST
        && matches!(
            segments.as_slice(),
            ["", "_matrix", "client", _, "logout"] | ["", "_matrix", "client", _, "logout", "all"]
        )
}

#[cfg(test)]
mod tests {
    use super::{Method, signs_out};

    #[test]
    fn a_state_key_called_logout_is_no_sign_out() {
        assert!(signs_out(&Method::POST, "/_matrix/client/v3/logout"));
        assert!(signs_out(&Method::POST, "/_matrix/client/r0/logout/all"));
        assert!(!signs_out(&Method::GET, "/_matrix/client/v3/logout"));
        assert!(!signs_out(&Method::PUT, "/_matrix/client/v3/rooms/!a/state/m.room.topic/logout"));
        assert!(!signs_out(&Method::POST, "/_matrix/client/v3/rooms/!a/logout"));
    }
}
