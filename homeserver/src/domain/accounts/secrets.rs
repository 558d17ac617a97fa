//! Secrets made of randomness.

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;

/// A token of 256 random bits.
pub fn random_token(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0_u8; 32];
    rng.fill_bytes(&mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

/// A short random name of capital letters, for devices.
pub fn random_name(rng: &mut impl CryptoRng, length: usize) -> String {
    (0..length).map(|_| char::from(b'A' + u8::try_from(rng.next_u32() % 26).unwrap_or_default())).collect()
}
