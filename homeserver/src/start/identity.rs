//! The server's key where nobody else keeps it: a 0600 file in the data folder.

use std::path::Path;

use crypto::{ServerIdentity, files};

use crate::config::ServerNameChoice;

use super::{StartError, is_key};

pub(super) const FILE: &str = "signing.key";
const LINE_MAX: u64 = 1024;

/// Reads the key, or makes it on the first start.
pub(super) fn of_folder(folder: &Path, name: &ServerNameChoice) -> Result<ServerIdentity, StartError> {
    let path = folder.join(FILE);
    let failed = |source| StartError::Folder { folder: folder.to_owned(), source };
    let unreadable = |source| StartError::Identity { path: path.clone(), source };
    if let Some(bytes) = files::read_private(&path, LINE_MAX).map_err(failed)? {
        let line = String::from_utf8_lossy(&bytes);
        return ServerIdentity::from_line(line.trim()).map_err(unreadable);
    }
    let identity = if is_key(name) {
        ServerIdentity::generate_in_key_mode()
    } else {
        ServerIdentity::generate_for_domain().map_err(unreadable)?
    };
    files::write(&path, identity.to_line().as_bytes()).map_err(failed)?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::{ServerNameChoice, of_folder};

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let made = of_folder(folder.path(), &ServerNameChoice::Key).unwrap();
        let read = of_folder(folder.path(), &ServerNameChoice::Key).unwrap();
        assert_eq!((made.public_key(), made.key_id()), (read.public_key(), read.key_id()));
        std::fs::write(folder.path().join("signing.key"), "nonsense").unwrap();
        assert!(of_folder(folder.path(), &ServerNameChoice::Key).is_err());
    }
}
