//! The vault's file: which master key, where it is kept, and the secrets sealed with it.

use std::path::Path;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

use super::{Place, VAULT_FILE, VaultError};
use crate::{
    files,
    key::{Key, random_bytes},
    passphrase::WrappedKey,
};

const VERSION: u32 = 1;
/// 256 secrets of 64 KiB, twice in base64.
const FILE_MAX: u64 = 40 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    version: u32,
    /// Names the key in the keyring; new whenever the key moves.
    pub(super) id: String,
    pub(super) key: Kept,
    #[serde(with = "crate::sealing::base64")]
    pub(super) fingerprint: Vec<u8>,
    #[serde(with = "crate::sealing::base64")]
    pub(super) sealed: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kept_in", rename_all = "snake_case")]
pub(super) enum Kept {
    Keyring,
    Passphrase { wrapped: WrappedKey },
    KeyFile,
}

pub(super) fn new_id() -> String {
    BASE32_NOPAD.encode(&random_bytes::<15>()).to_ascii_lowercase()
}

impl Marker {
    pub(super) fn new(id: String, key: Kept, master: &Key) -> Self {
        Self { version: VERSION, id, key, fingerprint: master.fingerprint().to_vec(), sealed: Vec::new() }
    }

    pub(super) fn place(&self) -> Place {
        match self.key {
            Kept::Keyring => Place::Keyring,
            Kept::Passphrase { .. } => Place::Passphrase,
            Kept::KeyFile => Place::KeyFile,
        }
    }

    pub(super) fn purpose(&self) -> String {
        format!("vault {}", self.id)
    }

    pub(super) fn read(folder: &Path) -> Result<Option<Self>, VaultError> {
        #[derive(Deserialize)]
        struct OnlyVersion {
            version: u32,
        }
        let path = folder.join(VAULT_FILE);
        let Some(bytes) = files::read(&path, FILE_MAX).map_err(|source| VaultError::File { path, source })? else {
            return Ok(None);
        };
        let damaged = |_| VaultError::Damaged("it is not the JSON that this program writes");
        let OnlyVersion { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version > VERSION {
            return Err(VaultError::TooNew(version));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), VaultError> {
        let path = folder.join(VAULT_FILE);
        let bytes = serde_json::to_vec_pretty(self).map_err(|_| VaultError::Damaged("it cannot be written as JSON"))?;
        files::write(&path, &bytes).map_err(|source| VaultError::File { path, source })
    }
}
