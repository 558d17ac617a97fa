//! Sealing: bytes, streams and files encrypted and authenticated with XChaCha20-Poly1305.
//!
//! Sealed bytes: `1 ‖ nonce (24) ‖ ciphertext`. A sealed stream is the STREAM construction (Hoang, Reyhanitabar, Rogaway,
//! Vizár 2015) in chunks of 64 KiB, so that files larger than memory are checked chunk by chunk and a cut-off one is noticed.
//! `purpose` is authenticated with the content: what was sealed for one use never opens for another.

mod stream;

use chacha20poly1305::{
    AeadInPlace as _, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::stream::{OpenReader, SealWriter};
use crate::key::{Key, random_bytes};

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// The bytes are not what was sealed: another key, another purpose, changed, cut off, or of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this was not sealed with this key, or it has been changed")]
pub struct OpenError;

/// Seals bytes that fit in memory; 41 bytes longer than the plain ones.
pub fn seal(key: &Key, purpose: &str, plain: &[u8]) -> Vec<u8> {
    let nonce = random_bytes::<NONCE>();
    let mut sealed = Vec::with_capacity(1 + NONCE + plain.len() + TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    let mut content = Zeroizing::new(plain.to_vec());
    // Refused only for more than 256 GiB, which no vector of ours holds.
    if let Ok(tag) = cipher(key).encrypt_in_place_detached(XNonce::from_slice(&nonce), purpose.as_bytes(), &mut content)
    {
        sealed.extend_from_slice(&content);
        sealed.extend_from_slice(&tag);
    }
    sealed
}

/// Opens what [`seal`] made with the same key and purpose.
pub fn open(key: &Key, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (&VERSION, rest) = sealed.split_first().ok_or(OpenError)? else {
        return Err(OpenError);
    };
    let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(OpenError)?;
    cipher(key)
        .decrypt(XNonce::from_slice(nonce), Payload { msg, aad: purpose.as_bytes() })
        .map(Zeroizing::new)
        .map_err(|_| OpenError)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

/// Bytes as unpadded base64 in serde formats.
pub(crate) mod base64 {
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(from)?);
        STANDARD_NO_PAD.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
