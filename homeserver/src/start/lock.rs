//! The data folder's lock: one server a folder.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::StartError;

const LOCK: &str = "homeserver.lock";

/// Holds the folder until it is dropped.
pub(super) struct FolderLock {
    folder: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Makes the folder if need be.
    pub(super) fn take(folder: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::Folder { folder: folder.to_owned(), source };
        let (folder_path, file) = open(folder).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { folder: folder_path, _file: file }),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse(folder_path)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

fn open(folder: &Path) -> io::Result<(PathBuf, File)> {
    let made = !folder.exists();
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    if made {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    let folder = folder.canonicalize()?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    Ok((folder, file))
}

#[cfg(test)]
mod tests {
    use super::{FolderLock, StartError};

    #[test]
    fn a_folder_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(StartError::InUse(_))));
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
