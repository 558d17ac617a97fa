//! A key wrapped by a passphrase: Argon2id makes the wrapping key, XChaCha20-Poly1305 wraps.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    key::{Key, random_bytes},
    sealing,
};

const PURPOSE: &str = "key wrapped by a passphrase";
/// RFC 9106's second recommendation (64 MiB, three passes): about a quarter of a second on a laptop.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// What a file may ask of us at most: a forged file must not take the machine's memory or an hour.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;
const PASSPHRASE_MAX: usize = 1024;

/// A wrapped key with everything needed to unwrap it, the passphrase apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    #[serde(with = "crate::sealing::base64")]
    salt: Vec<u8>,
    #[serde(with = "crate::sealing::base64")]
    sealed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PassphraseError {
    #[error("the passphrase is empty or longer than {PASSPHRASE_MAX} bytes")]
    Length,
    #[error("the passphrase is wrong")]
    Wrong,
    #[error("the wrapped key is damaged")]
    Damaged,
}

/// Wraps `key`. Takes about a quarter of a second and 64 MiB.
pub fn wrap(key: &Key, passphrase: &str) -> Result<WrappedKey, PassphraseError> {
    let salt = random_bytes::<16>().to_vec();
    let wrapping = derive(passphrase, &salt, MEMORY_KIB, PASSES, LANES)?;
    let sealed = sealing::seal(&wrapping, PURPOSE, key.expose());
    Ok(WrappedKey { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, sealed })
}

/// Unwraps. A changed file and a wrong passphrase look alike, except where the file's shape is impossible.
pub fn unwrap(wrapped: &WrappedKey, passphrase: &str) -> Result<Key, PassphraseError> {
    let WrappedKey { memory_kib, passes, lanes, ref salt, ref sealed } = *wrapped;
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX || salt.len() > 64 || sealed.len() > 256
    {
        return Err(PassphraseError::Damaged);
    }
    let wrapping = derive(passphrase, salt, memory_kib, passes, lanes)?;
    let key = sealing::open(&wrapping, PURPOSE, sealed).map_err(|_| PassphraseError::Wrong)?;
    Key::from_slice(&key).ok_or(PassphraseError::Damaged)
}

fn derive(passphrase: &str, salt: &[u8], memory_kib: u32, passes: u32, lanes: u32) -> Result<Key, PassphraseError> {
    if passphrase.is_empty() || passphrase.len() > PASSPHRASE_MAX {
        return Err(PassphraseError::Length);
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| PassphraseError::Damaged)?;
    let mut bytes = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut bytes)
        .map_err(|_| PassphraseError::Damaged)?;
    Ok(Key::take(&mut bytes))
}

#[cfg(test)]
mod tests {
    use super::{PassphraseError, unwrap, wrap};
    use crate::Key;

    #[test]
    fn only_the_right_passphrase_unwraps() {
        let key = Key::random();
        let wrapped = wrap(&key, "correct horse").unwrap();
        assert!(unwrap(&wrapped, "correct horse").unwrap() == key);
        assert_eq!(unwrap(&wrapped, "Correct horse").err(), Some(PassphraseError::Wrong));
        assert_eq!(unwrap(&wrapped, "").err(), Some(PassphraseError::Length));
    }

    #[test]
    fn a_file_cannot_ask_for_a_terabyte() {
        let mut wrapped = wrap(&Key::random(), "p").unwrap();
        wrapped.memory_kib = u32::MAX;
        assert_eq!(unwrap(&wrapped, "p").err(), Some(PassphraseError::Damaged));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut wrapped = wrap(&Key::random(), "p").unwrap();
        *wrapped.sealed.last_mut().unwrap() ^= 1;
        assert_eq!(unwrap(&wrapped, "p").err(), Some(PassphraseError::Wrong));
    }
}
