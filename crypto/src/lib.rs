//! Hearth's secrets: the server's identity and name, the vault that keeps keys, sealed files and the recovery kit.
//!
//! No network and no SQL. Every call that touches a file, the OS keyring or Argon2id blocks: asynchronous callers use
//! `spawn_blocking`. Types that hold a secret wipe it when dropped and have no `Debug`.

#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod files;
pub mod identity;
pub mod key;
pub mod name;
pub mod passphrase;
pub mod recovery_kit;
pub mod sealing;
pub mod vault;

pub use identity::ServerIdentity;
pub use key::Key;
pub use vault::Vault;
