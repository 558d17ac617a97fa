//! Synapse's register handshake: whoever knows the shared secret may make accounts, once per nonce.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use lru::LruCache;
use sha1::Sha1;

use super::{Accounts, secrets::random_token};

/// How long a nonce lives.
const NONCE_MS: i64 = 60_000;
/// Nonces that are remembered.
const NONCES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// Nonces given out, and until when they are good.
#[derive(Clone)]
pub struct Nonces(Arc<Mutex<LruCache<String, i64>>>);

impl Default for Nonces {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(NONCES))))
    }
}

/// Why the handshake was refused.
#[derive(Debug, thiserror::Error)]
pub enum SharedSecretError {
    #[error("this server has no shared secret for registration")]
    NoSecret,
    #[error("unrecognised nonce")]
    UnknownNonce,
    #[error("HMAC incorrect")]
    WrongMac,
}

/// What the secret's owner signs.
#[derive(Debug)]
pub struct SharedSecretRequest<'a> {
    pub nonce: &'a str,
    pub username: &'a str,
    pub password: &'a str,
    pub admin: bool,
    pub user_type: Option<&'a str>,
    /// HMAC-SHA1 in hexadecimal.
    pub mac: &'a str,
}

impl Accounts {
    /// A nonce for the handshake; `None` when there is no shared secret.
    pub fn shared_secret_nonce(&self) -> Option<String> {
        self.config.registration_secret.as_ref()?;
        let nonce = random_token(&mut rand::rng());
        let mut nonces = self.nonces.0.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.put(nonce.clone(), self.clock.now_ms() + NONCE_MS);
        Some(nonce)
    }

    /// Uses up the nonce and checks that the asker knows the shared secret.
    pub fn check_shared_secret(&self, request: &SharedSecretRequest<'_>) -> Result<(), SharedSecretError> {
        let secret = self.config.registration_secret.as_ref().ok_or(SharedSecretError::NoSecret)?;
        let until = self.nonces.0.lock().unwrap_or_else(PoisonError::into_inner).pop(request.nonce);
        if until.is_none_or(|until| until <= self.clock.now_ms()) {
            return Err(SharedSecretError::UnknownNonce);
        }
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(|_| SharedSecretError::NoSecret)?;
        let admin = if request.admin { "admin" } else { "notadmin" };
        for (place, part) in
            [request.nonce, request.username, request.password, admin].into_iter().chain(request.user_type).enumerate()
        {
            if place > 0 {
                mac.update(b"\0");
            }
            mac.update(part.as_bytes());
        }
        let given = HEXLOWER_PERMISSIVE.decode(request.mac.as_bytes()).map_err(|_| SharedSecretError::WrongMac)?;
        mac.verify_slice(&given).map_err(|_| SharedSecretError::WrongMac)
    }
}
