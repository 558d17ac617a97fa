//! Identity servers: they tell others whose an address is. This server speaks to those that its owner trusts, and to no others.

mod bindings;
mod exchange;
mod lookup;

use std::sync::Arc;

use ruma::{
    OwnedServerName,
    api::error::{Error as MatrixError, IntoHttpError},
    thirdparty::Medium,
};
use url::Url;

use crate::{
    config::Config,
    domain::accounts::canonical_email,
    store::{Store, StoreError},
};

use super::{
    federation::{FederationClient, SendError},
    web::Web,
};

/// The longest address, in bytes.
const LONGEST: usize = 255;

/// Something about an identity server was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("this server does not trust that identity server")]
    NotTrusted,
    #[error("this is no address of that medium")]
    InvalidAddress,
    #[error("an account has at most {0} bindings")]
    TooMany(usize),
    #[error("the identity server does not answer: {0}")]
    Send(#[from] SendError),
    /// The identity server answered with an error.
    #[error("{0}")]
    Refused(MatrixError),
    #[error("the identity server's answer is not the specification's: {0}")]
    Malformed(String),
    /// What the client gave for it cannot be a part of a request.
    #[error("the identity server cannot be asked that")]
    Request(#[from] IntoHttpError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The identity servers of the settings. Cheap to clone.
#[derive(Clone)]
pub struct IdentityServers {
    config: Arc<Config>,
    store: Store,
    web: Arc<dyn Web>,
    federation: FederationClient,
}

/// An identity server that is trusted.
#[derive(Clone, Debug)]
pub struct IdentityServer {
    /// Its host, with its port where it has one of its own.
    pub name: OwnedServerName,
    base: Url,
}

/// An address, as the specification compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threepid {
    pub medium: Medium,
    pub address: String,
}

impl Threepid {
    pub fn new(medium: &Medium, address: &str) -> Result<Self, IdentityError> {
        let canonical = match medium {
            Medium::Email => canonical_email(address),
            Medium::Msisdn => {
                let digits = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_digit());
                (digits && address.len() <= LONGEST).then(|| address.to_owned())
            }
            _ => None,
        };
        Ok(Self { medium: medium.clone(), address: canonical.ok_or(IdentityError::InvalidAddress)? })
    }
}

impl IdentityServers {
    pub fn new(config: Arc<Config>, store: Store, web: Arc<dyn Web>, federation: FederationClient) -> Self {
        Self { config, store, web, federation }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.config.identity_servers.is_empty()
    }

    /// The trusted server that a client names, by host (and port) or by URL.
    pub fn trusted(&self, id_server: &str) -> Result<IdentityServer, IdentityError> {
        let wanted = id_server.strip_prefix("https://").or_else(|| id_server.strip_prefix("http://"));
        let wanted = wanted.unwrap_or(id_server).trim_end_matches('/');
        let mut known = self.config.identity_servers.iter().filter_map(|base| Some((name_of(base)?, base)));
        let found = known.find(|(name, _)| name.as_str().eq_ignore_ascii_case(wanted));
        let (name, base) = found.ok_or(IdentityError::NotTrusted)?;
        Ok(IdentityServer { name, base: base.clone() })
    }
}

/// How clients name the server of a URL.
fn name_of(base: &Url) -> Option<OwnedServerName> {
    let host = base.host_str()?;
    let name = base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    OwnedServerName::try_from(name).ok()
}
