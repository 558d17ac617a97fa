//! Signing in and out: devices and the tokens that speak for them.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId};

use crate::store::{AccountRow, Durability, StoreError, TokenOwner, UserSn};

use super::{
    AccountError, Accounts,
    secrets::{random_name, random_token},
};

/// How long an access token lives that can be refreshed.
const REFRESHED_LIFE: Duration = Duration::from_secs(3600);
/// How long the previous access token is good after a refresh, for requests that are on their way.
const GRACE_MS: i64 = 60_000;
/// How long a token for `m.login.token` lives.
const LOGIN_TOKEN_LIFE: Duration = Duration::from_secs(120);
/// How long an OpenID token lives.
const OPENID_LIFE: Duration = Duration::from_secs(3600);
/// How often the time is written at which a device was last seen.
const SEEN_EVERY_MS: i64 = 60_000;
/// Devices whose last time is remembered.
const SEEN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// The longest device id and device name, in bytes.
pub const LONGEST_DEVICE_ID: usize = 512;
pub const LONGEST_DEVICE_NAME: usize = 512;
/// How much is kept of what an app calls itself, in bytes.
const LONGEST_USER_AGENT: usize = 256;

/// Devices seen lately, and when that was last written.
#[derive(Clone)]
pub struct Seen(Arc<Mutex<LruCache<(UserSn, OwnedDeviceId), i64>>>);

impl Default for Seen {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(SEEN))))
    }
}

/// What a client asks for when it signs in.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    /// The device to sign in again; a new one when `None`.
    pub device_id: Option<OwnedDeviceId>,
    /// The name of a new device.
    pub display_name: Option<String>,
    /// Whether the access token shall expire and come with a refresh token.
    pub refresh: bool,
}

/// A device that is signed in. Has no `Debug`: it holds secrets.
pub struct Session {
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub expires_in: Option<Duration>,
}

/// What a refresh token was changed for. Has no `Debug`: it holds secrets.
pub struct Refreshed {
    pub access_token: String,
    pub refresh_token: String,
    pub expires_in: Duration,
}

impl Accounts {
    /// Signs a device in; its earlier tokens are void.
    pub async fn sign_in(&self, user: UserSn, user_id: OwnedUserId, new: NewSession) -> Result<Session, AccountError> {
        let device_id = match new.device_id {
            Some(id) if id.as_str().is_empty() || id.as_str().len() > LONGEST_DEVICE_ID => {
                return Err(AccountError::UnusableDevice);
            }
            Some(id) => id,
            None => random_name(&mut rand::rng(), 10).into(),
        };
        let display_name = new.display_name.map(|name| shorten(name, LONGEST_DEVICE_NAME));
        let access_token = random_token(&mut rand::rng());
        let refresh_token = new.refresh.then(|| random_token(&mut rand::rng()));
        let expires_in = new.refresh.then_some(REFRESHED_LIFE);
        let session = Session { user_id, device_id, access_token, refresh_token, expires_in };
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    if tx.is_cross_signing_key(user, &session.device_id).await? {
                        return Err(AccountError::UnusableDevice);
                    }
                    if !tx.add_device(user, &session.device_id, display_name.as_deref()).await? {
                        tx.delete_tokens(user, &session.device_id).await?;
                    }
                    let expires_ts = session.expires_in.map(|life| tx.now_ms() + millis(life));
                    tx.add_access_token(&session.access_token, user, &session.device_id, expires_ts).await?;
                    if let Some(token) = &session.refresh_token {
                        tx.add_refresh_token(token, user, &session.device_id).await?;
                    }
                    Ok(session)
                })
            })
            .await
    }

    /// Changes a refresh token for new tokens. The old one can be used again until one of the new ones was, in case the answer is lost.
    pub async fn refresh(&self, old: String) -> Result<Refreshed, AccountError> {
        let owner = self.store.read().await?.refresh_token(&old).await?.ok_or(AccountError::WrongToken)?;
        if owner.locked {
            return Err(AccountError::Locked);
        }
        let (access_token, refresh_token) = (random_token(&mut rand::rng()), random_token(&mut rand::rng()));
        let refreshed = Refreshed { access_token, refresh_token, expires_in: REFRESHED_LIFE };
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let now = tx.now_ms();
                    if tx.refresh_token(&old).await?.is_none() {
                        return Err(AccountError::WrongToken);
                    }
                    tx.replace_refresh_token(&old, &refreshed.refresh_token).await?;
                    tx.shorten_access_tokens(owner.user, &owner.device_id, now + GRACE_MS).await?;
                    let expires_ts = Some(now + millis(refreshed.expires_in));
                    tx.add_access_token(&refreshed.access_token, owner.user, &owner.device_id, expires_ts).await?;
                    tx.add_refresh_token(&refreshed.refresh_token, owner.user, &owner.device_id).await?;
                    Ok(refreshed)
                })
            })
            .await
    }

    /// Gives a device another name; says whether there is such a device.
    pub async fn rename_device(
        &self,
        user: UserSn,
        device_id: OwnedDeviceId,
        name: Option<String>,
    ) -> Result<bool, AccountError> {
        let name = name.map(|name| shorten(name, LONGEST_DEVICE_NAME));
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    match name {
                        Some(name) => {
                            let renamed = tx.rename_device(user, &device_id, Some(&name)).await?;
                            tx.device_changed(user, &device_id).await?;
                            Ok(renamed)
                        }
                        None => Ok(tx.device(user, &device_id).await?.is_some()),
                    }
                })
            })
            .await
    }

    /// Deletes devices with everything that is theirs.
    pub async fn delete_devices(&self, user: UserSn, devices: Vec<OwnedDeviceId>) -> Result<(), AccountError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    for device_id in &devices {
                        tx.delete_device(user, device_id).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Deletes all devices of a user but the one to keep.
    pub async fn delete_all_devices(&self, user: UserSn, keep: Option<&DeviceId>) -> Result<(), AccountError> {
        let devices = self.store.read().await?.devices(user).await?;
        let devices = devices.into_iter().map(|device| device.device_id).filter(|id| Some(&**id) != keep).collect();
        self.delete_devices(user, devices).await
    }

    /// A token with which another device of the user can sign in once, and how long it lives.
    pub async fn make_login_token(&self, user: UserSn) -> Result<(String, Duration), AccountError> {
        let token = random_token(&mut rand::rng());
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let expires_ts = tx.now_ms() + millis(LOGIN_TOKEN_LIFE);
                    tx.add_login_token(&token, user, expires_ts).await?;
                    Ok((token, LOGIN_TOKEN_LIFE))
                })
            })
            .await
    }

    /// Uses up a token for `m.login.token`.
    pub async fn take_login_token(&self, token: String) -> Result<AccountRow, AccountError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let user_id = tx.take_login_token(&token).await?.ok_or(AccountError::WrongToken)?;
                    tx.account(&user_id).await?.ok_or(AccountError::WrongToken)
                })
            })
            .await
    }

    /// A token that proves to another service who the user is, and how long it lives.
    pub async fn make_openid_token(&self, user: UserSn) -> Result<(String, Duration), AccountError> {
        let token = random_token(&mut rand::rng());
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let expires_ts = tx.now_ms() + millis(OPENID_LIFE);
                    tx.add_openid_token(&token, user, expires_ts).await?;
                    Ok((token, OPENID_LIFE))
                })
            })
            .await
    }

    /// Whose OpenID token it is.
    pub async fn openid_user(&self, token: &str) -> Result<Option<OwnedUserId>, AccountError> {
        Ok(self.store.read().await?.openid_token(token, self.clock.now_ms()).await?)
    }

    /// Notes that a device was seen, at most once a minute.
    pub async fn saw(
        &self,
        owner: &TokenOwner,
        token: &str,
        ip: Option<String>,
        user_agent: Option<&str>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        {
            let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (owner.user, owner.device_id.clone());
            if seen.get(&key).is_some_and(|last| now - last < SEEN_EVERY_MS) {
                return Ok(());
            }
            seen.put(key, now);
        }
        let user_agent = user_agent.map(|name| shorten(name.to_owned(), LONGEST_USER_AGENT));
        let (user, device_id, token) =
            (owner.user, owner.device_id.clone(), owner.expires_ts.map(|_| token.to_owned()));
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    tx.saw_device(user, &device_id, ip.as_deref(), user_agent.as_deref()).await?;
                    if let Some(token) = token {
                        tx.forget_used_refresh_tokens(&token, user, &device_id).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// A device's name, no longer than it may be.
pub fn shorten_name(name: String) -> String {
    shorten(name, LONGEST_DEVICE_NAME)
}

/// Cuts a text at a character's border.
fn shorten(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
