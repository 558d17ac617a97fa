//! The server's identity: the one ed25519 key that signs its events and, in key mode, is its name and its iroh key.

use data_encoding::BASE32_NOPAD;
use ruma::{
    AnyKeyName, OwnedServerSigningKeyId, OwnedServerSigningKeyVersion, ServerSigningKeyVersion, SigningKeyAlgorithm,
    SigningKeyId, owned_server_signing_key_version,
    serde::Base64,
    signatures::{KeyPair, Signature},
};
use thiserror::Error;
use vodozemac::{Ed25519PublicKey, Ed25519SecretKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::key::{Key, random_bytes};

/// A server's signing key and its id. Signs as a [`ruma::signatures::KeyPair`]; the same 32 bytes are iroh's `SecretKey`.
pub struct ServerIdentity {
    key: Ed25519SecretKey,
    version: OwnedServerSigningKeyVersion,
}

/// Why a stored identity cannot be read. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    #[error("a signing key is one line: ed25519 VERSION KEY")]
    Format,
    #[error("only ed25519 signing keys are known")]
    Algorithm,
    #[error("a signing key's version has only the characters A–Z, a–z, 0–9 and _")]
    Version,
    #[error("the signing key is not 32 bytes of base64")]
    Key,
}

impl ServerIdentity {
    /// The identity of a server named after this key. Its id is `ed25519:1` for ever: events are checked from the name alone.
    pub fn in_key_mode(secret: &Key) -> Self {
        Self::assemble(secret, owned_server_signing_key_version!("1"))
    }

    /// A new identity for a server with a domain: a random key under a random id, because a domain's key may be replaced.
    pub fn generate_for_domain() -> Result<Self, IdentityError> {
        let version = format!("h{}", BASE32_NOPAD.encode(&random_bytes::<5>()).to_ascii_lowercase());
        Self::with_version(&Key::random(), &version)
    }

    /// A new identity for key mode.
    pub fn generate_in_key_mode() -> Self {
        Self::in_key_mode(&Key::random())
    }

    /// An identity with a key id of one's own choice.
    pub fn with_version(secret: &Key, version: &str) -> Result<Self, IdentityError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if version.is_empty() || version.len() > 64 || !version.bytes().all(allowed) {
            return Err(IdentityError::Version);
        }
        let version = <&ServerSigningKeyVersion>::try_from(version).map_err(|_| IdentityError::Version)?;
        Ok(Self::assemble(secret, version.to_owned()))
    }

    fn assemble(secret: &Key, version: OwnedServerSigningKeyVersion) -> Self {
        Self { key: Ed25519SecretKey::from_slice(secret.expose()), version }
    }

    /// The 32 secret bytes: what the vault keeps and what iroh's `SecretKey` is made of.
    pub fn secret(&self) -> Key {
        let mut bytes = self.key.to_bytes();
        Key::take(&mut bytes)
    }

    /// The public key's 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        *self.key.public_key().as_bytes()
    }

    /// The public key as `/_matrix/key/v2/server` publishes it (unpadded base64).
    pub fn public_key_base64(&self) -> Base64 {
        Base64::new(self.public_key().to_vec())
    }

    /// `ed25519:1` in key mode, `ed25519:<version>` otherwise.
    pub fn key_id(&self) -> OwnedServerSigningKeyId {
        SigningKeyId::from_parts(SigningKeyAlgorithm::Ed25519, &self.version)
    }

    /// One line, `ed25519 VERSION KEY`, the format of Synapse's `signing.key`, so that a key can move either way.
    pub fn to_line(&self) -> Zeroizing<String> {
        let mut key = self.key.to_base64();
        let line = Zeroizing::new(format!("ed25519 {} {key}", self.version));
        key.zeroize();
        line
    }

    /// Reads [`Self::to_line`].
    pub fn from_line(line: &str) -> Result<Self, IdentityError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(version), Some(key), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(IdentityError::Format);
        };
        if algorithm != "ed25519" {
            return Err(IdentityError::Algorithm);
        }
        let key = Ed25519SecretKey::from_base64(key).map_err(|_| IdentityError::Key)?;
        let mut bytes = key.to_bytes();
        Self::with_version(&Key::take(&mut bytes), version)
    }
}

impl KeyPair for ServerIdentity {
    fn sign(&self, message: &[u8]) -> Signature {
        let key_id = SigningKeyId::from_parts(SigningKeyAlgorithm::Ed25519, <&AnyKeyName>::from(self.version.as_str()));
        Signature::new(key_id, self.key.sign(message).to_bytes().to_vec())
    }
}

/// True when `signature` (64 bytes) is this public key's over `message`.
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) =
        (Ed25519PublicKey::from_slice(public_key), vodozemac::Ed25519Signature::from_slice(signature))
    else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ruma::signatures::{KeyPair as _, sign_json, verify_json};

    use super::{IdentityError, ServerIdentity, verify};
    use crate::Key;

    #[test]
    fn ruma_accepts_what_the_identity_signs() {
        let identity = ServerIdentity::generate_in_key_mode();
        let mut object = serde_json::from_str(r#"{"one":1,"unsigned":{"age":3}}"#).unwrap();
        sign_json("example.org", &identity, &mut object).unwrap();

        let keys = |identity: &ServerIdentity| {
            let set = BTreeMap::from([("ed25519:1".to_owned(), identity.public_key_base64())]);
            BTreeMap::from([("example.org".to_owned(), set)])
        };
        verify_json(&keys(&identity), &object).unwrap();
        assert!(verify_json(&keys(&ServerIdentity::generate_in_key_mode()), &object).is_err());
    }

    #[test]
    fn signatures_carry_the_key_id_and_verify() {
        let identity = ServerIdentity::generate_for_domain().unwrap();
        let signature = identity.sign(b"message");
        assert_eq!(signature.id(), identity.key_id().as_str());
        assert!(signature.id().starts_with("ed25519:h"));
        assert!(verify(&identity.public_key(), b"message", signature.as_bytes()));
        assert!(!verify(&identity.public_key(), b"massage", signature.as_bytes()));
        assert!(!verify(&identity.public_key(), b"message", &[0; 63]));
    }

    #[test]
    fn a_line_round_trips() {
        let identity = ServerIdentity::with_version(&Key::random(), "a_Bc9").unwrap();
        let again = ServerIdentity::from_line(&identity.to_line()).unwrap();
        assert!(again.secret() == identity.secret());
        assert_eq!(again.key_id(), identity.key_id());
    }

    #[test]
    fn broken_lines_are_refused_with_the_reason() {
        let refused = |line: &str| ServerIdentity::from_line(line).err();
        assert_eq!(refused(""), Some(IdentityError::Format));
        assert_eq!(refused("ed25519 1"), Some(IdentityError::Format));
        assert_eq!(refused("ed25519 1 a b"), Some(IdentityError::Format));
        let key = "Bn0k6HyTC1lD8hFvhBFX7VNCCzdvXpvZw3QhjTdIkEE";
        assert_eq!(refused(&format!("rsa 1 {key}")), Some(IdentityError::Algorithm));
        assert_eq!(refused(&format!("ed25519 a-b {key}")), Some(IdentityError::Version));
        assert_eq!(refused("ed25519 1 AAAA"), Some(IdentityError::Key));
        assert_eq!(refused(&format!("ed25519 1 {key}")), None);
    }
}
