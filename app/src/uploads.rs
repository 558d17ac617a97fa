//! Files that the UI handed over, until a message or a profile takes them.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{
    api::error::{AppError, ErrorCode},
    invite_link::random_name,
};

/// Files waiting at once.
const MAX_WAITING: usize = 64;

pub(crate) struct Uploads {
    folder: PathBuf,
    waiting: Mutex<HashMap<String, PathBuf>>,
}

/// A place for a file that is being handed over: write to `path`, then `Uploads::accept` it.
pub struct Upload {
    pub token: String,
    pub path: PathBuf,
}

impl Upload {
    /// The largest file that may be handed over; the server's own limit is asked when it is sent.
    pub const MAX_SIZE: u64 = 2 * 1024 * 1024 * 1024;
}

impl Uploads {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, waiting: Mutex::default() }
    }

    pub(crate) fn begin(&self) -> Result<Upload, AppError> {
        let waiting = self.waiting.lock().map_or(0, |waiting| waiting.len());
        if waiting >= MAX_WAITING {
            return Err(AppError::new(ErrorCode::TooLarge, "Too many files wait to be sent."));
        }
        let token = random_name();
        let path = self.folder.join(&token);
        Ok(Upload { token, path })
    }

    /// The file is whole now and can be named by its token.
    pub(crate) fn accept(&self, upload: Upload) -> String {
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.insert(upload.token.clone(), upload.path);
        }
        upload.token
    }

    /// The file of a token; it is deleted when what this answers is dropped.
    pub(crate) fn take(&self, token: &str) -> Result<Taken, AppError> {
        let path = self.waiting.lock().ok().and_then(|mut waiting| waiting.remove(token));
        path.map(Taken)
            .ok_or_else(|| AppError::new(ErrorCode::NotFound, "That file is not here any more. Choose it again."))
    }
}

pub(crate) struct Taken(PathBuf);

impl Taken {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(error = %error, "an uploaded file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Uploads;

    #[test]
    fn a_file_is_taken_once_and_gone_after() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path().to_owned());
        let upload = uploads.begin().unwrap();
        std::fs::write(&upload.path, b"x").unwrap();
        let token = uploads.accept(upload);
        assert!(uploads.take("../../etc/passwd").is_err());
        let taken = uploads.take(&token).unwrap();
        assert_eq!(std::fs::read(taken.path()).unwrap(), b"x");
        let path = taken.path().to_owned();
        drop(taken);
        assert!(!path.exists() && uploads.take(&token).is_err());
    }
}
