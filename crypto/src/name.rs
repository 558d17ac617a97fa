//! Key names: server names whose first label is the server's own ed25519 public key.
//!
//! `label` = lower-case RFC 4648 base32 without padding of `key (32) ‖ checksum (2) ‖ version 0x01`: 35 bytes, 56
//! characters, exactly one spelling. The checksum is the first two bytes of
//! `SHA3-256("hearth server name" ‖ key ‖ version)`, the construction of Tor's version 3 addresses.

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use ruma::{IdParseError, OwnedServerName, ServerName};
use sha3::{Digest as _, Sha3_256};
use std::sync::LazyLock;
use thiserror::Error;
use vodozemac::Ed25519PublicKey;

/// What follows the label of a server that has no gateway; `.alt` never resolves (RFC 9476).
pub const DEFAULT_SUFFIX: &str = "hearth.alt";
/// Characters of a label.
pub const LABEL_LENGTH: usize = 56;

const VERSION: u8 = 1;
const CHECKSUM_PREFIX: &[u8] = b"hearth server name";

static BASE32_LOWER: LazyLock<Encoding> = LazyLock::new(|| {
    let mut alphabet = Specification::new();
    alphabet.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    // The alphabet is a constant of 32 distinct characters, so the fallback is never taken.
    alphabet.encoding().unwrap_or(BASE32_NOPAD)
});

/// What a server name says about how to reach and check its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// The first label is this public key: it decides, suffix and port are only hints. Neither DNS nor a notary is asked.
    Key([u8; 32]),
    /// A name of the ordinary Matrix kind.
    Ordinary,
    /// A key label in another spelling (upper case): a look-alike that must not be contacted at all.
    Misspelt,
}

/// Why a label is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LabelError {
    #[error("a key label has exactly {LABEL_LENGTH} characters")]
    Length,
    #[error("a key label has only the characters a–z and 2–7")]
    Alphabet,
    #[error("the key label is mistyped: its checksum does not fit")]
    Checksum,
    #[error("the key label is of a newer kind than this program knows")]
    Version,
    #[error("the key label holds no ed25519 public key")]
    Key,
}

/// The one label of this public key.
pub fn encode_label(key: &[u8; 32]) -> String {
    let mut bytes = Vec::with_capacity(35);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&checksum(key));
    bytes.push(VERSION);
    BASE32_LOWER.encode(&bytes)
}

/// The public key of a label.
pub fn decode_label(label: &str) -> Result<[u8; 32], LabelError> {
    if label.len() != LABEL_LENGTH {
        return Err(LabelError::Length);
    }
    let bytes = BASE32_LOWER.decode(label.as_bytes()).map_err(|_| LabelError::Alphabet)?;
    let (key, rest) = bytes.split_first_chunk::<32>().ok_or(LabelError::Length)?;
    let &[first, second, version] = rest else {
        return Err(LabelError::Length);
    };
    if version != VERSION {
        return Err(LabelError::Version);
    }
    if [first, second] != checksum(key) {
        return Err(LabelError::Checksum);
    }
    Ed25519PublicKey::from_slice(key).map_err(|_| LabelError::Key)?;
    Ok(*key)
}

/// `<label>.<suffix>`; the suffix is a host name in lower case, normally [`DEFAULT_SUFFIX`].
pub fn server_name(key: &[u8; 32], suffix: &str) -> Result<OwnedServerName, IdParseError> {
    OwnedServerName::try_from(format!("{}.{}", encode_label(key), suffix.to_ascii_lowercase()))
}

/// Which of the three kinds this server name is.
pub fn kind(name: &ServerName) -> NameKind {
    let label = name.host().split('.').next().unwrap_or_default();
    match decode_label(label) {
        Ok(key) => NameKind::Key(key),
        Err(LabelError::Alphabet) if decode_label(&label.to_ascii_lowercase()).is_ok() => NameKind::Misspelt,
        Err(_) => NameKind::Ordinary,
    }
}

/// The public key that a server name is made of, `None` for every other name.
pub fn key_of(name: &ServerName) -> Option<[u8; 32]> {
    match kind(name) {
        NameKind::Key(key) => Some(key),
        NameKind::Ordinary | NameKind::Misspelt => None,
    }
}

fn checksum(key: &[u8; 32]) -> [u8; 2] {
    let digest = Sha3_256::new_with_prefix(CHECKSUM_PREFIX).chain_update(key).chain_update([VERSION]).finalize();
    let mut sum = [0; 2];
    sum.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    sum
}

#[cfg(test)]
mod tests;
