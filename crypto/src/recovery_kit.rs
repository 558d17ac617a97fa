//! The recovery kit: one page of text from which a person gets account, server name and messages back.
//!
//! It names the account and holds the recovery key of the encrypted messages and the server's signing key, sealed under
//! the recovery key. The recovery key's line may be left out or cut off and kept elsewhere; without it the page opens nothing.

use data_encoding::BASE32_NOPAD;
use ruma::{OwnedServerName, OwnedUserId};
use serde_json::{from_slice, to_vec};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    identity::ServerIdentity,
    passphrase::{self, PassphraseError, WrappedKey},
    sealing,
};

const TITLE: &str = "HEARTH RECOVERY KIT 1";
const ADVICE: &str = "Keep this page safe and secret: it gives your account and your messages back, to whoever has it.";
const PURPOSE: &str = "server key in a recovery kit";
const TEXT_MAX: usize = 16 * 1024;
const WIDTH: usize = 56;
const USER: &str = "Account";
const SERVER: &str = "Server name";
const RECOVERY: &str = "Recovery key";
const SEALED: &str = "Server key";

/// What a kit gives back.
pub struct RecoveryKit {
    pub user_id: OwnedUserId,
    pub server_name: OwnedServerName,
    /// As the SDK's recovery writes it (groups of four, base58).
    pub recovery_key: Zeroizing<String>,
    pub identity: ServerIdentity,
}

/// A kit that has been read but not opened. Everything in it but the sealed key is public.
#[derive(Clone)]
pub struct SealedKit {
    pub user_id: OwnedUserId,
    pub server_name: OwnedServerName,
    recovery_key: Option<Zeroizing<String>>,
    wrapped: WrappedKey,
    sealed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecoveryKitError {
    #[error("this is no recovery kit")]
    NoKit,
    #[error("the recovery kit was made by a newer version of this program")]
    TooNew,
    #[error("the recovery kit has no line “{0}”")]
    Missing(&'static str),
    #[error("the line “{0}” of the recovery kit is damaged")]
    Damaged(&'static str),
    #[error("the recovery kit opens with the recovery key")]
    RecoveryKeyNeeded,
    #[error("the recovery key is not this kit's")]
    WrongRecoveryKey,
}

impl RecoveryKit {
    /// The page to print or save. Takes about a quarter of a second.
    pub fn to_text(&self) -> Result<Zeroizing<String>, RecoveryKitError> {
        let damaged = |_| RecoveryKitError::Damaged(RECOVERY);
        let key = crate::Key::random();
        let wrapped =
            passphrase::wrap(&key, &bare(&self.recovery_key)).map_err(|_| RecoveryKitError::Damaged(RECOVERY))?;
        let wrapped = to_vec(&wrapped).map_err(damaged)?;
        let sealed = sealing::seal(&key, PURPOSE, self.identity.to_line().as_bytes());
        let length = u16::try_from(wrapped.len()).map_err(|_| RecoveryKitError::Damaged(SEALED))?;
        let blob = BASE32_NOPAD.encode(&[&length.to_be_bytes()[..], &wrapped, &sealed].concat());
        let mut text = Zeroizing::new(format!(
            "{TITLE}\n{ADVICE}\n\n{USER}: {}\n{SERVER}: {}\n{RECOVERY}: {}\n{SEALED}:\n",
            self.user_id,
            self.server_name,
            self.recovery_key.as_str(),
        ));
        let mut rest = blob.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at_checked(WIDTH).unwrap_or((rest, ""));
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        Ok(text)
    }
}

impl SealedKit {
    /// Reads a page; white space and line ends may have changed on its way.
    pub fn from_text(text: &str) -> Result<Self, RecoveryKitError> {
        let text = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
        if text.len() > TEXT_MAX || !text.starts_with("HEARTH RECOVERY KIT ") {
            return Err(RecoveryKitError::NoKit);
        }
        if text.lines().next().map(str::trim_end) != Some(TITLE) {
            return Err(RecoveryKitError::TooNew);
        }
        let field = |name: &'static str| {
            text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let parsed = |name| field(name).ok_or(RecoveryKitError::Missing(name));
        let user_id = parsed(USER)?.try_into().map_err(|_| RecoveryKitError::Damaged(USER))?;
        let server_name = parsed(SERVER)?.try_into().map_err(|_| RecoveryKitError::Damaged(SERVER))?;
        let recovery_key = field(RECOVERY).filter(|key| !key.is_empty()).map(|key| Zeroizing::new(key.to_owned()));
        let (wrapped, sealed) = read_blob(text)?;
        Ok(Self { user_id, server_name, recovery_key, wrapped, sealed })
    }

    /// Whether the page carries the recovery key or the person must type it.
    pub fn has_recovery_key(&self) -> bool {
        self.recovery_key.is_some()
    }

    /// Opens the kit with its own recovery key, or with the one given. Takes about a quarter of a second.
    pub fn open(self, typed: Option<&str>) -> Result<RecoveryKit, RecoveryKitError> {
        let typed = typed.map(|key| Zeroizing::new(key.trim().to_owned()));
        let recovery_key = typed.or(self.recovery_key).ok_or(RecoveryKitError::RecoveryKeyNeeded)?;
        let key = passphrase::unwrap(&self.wrapped, &bare(&recovery_key)).map_err(|error| match error {
            PassphraseError::Damaged => RecoveryKitError::Damaged(SEALED),
            PassphraseError::Wrong | PassphraseError::Length => RecoveryKitError::WrongRecoveryKey,
        })?;
        let line = sealing::open(&key, PURPOSE, &self.sealed).map_err(|_| RecoveryKitError::Damaged(SEALED))?;
        let identity = std::str::from_utf8(&line)
            .ok()
            .and_then(|line| ServerIdentity::from_line(line).ok())
            .ok_or(RecoveryKitError::Damaged(SEALED))?;
        Ok(RecoveryKit { user_id: self.user_id, server_name: self.server_name, recovery_key, identity })
    }
}

fn read_blob(text: &str) -> Result<(WrappedKey, Vec<u8>), RecoveryKitError> {
    let heading = format!("{SEALED}:");
    let after = text.lines().skip_while(|line| !line.trim().starts_with(&heading));
    let base32: String = after
        .flat_map(|line| line.trim().strip_prefix(&heading).unwrap_or(line).chars())
        .filter(|character| !character.is_whitespace())
        .collect();
    if base32.is_empty() {
        return Err(RecoveryKitError::Missing(SEALED));
    }
    let read = || {
        let blob = BASE32_NOPAD.decode(base32.as_bytes()).ok()?;
        let (length, rest) = blob.split_first_chunk::<2>()?;
        let (wrapped, sealed) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some((from_slice(wrapped).ok()?, sealed.to_vec()))
    };
    read().ok_or(RecoveryKitError::Damaged(SEALED))
}

/// The recovery key without the spaces that only help reading.
fn bare(recovery_key: &str) -> Zeroizing<String> {
    let mut bare = Zeroizing::new(String::with_capacity(recovery_key.len()));
    bare.extend(recovery_key.chars().filter(|character| !character.is_whitespace()));
    bare
}

#[cfg(test)]
mod tests {
    use ruma::{owned_server_name, owned_user_id};
    use zeroize::Zeroizing;

    use super::{RecoveryKit, RecoveryKitError, SealedKit};
    use crate::ServerIdentity;

    const RECOVERY_KEY: &str = "EsTj 3yST y93F SLpB jJsz eAXc 2XzA ygD3 w69H fGaN TKBj jXEd";

    fn kit() -> RecoveryKit {
        RecoveryKit {
            user_id: owned_user_id!("@alice:example.org"),
            server_name: owned_server_name!("example.org"),
            recovery_key: Zeroizing::new(RECOVERY_KEY.to_owned()),
            identity: ServerIdentity::generate_in_key_mode(),
        }
    }

    fn refused(text: &str, typed: Option<&str>) -> RecoveryKitError {
        SealedKit::from_text(text).and_then(|kit| kit.open(typed)).err().expect("this kit should be refused")
    }

    #[test]
    fn a_kit_gives_everything_back_even_reflowed() {
        let kit = kit();
        let text = kit.to_text().unwrap();
        let reflowed = format!("\u{feff}\r\n{}\r\n\r\n", text.replace("\n  ", "\r\n").replace('\n', "\r\n"));
        for text in [text.as_str(), &reflowed] {
            let again = SealedKit::from_text(text).unwrap().open(None).unwrap();
            assert_eq!(again.user_id, kit.user_id);
            assert_eq!(again.server_name, kit.server_name);
            assert_eq!(again.recovery_key.as_str(), RECOVERY_KEY);
            assert!(again.identity.secret() == kit.identity.secret());
            assert_eq!(again.identity.key_id(), kit.identity.key_id());
        }
    }

    #[test]
    fn without_its_recovery_key_it_opens_only_with_the_typed_one() {
        let kit = kit();
        let text = kit.to_text().unwrap().replace(RECOVERY_KEY, "");
        assert!(!SealedKit::from_text(&text).unwrap().has_recovery_key());
        assert_eq!(refused(&text, None), RecoveryKitError::RecoveryKeyNeeded);
        assert_eq!(refused(&text, Some("EsTj another")), RecoveryKitError::WrongRecoveryKey);
        let typed = format!(" {}\n", RECOVERY_KEY.replace(' ', ""));
        let again = SealedKit::from_text(&text).unwrap().open(Some(&typed)).unwrap();
        assert!(again.identity.secret() == kit.identity.secret());
    }

    #[test]
    fn the_signing_key_is_not_on_the_page() {
        let kit = kit();
        let text = kit.to_text().unwrap();
        let line = kit.identity.to_line();
        assert!(!text.contains(line.rsplit(' ').next().unwrap()));
    }

    #[test]
    fn what_is_wrong_with_a_page_is_said() {
        let text = kit().to_text().unwrap().to_string();
        assert_eq!(refused("hello", None), RecoveryKitError::NoKit);
        assert_eq!(refused(&"HEARTH RECOVERY KIT 1\n".repeat(1000), None), RecoveryKitError::NoKit);
        assert_eq!(refused(&text.replace("KIT 1", "KIT 2"), None), RecoveryKitError::TooNew);
        assert_eq!(refused(&text.replace("Account:", "Konto:"), None), RecoveryKitError::Missing("Account"));
        assert_eq!(refused(&text.replace("@alice", "alice"), None), RecoveryKitError::Damaged("Account"));
        let last = text.trim_end().len() - 1;
        assert_eq!(refused(&text[..last], None), RecoveryKitError::Damaged("Server key"));
        let cut = text.find("Server key:").unwrap();
        assert_eq!(refused(&text[..cut], None), RecoveryKitError::Missing("Server key"));
    }
}
