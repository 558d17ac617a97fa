//! Keys of devices and users.

pub mod claim_keys;
pub mod get_key_changes;
pub mod get_keys;
pub mod upload_keys;
pub mod upload_signatures;
pub mod upload_signing_keys;

#[cfg(test)]
mod cross_signing_tests;
#[cfg(test)]
mod remote_tests;
#[cfg(test)]
mod tests;
