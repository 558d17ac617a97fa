//! The server seam: our own homeserver started inside the app, or the address of another's.

use std::{collections::BTreeMap, path::Path, time::Duration};

use client::Homeserver;
use crypto::ServerIdentity;
use homeserver::{
    Power, StartError,
    config::{Config, Listen, Registration, ServerNameChoice},
    domain::rooms::Arriving,
    store::RoomSn,
};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{
    api::error::{AppError, ErrorCode},
    call_network::TurnChoice,
    secrets::OwnDomain,
};

/// Where servers with a domain are expected by others.
const FEDERATION_LISTEN: &str = "[::]:8448";
/// A server that hangs at the end is left behind: everything that matters is on the disk.
const LAST_PATIENCE: Duration = Duration::from_secs(4);

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
    own: Option<homeserver::Homeserver>,
}

impl RunningServer {
    pub(crate) fn elsewhere(address: &str, registration_token: Option<&str>) -> Self {
        Self {
            reach: Homeserver::Address(address.to_owned()),
            registration_token: registration_token.map(|token| Zeroizing::new(token.to_owned())),
            own: None,
        }
    }

    /// Starts our own server in the data folder; `new_account` opens the door for the one registration that makes it.
    pub(crate) async fn own(
        folder: &Path,
        domain: Option<&OwnDomain>,
        identity: ServerIdentity,
        new_account: bool,
        turn: TurnChoice,
    ) -> Result<Self, AppError> {
        let token = new_account.then(|| Zeroizing::new(crate::invite_link::random_name()));
        let mut config = Config { data: folder.to_owned(), turn: turn.settings(), ..Config::default() };
        if let Some(network) = turn.network() {
            config.allow_networks.push(network.into());
        }
        if let Some(token) = &token {
            config.registration = Registration::Token;
            config.registration_token = Some(token.to_string());
        }
        if let Some(domain) = domain {
            config.server_name = ServerNameChoice::Name(domain.server_name.clone());
            config.federation_listen = listen(domain.federation_listen.as_deref().unwrap_or(FEDERATION_LISTEN))?;
            config.tls_cert = domain.certificate.clone();
            config.tls_key = domain.private_key.clone();
        }
        let server = homeserver::start(config, Some(identity)).await?;
        Ok(Self { reach: Homeserver::Socket(server.socket().to_owned()), registration_token: token, own: Some(server) })
    }

    /// The name that addresses end with; `None` for a server elsewhere.
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.own.as_ref().map(|server| server.server_name().as_str())
    }

    /// What others need to reach our server; `None` where its name is enough.
    pub(crate) async fn ticket(&self) -> Option<String> {
        self.own.as_ref()?.ticket().await
    }

    pub(crate) async fn power(&self, power: Power) {
        if let Some(server) = &self.own {
            server.power(power).await;
        }
    }

    /// Rooms of our server whose members are on their way; `None` of a server elsewhere.
    pub(crate) fn arriving(&self) -> Option<watch::Receiver<BTreeMap<RoomSn, Arriving>>> {
        self.own.as_ref().map(homeserver::Homeserver::arriving)
    }

    pub(crate) async fn shutdown(self) {
        let Some(server) = self.own else { return };
        if tokio::time::timeout(LAST_PATIENCE, server.shutdown()).await.is_err() {
            tracing::warn!("the server did not end in time and was left behind");
        }
    }
}

fn listen(address: &str) -> Result<Listen, AppError> {
    address.parse().map_err(|error: String| AppError::new(ErrorCode::BadArguments, format!("{error}.")))
}

impl From<StartError> for AppError {
    fn from(error: StartError) -> Self {
        use homeserver::store::OpenError;
        let detail = crate::errors::chain(&error);
        let (code, sentence) = match &error {
            StartError::InUse(_) => {
                (ErrorCode::DataFolderInUse, "Hearth is already running with this data folder.".to_owned())
            }
            StartError::Folder { source, .. } => {
                (crate::errors::file_code(source), crate::errors::file_sentence(source))
            }
            StartError::Open(OpenError::NewerSchema) => {
                (ErrorCode::NewerSchema, "This data was written by a newer Hearth. Install that version.".to_owned())
            }
            StartError::Open(OpenError::ReadOnly(_)) => {
                (ErrorCode::DataFolderReadOnly, "Hearth may not write in its data folder.".to_owned())
            }
            StartError::Open(OpenError::Full(_)) => (ErrorCode::DiskFull, "The disk is full.".to_owned()),
            StartError::Config(_) | StartError::Name(_) | StartError::Tls(_) => {
                (ErrorCode::BadArguments, format!("The server cannot start so: {error}."))
            }
            StartError::Listen { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => (
                ErrorCode::Failed,
                "The path of the data folder is too long for a socket: choose one of at most 90 letters.".to_owned(),
            ),
            StartError::Listen { what, .. } => {
                (ErrorCode::Failed, format!("The server cannot listen on {what}: another program may be there."))
            }
            _ => (ErrorCode::Failed, "The server could not start. Nothing was deleted.".to_owned()),
        };
        Self::new(code, sentence).with_detail(detail)
    }
}
