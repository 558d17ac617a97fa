//! The operating system's keyring: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::key::{Key, random_bytes};

/// Under which every entry of ours stands in the keyring.
const SERVICE: &str = "chat.hearth.desktop";

/// A place for keys that the person's login protects. Calls block; a locked keyring may ask the person first.
pub trait Keyring: Send + Sync {
    /// The key of this account, `None` when the keyring works and has none.
    fn read(&self, account: &str) -> Result<Option<Key>, KeyringError>;
    fn write(&self, account: &str, key: &Key) -> Result<(), KeyringError>;
    /// Deleting an absent key is no error.
    fn delete(&self, account: &str) -> Result<(), KeyringError>;

    /// Writes, reads and deletes a throw-away key: `Ok` means that this keyring can be relied on now.
    fn probe(&self) -> Result<(), KeyringError> {
        let account = format!("probe-{}", data_encoding::HEXLOWER.encode(&random_bytes::<8>()));
        let key = Key::random();
        self.write(&account, &key)?;
        let found = self.read(&account)?;
        self.delete(&account)?;
        if found.as_ref() == Some(&key) {
            Ok(())
        } else {
            Err(KeyringError::Unavailable("it did not give back what it was given".to_owned()))
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    #[error("the keyring is locked")]
    Locked,
    #[error("there is no usable keyring: {0}")]
    Unavailable(String),
}

/// The real keyring of this computer. Connects anew for each call, so a keyring that starts later is found.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemKeyring;

#[cfg(target_os = "linux")]
mod system {
    use std::collections::HashMap;

    use secret_service::{EncryptionType, blocking::SecretService};

    pub(super) use keyring_core::Error;
    use keyring_core::{Entry, api::CredentialStoreApi as _};
    use zbus_secret_service_keyring_store::Store;

    pub(super) fn entry(account: &str) -> Result<Entry, Error> {
        // The façade of `keyring` keeps its first failure for ever; the store itself can be asked again.
        Store::new()?.build(super::SERVICE, account, Some(&HashMap::from([("label", "Hearth")])))
    }

    pub(super) fn locked_now() -> Option<bool> {
        let service = SecretService::connect(EncryptionType::Plain).ok()?;
        let collection = service.get_default_collection().ok()?;
        collection.is_locked().ok()
    }

    /// Both a locked keyring and one without a default collection arrive as `NoStorageAccess`.
    pub(super) fn is_locked(error: &Error) -> bool {
        use secret_service::Error as Source;
        let Error::NoStorageAccess(source) = error else {
            return false;
        };
        matches!(source.downcast_ref(), Some(Source::Locked | Source::Prompt | Source::PromptDisconnected))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) use keyring::Error;

    pub(super) fn locked_now() -> Option<bool> {
        None
    }

    pub(super) fn entry(account: &str) -> Result<keyring::Entry, Error> {
        keyring::Entry::new(super::SERVICE, account)
    }

    pub(super) fn is_locked(error: &Error) -> bool {
        matches!(error, Error::NoStorageAccess(_))
    }
}

impl SystemKeyring {
    /// Whether it is locked now, found out without asking the person; `None` where that cannot be told.
    pub fn locked_now(self) -> Option<bool> {
        system::locked_now()
    }
}

impl Keyring for SystemKeyring {
    fn read(&self, account: &str) -> Result<Option<Key>, KeyringError> {
        match system::entry(account).and_then(|entry| entry.get_secret()) {
            Ok(secret) => {
                let secret = Zeroizing::new(secret);
                let wrong = || KeyringError::Unavailable("its entry for this program has been changed".to_owned());
                Key::from_slice(&secret).map(Some).ok_or_else(wrong)
            }
            Err(system::Error::NoEntry) => Ok(None),
            Err(error) => Err(classify(&error)),
        }
    }

    fn write(&self, account: &str, key: &Key) -> Result<(), KeyringError> {
        system::entry(account).and_then(|entry| entry.set_secret(key.expose())).map_err(|error| classify(&error))
    }

    fn delete(&self, account: &str) -> Result<(), KeyringError> {
        match system::entry(account).and_then(|entry| entry.delete_credential()) {
            Ok(()) | Err(system::Error::NoEntry) => Ok(()),
            Err(error) => Err(classify(&error)),
        }
    }
}

fn classify(error: &system::Error) -> KeyringError {
    if system::is_locked(error) {
        return KeyringError::Locked;
    }
    // Some variants of the error carry the secret in their `Debug`; their `Display` does not.
    KeyringError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Key, Keyring as _, KeyringError, SystemKeyring};

    #[test]
    #[ignore = "needs an unlocked Secret Service: `./dev test --ui` runs it in a desktop session"]
    fn the_real_keyring_keeps_and_forgets_a_key() {
        SystemKeyring.probe().unwrap();
        let key = Key::random();
        SystemKeyring.write("test-account", &key).unwrap();
        assert!(SystemKeyring.read("test-account").unwrap() == Some(key));
        SystemKeyring.delete("test-account").unwrap();
        assert!(SystemKeyring.read("test-account").unwrap().is_none());
        SystemKeyring.delete("test-account").unwrap();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(runtime.spawn_blocking(|| SystemKeyring.probe())).unwrap().unwrap();
    }

    #[test]
    #[ignore = "needs a D-Bus address that nobody serves: `./dev test --ui` gives it one"]
    fn without_a_bus_the_keyring_is_unavailable_not_empty() {
        assert!(matches!(SystemKeyring.probe(), Err(KeyringError::Unavailable(_))));
        assert!(matches!(SystemKeyring.read("test-account"), Err(KeyringError::Unavailable(_))));
    }
}
