//! A 32-byte secret that wipes itself and never prints itself.

use rand::RngCore as _;
use sha3::{Digest as _, Sha3_256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes. No `Debug`, compared in constant time, wiped on drop; boxed so that a move leaves no copy behind.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key(Box<[u8; 32]>);

impl Key {
    /// A fresh key from the operating system's generator.
    pub fn random() -> Self {
        let mut bytes = Box::new([0; 32]);
        rand::rng().fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// Takes the bytes over; the caller's array is wiped.
    pub fn take(bytes: &mut [u8; 32]) -> Self {
        let key = Self(Box::new(*bytes));
        bytes.zeroize();
        key
    }

    /// `None` unless there are exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut boxed = Box::new([0; 32]);
        if bytes.len() != boxed.len() {
            return None;
        }
        boxed.copy_from_slice(bytes);
        Some(Self(boxed))
    }

    /// The bytes themselves, for the one call that needs them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A public value that tells two keys apart and reveals neither: 8 bytes of SHA3-256 under a fixed prefix.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let digest = Sha3_256::new_with_prefix(b"hearth key fingerprint").chain_update(self.0.as_slice()).finalize();
        let mut short = [0; 8];
        short.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        short
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Key {}

/// `N` bytes from the operating system's generator, for salts, nonces and names of temporary files.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
