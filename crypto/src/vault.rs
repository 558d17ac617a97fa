//! The vault: one master key kept by the OS keyring, a passphrase or a 0600 file, and the named secrets it seals.
//!
//! `vault.json` in the data folder is marker and content in one file that is replaced whole: which key (its fingerprint),
//! where it is kept, and the secrets sealed with it. A marker whose key is not found is an error to show and to ask
//! about, never a reason to make a new key: the databases beside it would be lost. Locked, missing and unavailable are
//! different errors because the person does something different about each.

pub mod keyring;
mod marker;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::keyring::{Keyring, KeyringError, SystemKeyring};
use self::marker::{Kept, Marker};
use crate::{
    files,
    key::Key,
    passphrase::{self, PassphraseError},
    sealing,
};

/// The marker and the sealed secrets.
pub const VAULT_FILE: &str = "vault.json";
/// The master key of a vault whose place is [`Place::KeyFile`].
pub const KEY_FILE: &str = "vault.key";

const NAME_MAX: usize = 128;
const SECRET_MAX: usize = 64 * 1024;
const SECRETS_MAX: usize = 256;

/// Where a vault's master key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Keyring,
    Passphrase,
    KeyFile,
}

/// Where to keep the master key, with what that needs.
pub enum Keep<'a> {
    Keyring(&'a dyn Keyring),
    Passphrase(&'a str),
    /// A plain file of mode 0600, for servers without a person at hand.
    KeyFile,
}

/// What may be used to open a vault; what the marker does not ask for is left alone.
#[derive(Clone, Copy, Default)]
pub struct Unlock<'a> {
    pub keyring: Option<&'a dyn Keyring>,
    pub passphrase: Option<&'a str>,
}

#[derive(Debug, Error)]
pub enum VaultError {
    #[error("there is no vault in this folder yet")]
    NotMade,
    #[error("this folder has a vault already")]
    AlreadyMade,
    #[error("the vault's key is not where it was put ({0:?})")]
    KeyMissing(Place),
    #[error("the key found ({0:?}) is not this vault's key")]
    WrongKey(Place),
    #[error("the keyring is locked")]
    KeyringLocked,
    #[error("there is no usable keyring: {0}")]
    KeyringUnavailable(String),
    #[error("the vault opens with a passphrase")]
    PassphraseNeeded,
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error("the vault's file is damaged: {0}")]
    Damaged(&'static str),
    #[error("the vault was made by a newer version of this program (format {0})")]
    TooNew(u32),
    #[error("a vault holds at most {SECRETS_MAX} secrets of {SECRET_MAX} bytes under names of {NAME_MAX}")]
    TooMuch,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// An open vault. Every change is on the disk when the call returns. Blocking.
pub struct Vault {
    folder: PathBuf,
    state: Mutex<State>,
}

struct State {
    marker: Marker,
    master: Key,
    secrets: Secrets,
}

type Secrets = BTreeMap<String, Secret>;

#[derive(Clone, Serialize, Deserialize)]
struct Secret(#[serde(with = "sealing::base64")] Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl Vault {
    /// Where the vault of this folder keeps its key, `None` where there is no vault. Needs no key.
    pub fn place(folder: &Path) -> Result<Option<Place>, VaultError> {
        Ok(Marker::read(folder)?.map(|marker| marker.place()))
    }

    /// Makes a vault with a new master key. [`VaultError::AlreadyMade`] where there is a vault or its left-over key file.
    pub fn create(folder: &Path, keep: &Keep<'_>) -> Result<Self, VaultError> {
        if Marker::read(folder)?.is_some() || folder.join(KEY_FILE).exists() {
            return Err(VaultError::AlreadyMade);
        }
        let master = Key::random();
        let id = marker::new_id();
        let kept = put_key(folder, &id, &master, keep)?;
        let marker = Marker::new(id, kept, &master);
        let mut state = State { marker, master, secrets: Secrets::new() };
        state.save(folder)?;
        Ok(Self { folder: folder.to_owned(), state: Mutex::new(state) })
    }

    /// Opens the vault of this folder with what its marker asks for. A locked keyring may show its own window and blocks until answered.
    pub fn open(folder: &Path, unlock: Unlock<'_>) -> Result<Self, VaultError> {
        let marker = Marker::read(folder)?.ok_or(VaultError::NotMade)?;
        let master = fetch_key(folder, &marker, unlock)?;
        if master.fingerprint().as_slice() != marker.fingerprint {
            return Err(VaultError::WrongKey(marker.place()));
        }
        let plain = sealing::open(&master, &marker.purpose(), &marker.sealed)
            .map_err(|_| VaultError::Damaged("its secrets have been changed"))?;
        let secrets =
            serde_json::from_slice(&plain).map_err(|_| VaultError::Damaged("its secrets have no known form"))?;
        Ok(Self { folder: folder.to_owned(), state: Mutex::new(State { marker, master, secrets }) })
    }

    /// Where this vault keeps its key.
    pub fn kept_in(&self) -> Place {
        self.lock().marker.place()
    }

    /// The secret of this name.
    pub fn get(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.lock().secrets.get(name).map(|secret| Zeroizing::new(secret.0.clone()))
    }

    /// The secret of this name as a key, `None` when it is absent or not 32 bytes long.
    pub fn get_key(&self, name: &str) -> Option<Key> {
        self.lock().secrets.get(name).and_then(|secret| Key::from_slice(&secret.0))
    }

    /// Keeps a secret, replacing one of the same name.
    pub fn put(&self, name: &str, secret: &[u8]) -> Result<(), VaultError> {
        if name.is_empty() || name.len() > NAME_MAX || secret.len() > SECRET_MAX {
            return Err(VaultError::TooMuch);
        }
        let mut state = self.lock();
        if state.secrets.len() >= SECRETS_MAX && !state.secrets.contains_key(name) {
            return Err(VaultError::TooMuch);
        }
        let before = state.secrets.insert(name.to_owned(), Secret(secret.to_vec()));
        let saved = state.save(&self.folder);
        if saved.is_err() {
            state.restore(name, before);
        }
        saved
    }

    /// Forgets a secret; forgetting an absent one is no error.
    pub fn remove(&self, name: &str) -> Result<(), VaultError> {
        let mut state = self.lock();
        let Some(before) = state.secrets.remove(name) else {
            return Ok(());
        };
        let saved = state.save(&self.folder);
        if saved.is_err() {
            state.restore(name, Some(before));
        }
        saved
    }

    /// The key of this name, made and kept if the vault has none of that name. For stores' keys: ask for it before the store is made.
    pub fn key_or_new(&self, name: &str) -> Result<Key, VaultError> {
        match self.get(name) {
            Some(bytes) => Key::from_slice(&bytes).ok_or(VaultError::Damaged("a key has a wrong length")),
            None => {
                let key = Key::random();
                self.put(name, key.expose())?;
                Ok(key)
            }
        }
    }

    /// Moves the master key to another place (or under another passphrase) and then clears the old one.
    pub fn keep_in(&self, keep: &Keep<'_>, old_keyring: Option<&dyn Keyring>) -> Result<(), VaultError> {
        let mut state = self.lock();
        // A new id, so that the old entry stays valid until the marker points to the new one.
        let id = marker::new_id();
        let kept = put_key(&self.folder, &id, &state.master, keep)?;
        let marker = Marker::new(id, kept, &state.master);
        let old = std::mem::replace(&mut state.marker, marker);
        if let Err(error) = state.save(&self.folder) {
            state.marker = old;
            return Err(error);
        }
        let moved_out_of = |place| old.place() == place && state.marker.place() != place;
        if moved_out_of(Place::KeyFile) {
            let path = self.folder.join(KEY_FILE);
            std::fs::remove_file(&path).map_err(|source| VaultError::File { path, source })?;
        }
        if let (Place::Keyring, Some(keyring)) = (old.place(), old_keyring) {
            keyring.delete(&old.id)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held cannot leave half a change: the map and the file are each replaced in one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn save(&mut self, folder: &Path) -> Result<(), VaultError> {
        let plain = Zeroizing::new(
            serde_json::to_vec(&self.secrets).map_err(|_| VaultError::Damaged("its secrets cannot be written"))?,
        );
        self.marker.sealed = sealing::seal(&self.master, &self.marker.purpose(), &plain);
        self.marker.write(folder)
    }

    fn restore(&mut self, name: &str, before: Option<Secret>) {
        match before {
            Some(secret) => self.secrets.insert(name.to_owned(), secret),
            None => self.secrets.remove(name),
        };
    }
}

impl From<KeyringError> for VaultError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Locked => Self::KeyringLocked,
            KeyringError::Unavailable(reason) => Self::KeyringUnavailable(reason),
        }
    }
}

fn put_key(folder: &Path, id: &str, master: &Key, keep: &Keep<'_>) -> Result<Kept, VaultError> {
    match keep {
        Keep::Keyring(keyring) => {
            keyring.write(id, master)?;
            // A keyring that says yes and keeps nothing would cost everything at the next start.
            if keyring.read(id)?.as_ref() != Some(master) {
                return Err(VaultError::KeyringUnavailable("it did not give back what it was given".to_owned()));
            }
            Ok(Kept::Keyring)
        }
        Keep::Passphrase(passphrase) => Ok(Kept::Passphrase { wrapped: passphrase::wrap(master, passphrase)? }),
        Keep::KeyFile => {
            let path = folder.join(KEY_FILE);
            files::write(&path, master.expose()).map_err(|source| VaultError::File { path, source })?;
            Ok(Kept::KeyFile)
        }
    }
}

fn fetch_key(folder: &Path, marker: &Marker, unlock: Unlock<'_>) -> Result<Key, VaultError> {
    match &marker.key {
        Kept::Keyring => {
            let unavailable = || VaultError::KeyringUnavailable("this program may not use one here".to_owned());
            let keyring = unlock.keyring.ok_or_else(unavailable)?;
            keyring.read(&marker.id)?.ok_or(VaultError::KeyMissing(Place::Keyring))
        }
        Kept::Passphrase { wrapped } => {
            let passphrase = unlock.passphrase.ok_or(VaultError::PassphraseNeeded)?;
            Ok(passphrase::unwrap(wrapped, passphrase)?)
        }
        Kept::KeyFile => {
            let path = folder.join(KEY_FILE);
            let read = files::read_private(&path, 32).map_err(|source| VaultError::File { path, source })?;
            let bytes = read.ok_or(VaultError::KeyMissing(Place::KeyFile))?;
            Key::from_slice(&bytes).ok_or(VaultError::WrongKey(Place::KeyFile))
        }
    }
}

#[cfg(test)]
mod tests;
