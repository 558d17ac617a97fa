//! Why something about an account was refused.

use std::time::Duration;

use ruma::api::client::uiaa::UiaaInfo;

use crate::store::StoreError;

use super::ThreepidError;

/// Something about an account was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("this server does not make accounts for everybody")]
    RegistrationClosed,
    #[error("this server has no guests")]
    NoGuests,
    #[error("a user name may have the letters a to z, digits and the signs . _ = - / +")]
    InvalidName,
    #[error("this user name is taken")]
    NameTaken,
    #[error("the invite token cannot be used any more")]
    InviteUsedUp,
    #[error("the user name or the password is wrong")]
    WrongPassword,
    #[error("a password is needed")]
    NoPassword,
    #[error("a password has at most 512 bytes, and at least one")]
    UnusablePassword,
    #[error("a device id has 1 to 512 bytes and is no signing key")]
    UnusableDevice,
    #[error("the token is not valid")]
    WrongToken,
    #[error("the account was closed")]
    Deactivated,
    #[error("the account is locked")]
    Locked,
    #[error("too many attempts")]
    TooMany(Duration),
    /// The client has to prove more: what is answered, with the last proof's error in it.
    #[error("more proof is needed")]
    MoreProof(Box<UiaaInfo>),
    #[error("a password could not be hashed")]
    Hash,
    #[error(transparent)]
    Threepid(#[from] ThreepidError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
