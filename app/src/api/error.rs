//! A failure as the UI sees it: a code to switch on and a sentence to show.

use serde::Serialize;
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS, thiserror::Error)]
#[error("{sentence}")]
pub struct AppError {
    pub code: ErrorCode,
    /// One plain sentence in English; the UI may translate by code and show this as the detail.
    pub sentence: String,
    /// What an expert would want to copy; never a secret.
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    UnknownRequest,
    BadArguments,
    /// Not possible in this phase: no account yet, or still starting.
    NotReady,
    KeyringLocked,
    WrongPassphrase,
    DataFolderInUse,
    DataFolderReadOnly,
    DiskFull,
    NewerSchema,
    WrongPassword,
    ServerUnreachable,
    BadInviteLink,
    /// The invite link is the person's own.
    OwnInviteLink,
    NotFound,
    Forbidden,
    TooLarge,
    Failed,
}
