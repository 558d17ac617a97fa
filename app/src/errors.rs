//! What goes wrong below, as the UI hears it: a code and a sentence.

use client::ClientError;
use crypto::vault::VaultError;

use crate::api::error::{AppError, ErrorCode};

impl AppError {
    pub fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), detail: None }
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl ToString) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    pub(crate) fn not_ready() -> Self {
        Self::new(ErrorCode::NotReady, "Hearth is not ready yet.")
    }
}

impl From<ClientError> for AppError {
    fn from(error: ClientError) -> Self {
        let detail = chain(&error);
        let (code, sentence) = match &error {
            ClientError::Unreachable(_) => (ErrorCode::ServerUnreachable, "The server does not answer.".to_owned()),
            ClientError::WrongPassword => (ErrorCode::WrongPassword, "The name or the password is wrong.".to_owned()),
            ClientError::NameTaken => (ErrorCode::BadArguments, "That name is taken on this server.".to_owned()),
            ClientError::SignedOut => {
                (ErrorCode::Forbidden, "This device was signed out. Sign in again; nothing is deleted.".to_owned())
            }
            ClientError::Forbidden(why) => (ErrorCode::Forbidden, format!("That is not allowed: {why}")),
            ClientError::NotFound(what) => (ErrorCode::NotFound, capital(&format!("{what} was not found."))),
            ClientError::Invalid(why) => (ErrorCode::BadArguments, capital(&format!("{why}."))),
            ClientError::TooLarge { limit: 0 } => (ErrorCode::TooLarge, "That is too large.".to_owned()),
            ClientError::TooLarge { limit } => {
                (ErrorCode::TooLarge, format!("That is too large: at most {}.", size(*limit)))
            }
            ClientError::Store(_) => {
                (ErrorCode::Failed, "This account's data could not be opened. Nothing was deleted.".to_owned())
            }
            ClientError::File(error) => (file_code(error), "A file could not be read or written.".to_owned()),
            ClientError::Server(why) => (ErrorCode::Failed, format!("The server refused: {why}")),
            ClientError::Other(_) => (ErrorCode::Failed, "That did not work.".to_owned()),
        };
        Self::new(code, sentence).with_detail(detail)
    }
}

impl From<VaultError> for AppError {
    fn from(error: VaultError) -> Self {
        let detail = chain(&error);
        let (code, sentence) = match &error {
            VaultError::KeyringLocked => (ErrorCode::KeyringLocked, "Your keyring is locked. Unlock it and try again.".to_owned()),
            VaultError::KeyringUnavailable(_) => {
                (ErrorCode::KeyringLocked, "Your keyring does not answer. Nothing was deleted: start it and try again.".to_owned())
            }
            VaultError::KeyMissing(_) | VaultError::WrongKey(_) => (
                ErrorCode::KeyringLocked,
                "The key of this data is not where it was kept. Nothing was deleted: bring back the keyring or the key file, and try again."
                    .to_owned(),
            ),
            VaultError::PassphraseNeeded | VaultError::Passphrase(_) => (ErrorCode::WrongPassphrase, "That is not the passphrase.".to_owned()),
            VaultError::TooNew(_) => (ErrorCode::NewerSchema, "This data was written by a newer Hearth. Install that version.".to_owned()),
            VaultError::File { source, .. } => (file_code(source), file_sentence(source)),
            _ => (ErrorCode::Failed, "The secrets of this data could not be opened. Nothing was deleted.".to_owned()),
        };
        Self::new(code, sentence).with_detail(detail)
    }
}

impl From<std::io::Error> for AppError {
    fn from(error: std::io::Error) -> Self {
        Self::new(file_code(&error), file_sentence(&error)).with_detail(error)
    }
}

pub(crate) fn file_code(error: &std::io::Error) -> ErrorCode {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => ErrorCode::DataFolderReadOnly,
        ErrorKind::NotFound => ErrorCode::NotFound,
        _ => ErrorCode::Failed,
    }
}

pub(crate) fn file_sentence(error: &std::io::Error) -> String {
    match file_code(error) {
        ErrorCode::DiskFull => "The disk is full.".to_owned(),
        ErrorCode::DataFolderReadOnly => "Hearth may not write in its data folder.".to_owned(),
        _ => "A file of the data folder could not be read or written.".to_owned(),
    }
}

/// An error and its causes, for those who want to copy them.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.chars().take(1000).collect()
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB { format!("{} MB", bytes / MIB) } else { format!("{} kB", bytes / 1024) }
}
