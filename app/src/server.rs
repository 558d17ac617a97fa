//! The server seam: our own homeserver started inside the app, or the address of another's.

use client::Homeserver;
use zeroize::Zeroizing;

use crate::api::error::{AppError, ErrorCode};

/// Where a new account is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerChoice {
    /// On our own homeserver, in this process.
    #[default]
    Own,
    /// On another homeserver that lets people register: a team's hub, a test's peer.
    At { address: String, registration_token: Option<String> },
}

/// A server that can be spoken to now.
pub(crate) struct RunningServer {
    pub(crate) reach: Homeserver,
    /// What registration asks for while the account is being made.
    pub(crate) registration_token: Option<Zeroizing<String>>,
}

impl RunningServer {
    pub(crate) fn elsewhere(address: &str, registration_token: Option<&str>) -> Self {
        Self {
            reach: Homeserver::Address(address.to_owned()),
            registration_token: registration_token.map(|token| Zeroizing::new(token.to_owned())),
        }
    }

    /// What others need to reach our server; `None` where its name is enough.
    pub(crate) fn ticket(&self) -> Option<String> {
        None
    }

    pub(crate) async fn shutdown(self) {}
}

pub(crate) fn no_own_server() -> AppError {
    AppError::new(ErrorCode::Failed, "This build has no server of its own.")
}
