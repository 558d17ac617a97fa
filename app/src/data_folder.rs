//! The data folder: its places, and the lock that keeps a second start out.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::api::error::{AppError, ErrorCode};

/// An existing, writable folder that this process alone uses.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be and takes its lock.
    pub fn open(path: &Path) -> Result<Self, AppError> {
        private_folder(path)?;
        let path = path.canonicalize()?;
        private_folder(&path.join("app"))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("app").join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(AppError::new(
                    ErrorCode::DataFolderInUse,
                    "Hearth is already running with this data folder.",
                )
                .with_detail(path.display()));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let folder = Self { path, _lock: lock };
        fs::remove_dir_all(folder.uploads()).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        private_folder(&folder.uploads())?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The client's databases.
    pub(crate) fn client(&self) -> PathBuf {
        self.path.join("client")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.path.join("app").join("settings.json")
    }

    /// Files on their way into a message; emptied at every start.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.path.join("app").join("uploads")
    }
}

/// Makes a folder that only its owner may enter.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = fs::metadata(path)?.permissions();
        if permissions.mode() & 0o777 != 0o700 {
            permissions.set_mode(0o700);
            fs::set_permissions(path, permissions)?;
        }
    }
    Ok(())
}

/// Replaces a file whole: the old content or the new, never a half.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::{DataFolder, ErrorCode, fs};

    #[test]
    fn a_second_start_is_told_that_the_folder_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let second = DataFolder::open(folder.path()).err().unwrap();
        assert_eq!(second.code, ErrorCode::DataFolderInUse);
        drop(first);
        DataFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn leftover_uploads_go_and_everything_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("new")).unwrap();
        fs::write(data.uploads().join("x"), b"x").unwrap();
        let path = data.path().to_owned();
        drop(data);
        let data = DataFolder::open(&path).unwrap();
        assert_eq!(fs::read_dir(data.uploads()).unwrap().count(), 0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(data.path()).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}
