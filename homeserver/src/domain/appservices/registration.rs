//! Registration files: what an application service may be and do, as its owner wrote it down in YAML.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use ruma::{OwnedUserId, ServerName, UserId, api::appservice::Registration};
use serde::Deserialize;
use url::Url;

use crate::store::token_hash;

use super::namespaces::Names;

/// Bytes of a file.
const FILE: u64 = 1 << 20;
/// Files.
const FILES: usize = 100;
/// Bytes of ids, tokens and names of protocols.
const TEXT: usize = 1024;

/// What a registration says, checked. Has no `Debug`: it holds secrets.
pub struct Registered {
    pub(super) id: String,
    /// Without a slash at its end; `None`: the service is sent nothing.
    pub(super) url: Option<String>,
    pub(super) as_token_hash: Vec<u8>,
    pub(super) hs_token: String,
    pub(super) sender: OwnedUserId,
    pub(super) users: Names,
    pub(super) aliases: Names,
    pub(super) rooms: Names,
    pub(super) rate_limited: bool,
    pub(super) protocols: Vec<String>,
    pub(super) receive_ephemeral: bool,
    /// Keys and messages of its users' devices come with transactions (MSC3202).
    pub(super) encryption: bool,
}

/// What stands in files beyond what ruma's type has.
#[derive(Deserialize)]
struct More {
    #[serde(rename = "de.sorunome.msc2409.push_ephemeral", default)]
    push_ephemeral: bool,
    #[serde(rename = "org.matrix.msc3202", default)]
    msc3202: bool,
}

/// A registration that cannot be used; says which file and why, and never what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("the application service's registration {path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the application service's registration {path} cannot be used: {reason}")]
    Unusable { path: PathBuf, reason: String },
    #[error("the application services of {one} and {other} have the same {what}: each needs its own")]
    Twice { what: &'static str, one: PathBuf, other: PathBuf },
    #[error("there are more than {FILES} application services")]
    TooMany,
}

/// Reads all files; no two may have one id or one token.
pub(super) fn read_all(files: &[PathBuf], server_name: &ServerName) -> Result<Vec<Registered>, RegistrationError> {
    if files.len() > FILES {
        return Err(RegistrationError::TooMany);
    }
    let mut read: Vec<(&PathBuf, Registered)> = Vec::with_capacity(files.len());
    for path in files {
        let registered = read_one(path, server_name)?;
        for (other, earlier) in &read {
            let what = if earlier.id == registered.id {
                "id"
            } else if earlier.as_token_hash == registered.as_token_hash {
                "as_token"
            } else {
                continue;
            };
            return Err(RegistrationError::Twice { what, one: (*other).clone(), other: path.clone() });
        }
        read.push((path, registered));
    }
    Ok(read.into_iter().map(|(_, registered)| registered).collect())
}

fn read_one(path: &Path, server_name: &ServerName) -> Result<Registered, RegistrationError> {
    let unreadable = |source| RegistrationError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text, server_name).map_err(|reason| RegistrationError::Unusable { path: path.to_owned(), reason })
}

fn parse(text: &str, server_name: &ServerName) -> Result<Registered, String> {
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE {
        return Err(format!("it is larger than {FILE} bytes"));
    }
    let registration: Registration = yaml(text)?;
    let more: More = yaml(text)?;
    for (name, value) in [
        ("id", &registration.id),
        ("as_token", &registration.as_token),
        ("hs_token", &registration.hs_token),
        ("sender_localpart", &registration.sender_localpart),
    ] {
        if value.is_empty() || value.len() > TEXT {
            return Err(format!("{name} needs 1 to {TEXT} bytes"));
        }
    }
    if registration.hs_token.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) {
        return Err("hs_token goes into a header: it needs visible ASCII characters without spaces".to_owned());
    }
    let sender = UserId::parse_with_server_name(registration.sender_localpart.as_str(), server_name)
        .ok()
        .filter(|sender| sender.server_name() == server_name && sender.validate_historical().is_ok())
        .ok_or_else(|| format!("sender_localpart {:?} makes no user id", registration.sender_localpart))?;
    let protocols = registration.protocols.unwrap_or_default();
    if protocols.len() > FILES || protocols.iter().any(|name| name.is_empty() || name.len() > TEXT) {
        return Err(format!("protocols are at most {FILES} names of 1 to {TEXT} bytes"));
    }
    Ok(Registered {
        url: registration.url.as_deref().map(base).transpose()?,
        as_token_hash: token_hash(&registration.as_token),
        hs_token: registration.hs_token,
        sender,
        users: Names::compile("users", &registration.namespaces.users)?,
        aliases: Names::compile("aliases", &registration.namespaces.aliases)?,
        rooms: Names::compile("rooms", &registration.namespaces.rooms)?,
        rate_limited: registration.rate_limited.unwrap_or(true),
        protocols,
        receive_ephemeral: registration.receive_ephemeral || more.push_ephemeral,
        encryption: more.msc3202,
        id: registration.id,
    })
}

fn yaml<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    // Without the lines around an error: tokens stand in them.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

fn base(url: &str) -> Result<String, String> {
    let parsed = Url::parse(url).map_err(|error| format!("url {url:?} is no URL: {error}"))?;
    let plain = parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() || !plain {
        return Err("url needs to be an http or https URL with a host and perhaps a path, and nothing more".to_owned());
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::{RegistrationError, parse, read_all};

    const BRIDGE: &str = r##"
id: "IRC Bridge"
url: "http://127.0.0.1:1234/irc/"
as_token: 30c05ae90a248a4188e620216fa72e349803310ec83e2a77b34fe90be6081f46
hs_token: "312df522183efd404ec1cd22d2ffa4bbc76a8c1ccf541dd692eef281356bb74e"
sender_localpart: "_irc_bot" # Will result in @_irc_bot:example.org
namespaces:
  users:
    - exclusive: true
      regex: "@_irc_bridge_.*"
  aliases:
    - exclusive: false
      regex: "#_irc_bridge_.*"
  rooms: []
rate_limited: false
protocols: [irc]
de.sorunome.msc2409.push_ephemeral: true
some.other: thing
"##;

    #[test]
    fn the_specifications_example_is_read() {
        let read = parse(BRIDGE, server_name!("example.org")).unwrap();
        assert_eq!((read.id.as_str(), read.sender.as_str()), ("IRC Bridge", "@_irc_bot:example.org"));
        assert_eq!(read.url.as_deref(), Some("http://127.0.0.1:1234/irc"));
        assert!(read.users.is_exclusive("@_irc_bridge_bob:example.org"));
        assert!(read.receive_ephemeral && !read.encryption && !read.rate_limited);
        let silent = BRIDGE.replace("\"http://127.0.0.1:1234/irc/\"", "null");
        assert_eq!(parse(&silent, server_name!("example.org")).unwrap().url, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_what_is_secret() {
        for (from, to, said) in [
            ("id: \"IRC Bridge\"", "", "id"),
            ("url: \"http://127.0.0.1:1234/irc/\"", "", "url"),
            ("http://127.0.0.1:1234/irc/", "ftp://127.0.0.1", "url"),
            ("http://127.0.0.1:1234/irc/", "http://me:pass@127.0.0.1", "url"),
            ("hs_token: \"", "hs_token: \"with space ", "hs_token"),
            ("\"_irc_bot\"", "\"a:b\"", "sender_localpart"),
            ("@_irc_bridge_.*", "@_irc_bridge_(", "namespaces.users"),
            ("exclusive: true", "exclusive: 3", "boolean"),
            ("namespaces:", "namespaces: [", ""),
        ] {
            assert!(BRIDGE.contains(from), "{from}");
            let error = parse(&BRIDGE.replace(from, to), server_name!("example.org")).err().unwrap_or_default();
            assert!(!error.is_empty() && error.contains(said), "{to}: {error}");
            assert!(!error.contains("30c05ae90a24") && !error.contains("312df522183e"), "{error}");
        }
    }

    #[test]
    fn two_services_share_neither_id_nor_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = file("one.yaml", BRIDGE.to_owned());
        let token = file("token.yaml", BRIDGE.replace("IRC Bridge", "other"));
        let id = file("id.yaml", BRIDGE.replace("30c05ae9", "40c05ae9"));
        let name = server_name!("example.org");
        let twice = |other| match read_all(&[one.clone(), other], name) {
            Err(RegistrationError::Twice { what, .. }) => what,
            _ => "",
        };
        assert_eq!((twice(token), twice(id)), ("as_token", "id"));
        assert!(matches!(read_all(&[folder.path().join("absent")], name), Err(RegistrationError::Read { .. })));
    }
}
