//! The vault keeps secrets across openings and tells every way of not opening apart.

use std::{collections::HashMap, fs, sync::Mutex};

use super::{KEY_FILE, Keep, Keyring, KeyringError, Place, Unlock, VAULT_FILE, Vault, VaultError};
use crate::{Key, passphrase::PassphraseError};

#[derive(Default)]
struct MemoryKeyring {
    entries: Mutex<HashMap<String, Key>>,
    failure: Mutex<Option<KeyringError>>,
    forgetful: bool,
}

impl MemoryKeyring {
    fn fail_with(&self, failure: Option<KeyringError>) {
        *self.failure.lock().unwrap() = failure;
    }

    fn check(&self) -> Result<(), KeyringError> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl Keyring for MemoryKeyring {
    fn read(&self, account: &str) -> Result<Option<Key>, KeyringError> {
        self.check()?;
        Ok(self.entries.lock().unwrap().get(account).cloned())
    }

    fn write(&self, account: &str, key: &Key) -> Result<(), KeyringError> {
        self.check()?;
        if !self.forgetful {
            self.entries.lock().unwrap().insert(account.to_owned(), key.clone());
        }
        Ok(())
    }

    fn delete(&self, account: &str) -> Result<(), KeyringError> {
        self.check()?;
        self.entries.lock().unwrap().remove(account);
        Ok(())
    }
}

fn with(keyring: &MemoryKeyring) -> Unlock<'_> {
    Unlock { keyring: Some(keyring), passphrase: None }
}

fn failure(result: Result<Vault, VaultError>) -> VaultError {
    result.err().expect("this vault should not open")
}

#[test]
fn secrets_survive_in_a_key_file_vault() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(folder.path(), &Keep::KeyFile).unwrap();
    vault.put("signing_key", b"very secret").unwrap();
    let store = vault.key_or_new("client_store").unwrap();
    drop(vault);

    let vault = Vault::open(folder.path(), Unlock::default()).unwrap();
    assert_eq!(vault.get("signing_key").unwrap().as_slice(), b"very secret");
    assert!(vault.key_or_new("client_store").unwrap() == store);
    assert!(vault.get_key("client_store") == Some(store));
    assert!(vault.get("absent").is_none());
    vault.remove("signing_key").unwrap();
    vault.remove("signing_key").unwrap();
    assert!(Vault::open(folder.path(), Unlock::default()).unwrap().get("signing_key").is_none());

    let file = fs::read(folder.path().join(VAULT_FILE)).unwrap();
    assert!(!file.windows(11).any(|part| part == b"very secret"));
}

#[cfg(unix)]
#[test]
fn key_file_and_vault_are_private_and_a_loose_key_file_is_tightened() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    drop(Vault::create(folder.path(), &Keep::KeyFile).unwrap());
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(VAULT_FILE), mode(KEY_FILE)), (0o600, 0o600));
    fs::set_permissions(folder.path().join(KEY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
    Vault::open(folder.path(), Unlock::default()).unwrap();
    assert_eq!(mode(KEY_FILE), 0o600);
}

#[test]
fn a_vault_is_never_made_over_another() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(failure(Vault::open(folder.path(), Unlock::default())), VaultError::NotMade));
    drop(Vault::create(folder.path(), &Keep::KeyFile).unwrap());
    assert!(matches!(failure(Vault::create(folder.path(), &Keep::KeyFile)), VaultError::AlreadyMade));
    fs::remove_file(folder.path().join(VAULT_FILE)).unwrap();
    assert!(matches!(failure(Vault::create(folder.path(), &Keep::KeyFile)), VaultError::AlreadyMade));
}

#[test]
fn locked_missing_unavailable_and_foreign_keys_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = MemoryKeyring::default();
    Vault::create(folder.path(), &Keep::Keyring(&keyring)).unwrap().put("a", b"b").unwrap();
    assert_eq!(Vault::place(folder.path()).unwrap(), Some(Place::Keyring));

    keyring.fail_with(Some(KeyringError::Locked));
    assert!(matches!(failure(Vault::open(folder.path(), with(&keyring))), VaultError::KeyringLocked));
    keyring.fail_with(Some(KeyringError::Unavailable("no bus".to_owned())));
    assert!(matches!(failure(Vault::open(folder.path(), with(&keyring))), VaultError::KeyringUnavailable(_)));
    assert!(matches!(failure(Vault::open(folder.path(), Unlock::default())), VaultError::KeyringUnavailable(_)));
    keyring.fail_with(None);

    let before = fs::read(folder.path().join(VAULT_FILE)).unwrap();
    let kept = std::mem::take(&mut *keyring.entries.lock().unwrap());
    assert!(matches!(failure(Vault::open(folder.path(), with(&keyring))), VaultError::KeyMissing(Place::Keyring)));
    assert!(keyring.entries.lock().unwrap().is_empty(), "a missing key is never made anew");
    assert_eq!(fs::read(folder.path().join(VAULT_FILE)).unwrap(), before);

    let foreign = kept.keys().map(|account| (account.clone(), Key::random())).collect();
    *keyring.entries.lock().unwrap() = foreign;
    assert!(matches!(failure(Vault::open(folder.path(), with(&keyring))), VaultError::WrongKey(Place::Keyring)));

    *keyring.entries.lock().unwrap() = kept;
    assert_eq!(Vault::open(folder.path(), with(&keyring)).unwrap().get("a").unwrap().as_slice(), b"b");
}

#[test]
fn a_keyring_that_keeps_nothing_is_noticed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = MemoryKeyring { forgetful: true, ..MemoryKeyring::default() };
    assert!(matches!(keyring.probe(), Err(KeyringError::Unavailable(_))));
    let made = Vault::create(folder.path(), &Keep::Keyring(&keyring));
    assert!(matches!(failure(made), VaultError::KeyringUnavailable(_)));
    assert_eq!(Vault::place(folder.path()).unwrap(), None);
    MemoryKeyring::default().probe().unwrap();
}

#[test]
fn a_passphrase_is_asked_for_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    Vault::create(folder.path(), &Keep::Passphrase("tulip")).unwrap().put("a", b"b").unwrap();
    let open = |passphrase| Vault::open(folder.path(), Unlock { keyring: None, passphrase });
    assert!(matches!(failure(open(None)), VaultError::PassphraseNeeded));
    assert!(matches!(failure(open(Some("rose"))), VaultError::Passphrase(PassphraseError::Wrong)));
    assert_eq!(open(Some("tulip")).unwrap().get("a").unwrap().as_slice(), b"b");
}

#[test]
fn the_key_moves_between_places_and_leaves_the_old_one_empty() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = MemoryKeyring::default();
    let vault = Vault::create(folder.path(), &Keep::KeyFile).unwrap();
    vault.put("a", b"b").unwrap();

    vault.keep_in(&Keep::Keyring(&keyring), None).unwrap();
    assert!(!folder.path().join(KEY_FILE).exists());
    assert_eq!(Vault::open(folder.path(), with(&keyring)).unwrap().get("a").unwrap().as_slice(), b"b");

    vault.keep_in(&Keep::Passphrase("tulip"), Some(&keyring)).unwrap();
    assert!(keyring.entries.lock().unwrap().is_empty());
    assert_eq!(vault.kept_in(), Place::Passphrase);
    let unlock = Unlock { keyring: None, passphrase: Some("tulip") };
    assert_eq!(Vault::open(folder.path(), unlock).unwrap().get("a").unwrap().as_slice(), b"b");
}

#[test]
fn damage_and_newer_formats_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(folder.path(), &Keep::KeyFile).unwrap();
    vault.put("a", b"b").unwrap();
    let path = folder.path().join(VAULT_FILE);
    let good = fs::read_to_string(&path).unwrap();
    let open = |text: &str| {
        fs::write(&path, text).unwrap();
        failure(Vault::open(folder.path(), Unlock::default()))
    };
    assert!(matches!(open("{"), VaultError::Damaged(_)));
    assert!(matches!(open(&good.replace("\"version\": 1", "\"version\": 2")), VaultError::TooNew(2)));
    assert!(matches!(open(&good.replace("\"sealed\": \"", "\"sealed\": \"A")), VaultError::Damaged(_)));
    assert!(matches!(open(&" ".repeat(41 * 1024 * 1024)), VaultError::File { .. }));
    fs::write(&path, &good).unwrap();
    fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
    let missing = failure(Vault::open(folder.path(), Unlock::default()));
    assert!(matches!(missing, VaultError::KeyMissing(Place::KeyFile)));
}

#[test]
fn a_failed_save_changes_nothing_in_memory_either() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("data");
    fs::create_dir(&inner).unwrap();
    let vault = Vault::create(&inner, &Keep::KeyFile).unwrap();
    vault.put("kept", b"1").unwrap();
    fs::rename(&inner, folder.path().join("moved")).unwrap();
    assert!(matches!(vault.put("kept", b"2"), Err(VaultError::File { .. })));
    assert!(matches!(vault.put("new", b"2"), Err(VaultError::File { .. })));
    assert!(vault.remove("kept").is_err());
    assert_eq!(vault.get("kept").unwrap().as_slice(), b"1");
    assert!(vault.get("new").is_none());
}

#[test]
fn what_a_vault_holds_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(folder.path(), &Keep::KeyFile).unwrap();
    assert!(matches!(vault.put("", b"x"), Err(VaultError::TooMuch)));
    assert!(matches!(vault.put(&"n".repeat(129), b"x"), Err(VaultError::TooMuch)));
    assert!(matches!(vault.put("big", &[0; 64 * 1024 + 1]), Err(VaultError::TooMuch)));
}
