//! Passwords: Argon2id on a blocking thread, one at a time, so that a flood of logins cannot eat the machine.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use rand::RngCore;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::AccountError;

/// The longest password, in bytes.
const LONGEST: usize = 512;

/// A hash that no password has, so that an unknown name takes as long as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aGVhcnRoIG5vYm9keSE$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Passwords {
    /// The password's Argon2id hash in PHC format.
    pub async fn hash(&self, password: &str) -> Result<String, AccountError> {
        if password.is_empty() || password.len() > LONGEST {
            return Err(AccountError::UnusablePassword);
        }
        self.on_a_thread(password, |password| {
            let mut salt = [0_u8; 16];
            rand::rng().fill_bytes(&mut salt);
            let salt = SaltString::encode_b64(&salt).map_err(|_| AccountError::Hash)?;
            let hash = Argon2::default().hash_password(password, &salt).map_err(|_| AccountError::Hash)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `hash` is the password's. `None` takes as long and says no.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, AccountError> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        self.on_a_thread(password, move |password| {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODY);
            let parsed = PasswordHash::new(hash).map_err(|_| AccountError::Hash)?;
            Ok(Argon2::default().verify_password(password, &parsed).is_ok() && known)
        })
        .await
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        password: &str,
        work: impl FnOnce(&[u8]) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|_| AccountError::Hash)?;
        tokio::task::spawn_blocking(move || {
            let result = work(&password);
            drop(permit);
            result
        })
        .await
        .map_err(|_| AccountError::Hash)?
    }
}
