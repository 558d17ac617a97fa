//! Where this app's secrets are: the vault of the data folder, and the names in it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use client::SavedSession;
use crypto::{
    ServerIdentity, Vault,
    vault::{Keep, Keyring, SystemKeyring, Unlock, VaultError},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::api::error::{AppError, ErrorCode};

const CLIENT_STORE: &str = "client_store";
const ACCOUNT: &str = "account";
const PASSWORD: &str = "password";
const RECOVERY_KEY: &str = "recovery_key";
const IDENTITY: &str = "server_identity";

/// Where a new vault keeps its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsIn {
    /// The OS keyring; a passphrase where there is none.
    Keyring,
    /// A 0600 file in the data folder: nothing is ever asked (headless, tests, the development bridge).
    KeyFile,
}

/// The account of this data folder, complete: it is written when creation has come to its end.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub session: SavedSession,
    pub home: Home,
}

/// Whose server the account is on.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Home {
    /// Our own, started with the app; `domain` where the name is not made of the key.
    Own { domain: Option<OwnDomain> },
    /// Another's.
    Elsewhere { address: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnDomain {
    pub server_name: String,
    pub federation_listen: Option<String>,
    pub certificate: Option<PathBuf>,
    pub private_key: Option<PathBuf>,
}

/// The open vault and what we keep in it.
pub(crate) struct Secrets {
    vault: Vault,
}

/// What a start finds before any key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Vault,
}

pub(crate) fn find(folder: &Path) -> Result<Found, AppError> {
    Ok(if Vault::place(folder)?.is_some() { Found::Vault } else { Found::Nothing })
}

/// Whether the OS keyring can be relied on now. Blocking.
pub(crate) fn keyring_works() -> bool {
    match SystemKeyring.probe() {
        Ok(()) => true,
        Err(error) => {
            tracing::info!(error = %error, "no keyring can be used");
            false
        }
    }
}

/// Returns when a keyring that is locked now has been unlocked, by whatever way. Asks every second, since a keyring that is started
/// anew tells nobody.
pub(crate) async fn until_unlocked() {
    let locked = async || tokio::task::spawn_blocking(|| SystemKeyring.locked_now()).await.ok().flatten();
    let mut was_locked = false;
    loop {
        match locked().await {
            Some(true) => was_locked = true,
            Some(false) if was_locked => return,
            _ => {}
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Secrets {
    /// Opens the vault that exists. Blocking, and a locked keyring may ask the person first.
    pub(crate) fn open(folder: &Path, passphrase: Option<&str>) -> Result<Self, VaultError> {
        let vault = Vault::open(folder, Unlock { keyring: Some(&SystemKeyring), passphrase })?;
        Ok(Self { vault })
    }

    /// Opens the vault, or makes it where there is none. Blocking.
    pub(crate) fn open_or_create(folder: &Path, place: SecretsIn, passphrase: Option<&str>) -> Result<Self, AppError> {
        if Vault::place(folder)?.is_some() {
            return Ok(Self::open(folder, passphrase)?);
        }
        // Databases without their vault are locked for ever, but they are not ours to overwrite.
        if folder.join("client").exists() {
            return Err(AppError::new(
                ErrorCode::KeyringLocked,
                "The data folder has messages but no vault to open them with. Bring vault.json back from a copy, or choose another folder.",
            ));
        }
        let keep = match (place, passphrase) {
            (SecretsIn::KeyFile, _) => Keep::KeyFile,
            (SecretsIn::Keyring, Some(passphrase)) => Keep::Passphrase(passphrase),
            (SecretsIn::Keyring, None) => Keep::Keyring(&SystemKeyring),
        };
        Ok(Self { vault: Vault::create(folder, &keep)? })
    }

    /// The key of the client's databases, made before they are.
    pub(crate) fn store_key(&self) -> Result<Zeroizing<[u8; 32]>, AppError> {
        Ok(Zeroizing::new(*self.vault.key_or_new(CLIENT_STORE)?.expose()))
    }

    pub(crate) fn account(&self) -> Result<Option<Account>, AppError> {
        let Some(bytes) = self.vault.get(ACCOUNT) else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|_| {
            AppError::new(ErrorCode::Failed, "The account's record could not be read. Nothing was deleted.")
        })
    }

    pub(crate) fn set_account(&self, account: &Account) -> Result<(), AppError> {
        let bytes = serde_json::to_vec(account).map(Zeroizing::new).map_err(|error| {
            AppError::new(ErrorCode::Failed, "The account's record could not be written.").with_detail(error)
        })?;
        Ok(self.vault.put(ACCOUNT, &bytes)?)
    }

    /// The account's password: nobody ever types it, it only proves this app to its server.
    pub(crate) fn password(&self) -> Result<Zeroizing<String>, AppError> {
        if let Some(password) = self.text(PASSWORD) {
            return Ok(password);
        }
        let key = crypto::Key::random();
        let password = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(key.expose()));
        self.vault.put(PASSWORD, password.as_bytes())?;
        Ok(password)
    }

    /// Whether the account was made here, so that its keys are ours to make.
    pub(crate) fn is_fresh_account(&self) -> bool {
        self.vault.get(PASSWORD).is_some()
    }

    pub(crate) fn recovery_key(&self) -> Option<Zeroizing<String>> {
        self.text(RECOVERY_KEY)
    }

    pub(crate) fn set_recovery_key(&self, key: &str) -> Result<(), AppError> {
        Ok(self.vault.put(RECOVERY_KEY, key.as_bytes())?)
    }

    /// The server's identity, made on first use.
    pub(crate) fn identity(&self, domain: bool) -> Result<ServerIdentity, AppError> {
        if let Some(line) = self.text(IDENTITY) {
            return ServerIdentity::from_line(&line).map_err(|error| {
                AppError::new(ErrorCode::Failed, "The server's key could not be read. Nothing was deleted.")
                    .with_detail(error)
            });
        }
        let identity = if domain {
            ServerIdentity::generate_for_domain().map_err(|error| {
                AppError::new(ErrorCode::Failed, "The server's key could not be made.").with_detail(error)
            })?
        } else {
            ServerIdentity::generate_in_key_mode()
        };
        self.set_identity(&identity)?;
        Ok(identity)
    }

    pub(crate) fn set_identity(&self, identity: &ServerIdentity) -> Result<(), AppError> {
        Ok(self.vault.put(IDENTITY, identity.to_line().as_bytes())?)
    }

    fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        let bytes = self.vault.get(name)?;
        std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, Found, Secrets, SecretsIn, find};

    #[test]
    fn secrets_come_back_and_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()).unwrap(), Found::Nothing);
        let secrets = Secrets::open_or_create(folder.path(), SecretsIn::KeyFile, None).unwrap();
        let (key, password) = (secrets.store_key().unwrap(), secrets.password().unwrap());
        let public = secrets.identity(false).unwrap().public_key();
        drop(secrets);
        assert_eq!(find(folder.path()).unwrap(), Found::Vault);
        let again = Secrets::open_or_create(folder.path(), SecretsIn::KeyFile, None).unwrap();
        assert!(again.store_key().unwrap() == key && again.password().unwrap() == password);
        assert_eq!(again.identity(false).unwrap().public_key(), public);
        assert!(again.account().unwrap().is_none());
    }

    #[test]
    fn databases_without_a_vault_are_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("client")).unwrap();
        let refused = Secrets::open_or_create(folder.path(), SecretsIn::KeyFile, None).err().unwrap();
        assert_eq!(refused.code, ErrorCode::KeyringLocked);
        assert!(folder.path().join("client").exists());
    }
}
