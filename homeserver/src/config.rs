//! Settings: every flag of the command line is also a key of `homeserver.toml`, and these are all of them.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use ruma::{OwnedServerName, api::client::rtc::RtcTransport};
use serde::{Deserialize, Serialize};
use url::Url;

mod discovery;
mod listen;
mod mail;
mod turn;

pub use self::{
    discovery::{Support, TermsDocument},
    listen::Listen,
    turn::Turn,
};

use crate::net::smtp::SmtpError;

/// What the server needs to know before it starts.
///
/// In `homeserver.toml` a key that is not one of these is an error that names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder that holds everything: database, media, keys, socket.
    pub data: PathBuf,
    /// The server's name: a domain, or `key` for a name made from the server's own key. It can never change.
    pub server_name: ServerNameChoice,
    /// Plain HTTP for clients on this machine.
    pub client_listen: Listen,
    /// Serve the Client-Server API on the TLS listener too.
    pub client_tls: bool,
    /// TLS for other servers.
    pub federation_listen: Listen,
    /// Certificate chain in PEM; absent: a self-made one in the data folder.
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM.
    pub tls_key: Option<PathBuf>,
    /// Roots to trust beside the system's, for every outgoing TLS connection.
    pub trusted_ca: Vec<PathBuf>,
    /// Address tickets of other servers with key names.
    pub peer: Vec<String>,
    /// Private and loopback networks that federation, previews and pushers may reach; none by default.
    pub allow_networks: Vec<IpNet>,
    /// Who may make an account.
    pub registration: Registration,
    /// A token that registration asks for.
    pub registration_token: Option<String>,
    /// The secret of Synapse's register handshake, which test tools speak.
    pub registration_secret: Option<String>,
    /// Registration files of application services (bridges, bots), in YAML.
    pub appservices: Vec<PathBuf>,
    /// Whether guests may come.
    pub guest_access: bool,
    /// Whether clients are slowed down.
    pub rate_limits: bool,
    /// Whether every member may give a room an alias of this server, or only those whom the room lets choose its own.
    pub aliases_by_anyone: bool,
    /// Whether other servers may read the room directory.
    pub public_rooms_over_federation: bool,
    /// Whether the room directory may be read without an account.
    pub public_rooms_without_login: bool,
    /// The largest upload in bytes.
    pub max_upload_size: u64,
    /// Bytes of remote media kept as a cache.
    pub media_cache_size: u64,
    /// Whether pages that messages link to are fetched for previews.
    pub url_previews: bool,
    /// Whether presence is exchanged with other servers.
    pub presence_over_federation: bool,
    /// Days that the original of a redacted event is kept.
    pub redacted_retention_days: u32,
    /// What is logged, in the form of `RUST_LOG`.
    pub log: String,
    /// The URL under which clients reach this server, as `/.well-known/matrix/client` tells it.
    pub public_url: Option<Url>,
    /// Where other servers reach this one when not at its own name, as `/.well-known/matrix/server` tells it.
    pub delegated_name: Option<OwnedServerName>,
    /// Whom people can ask for help, as `/.well-known/matrix/support` tells it.
    pub support: Option<Support>,
    /// The TURN servers that calls may use, one of our own or others.
    pub turn: Option<Turn>,
    /// Transports of MatrixRTC calls, each with its `type`.
    pub rtc_transports: Vec<RtcTransport>,
    /// Documents, by name, that people accept when they make an account.
    pub terms: BTreeMap<String, TermsDocument>,
    /// The server that takes our mail, with which people add e-mail addresses to their accounts, sign in by them and choose another
    /// password: `smtps://host:port`, or `smtp://host:port`, which goes over to TLS where the host offers it (with `smtp_user` it must)
    /// and is another machine. Needs `smtp_from` and `public_url`.
    pub smtp: Option<Url>,
    /// Whom our mail comes from, like `Hearth <hearth@example.org>`.
    pub smtp_from: Option<String>,
    /// The name to sign in with at the mail server.
    pub smtp_user: Option<String>,
    /// A file with the password to sign in with at the mail server.
    pub smtp_password_file: Option<PathBuf>,
    /// URLs of the identity servers that this server speaks to for its users, to find people by e-mail addresses and telephone numbers
    /// and to be found; none by default.
    pub identity_servers: Vec<Url>,
}

/// Which name the server has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ServerNameChoice {
    /// A name made from the server's key, once.
    Key,
    /// A domain of the owner's, or a name that a test gives.
    Name(String),
}

impl From<String> for ServerNameChoice {
    fn from(name: String) -> Self {
        if name == "key" { Self::Key } else { Self::Name(name) }
    }
}

impl From<ServerNameChoice> for String {
    fn from(choice: ServerNameChoice) -> Self {
        match choice {
            ServerNameChoice::Key => "key".to_owned(),
            ServerNameChoice::Name(name) => name,
        }
    }
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody: accounts are made by the owner.
    Closed,
    /// Who has a token.
    Token,
    /// Everybody.
    Open,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::new(),
            server_name: ServerNameChoice::Key,
            client_listen: Listen::Off,
            client_tls: false,
            federation_listen: Listen::Off,
            tls_cert: None,
            tls_key: None,
            trusted_ca: Vec::new(),
            peer: Vec::new(),
            allow_networks: Vec::new(),
            registration: Registration::Closed,
            registration_token: None,
            registration_secret: None,
            appservices: Vec::new(),
            guest_access: false,
            rate_limits: true,
            aliases_by_anyone: false,
            public_rooms_over_federation: false,
            public_rooms_without_login: false,
            max_upload_size: 100 * 1024 * 1024,
            media_cache_size: 2 * 1024 * 1024 * 1024,
            url_previews: false,
            presence_over_federation: false,
            redacted_retention_days: 7,
            // State resolution tells at this level of every event that it allows.
            // The TURN library tells every broken datagram of anybody as an error.
            log: "info,ruma_state_res=warn,turn=off".to_owned(),
            public_url: None,
            delegated_name: None,
            support: None,
            turn: None,
            rtc_transports: Vec::new(),
            terms: BTreeMap::new(),
            smtp: None,
            smtp_from: None,
            smtp_user: None,
            smtp_password_file: None,
            identity_servers: Vec::new(),
        }
    }
}

/// The settings do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{0:?} is not a server name")]
    ServerName(String),
    #[error("a certificate needs its key and a key its certificate: give both --tls-cert and --tls-key")]
    HalfCertificate,
    #[error("public_url {0:?} is not the http or https URL of a server: it has no query and no fragment")]
    PublicUrl(String),
    #[error("turn: {0}")]
    Turn(&'static str),
    #[error("support: {0}")]
    Support(&'static str),
    #[error("identity_servers: {0:?} is not the http or https URL of a server: it has no query and no fragment")]
    IdentityServer(String),
    #[error("smtp: {0}")]
    Mail(&'static str),
    #[error(transparent)]
    Smtp(#[from] SmtpError),
    #[error("terms: {0:?} needs a version and, for each language, a name and an http or https URL")]
    Terms(String),
}

impl Config {
    /// Reads `homeserver.toml`.
    pub fn read(path: &std::path::Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// Refuses what cannot work, before anything is opened.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let ServerNameChoice::Name(name) = &self.server_name {
            OwnedServerName::try_from(name.as_str()).map_err(|_| ConfigError::ServerName(name.clone()))?;
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::HalfCertificate);
        }
        if let Some(url) = self.public_url.as_ref().filter(|url| !discovery::is_base(url)) {
            return Err(ConfigError::PublicUrl(url.to_string()));
        }
        self.turn.as_ref().map_or(Ok(()), Turn::check).map_err(ConfigError::Turn)?;
        self.support.as_ref().map_or(Ok(()), Support::check).map_err(ConfigError::Support)?;
        if let Some(url) = self.identity_servers.iter().find(|url| !discovery::is_base(url)) {
            return Err(ConfigError::IdentityServer(url.to_string()));
        }
        self.check_mail().map_err(ConfigError::Mail)?;
        if let Some((name, _)) = self.terms.iter().find(|(_, document)| !document.is_complete()) {
            return Err(ConfigError::Terms(name.clone()));
        }
        Ok(())
    }

    /// The address of the client listener, when it is on.
    pub fn client_address(&self) -> Option<SocketAddr> {
        self.client_listen.address()
    }
}

#[cfg(test)]
mod tests;
