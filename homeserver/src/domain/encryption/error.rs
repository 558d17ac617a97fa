//! What can be wrong with a request about encryption.

use crate::store::StoreError;

/// Why a request about keys, backups or to-device messages was refused.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    #[error("{0}")]
    BadJson(&'static str),
    #[error("{0}")]
    InvalidParam(&'static str),
    /// The words are what clients look for.
    #[error("One time key {0} already exists. Old key: {1}; new key: {2}")]
    DuplicateOneTimeKey(String, String, String),
    #[error("{0}")]
    MissingParam(&'static str),
    #[error("{0}")]
    InvalidSignature(&'static str),
    #[error("{0}")]
    TooLarge(&'static str),
    #[error("{0}")]
    NotFound(&'static str),
    /// A cross-signing key would have the name of a device.
    #[error("Key ID in use")]
    KeyIdInUse,
    /// The user must prove again who they are before keys are replaced.
    #[error("Cross-signing keys are only replaced after authentication")]
    AuthenticationNeeded,
    #[error("Wrong backup version.")]
    WrongBackupVersion { current: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}
