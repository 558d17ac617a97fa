//! Application services: bridges and bots that hold a part of the server's names and are told what concerns them.

mod client;
mod interest;
mod namespaces;
mod ping;
mod query;
mod registration;
mod sender;
mod thirdparty;
mod transport;

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use lru::LruCache;
use ruma::{OwnedServerName, RoomAliasId, UserId, push::Ruleset};
use tokio::sync::Notify;

use crate::store::{AppserviceSn, Durability, NewAccount, Store, StoreError, UserSn, token_hash};

pub use self::{
    interest::OwedTo,
    ping::PingError,
    query::QueryError,
    registration::{Registered, RegistrationError},
    sender::AppserviceSender,
    transport::{NoTransport, Transport},
};

/// Users whose services are remembered.
const USERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(49_999);

/// The application services of this server. Cheap to clone.
#[derive(Clone)]
pub struct Appservices(Arc<Inner>);

struct Inner {
    services: Vec<Arc<Appservice>>,
    server_name: OwnedServerName,
    store: Store,
    transport: Arc<dyn Transport>,
    /// Which services a local user belongs to, by their places in `services`.
    of_users: Mutex<LruCache<UserSn, Arc<[usize]>>>,
}

/// One application service.
pub struct Appservice {
    sn: AppserviceSn,
    registered: Registered,
    /// Rings when the service has shown that it is there.
    alive: Notify,
}

impl std::fmt::Debug for Appservice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Appservice").field(&self.registered.id).finish()
    }
}

/// The services could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Appservices {
    /// Reads the registration files, and makes accounts for the services' own users where there are none.
    pub async fn open(
        files: &[PathBuf],
        server_name: OwnedServerName,
        store: Store,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, OpenError> {
        let registered = registration::read_all(files, &server_name)?;
        let services = if registered.is_empty() {
            Vec::new()
        } else {
            store.write(Durability::Full, move |tx| Box::pin(async move { enter(tx, registered).await })).await?
        };
        let of_users = Mutex::new(LruCache::new(USERS));
        Ok(Self(Arc::new(Inner { services, server_name, store, transport, of_users })))
    }

    /// A server without services: for tests and tools.
    pub fn none(server_name: OwnedServerName, store: Store) -> Self {
        let of_users = Mutex::new(LruCache::new(NonZeroUsize::MIN));
        Self(Arc::new(Inner { services: Vec::new(), server_name, store, transport: Arc::new(NoTransport), of_users }))
    }

    /// Whose `as_token` it is.
    pub fn by_token(&self, token: &str) -> Option<&Arc<Appservice>> {
        if self.0.services.is_empty() {
            return None;
        }
        // Hashes are compared: how long that takes tells nothing of the tokens.
        let hash = token_hash(token);
        self.0.services.iter().find(|service| service.registered.as_token_hash == hash)
    }

    pub fn is_empty(&self) -> bool {
        self.0.services.is_empty()
    }

    /// Whether the user's name belongs to a service other than `by` alone.
    pub fn is_reserved_user(&self, user_id: &UserId, by: Option<&Appservice>) -> bool {
        let others = self.0.services.iter().filter(|service| by.is_none_or(|by| by.sn != service.sn));
        others.into_iter().any(|service| {
            let service = &service.registered;
            user_id == service.sender || service.users.is_exclusive(user_id.as_str())
        })
    }

    /// Whether the alias belongs to a service other than `by` alone.
    pub fn is_reserved_alias(&self, alias: &RoomAliasId, by: Option<&Appservice>) -> bool {
        let others = self.0.services.iter().filter(|service| by.is_none_or(|by| by.sn != service.sn));
        others.into_iter().any(|service| service.registered.aliases.is_exclusive(alias.as_str()))
    }

    fn is_local(&self, user_id: &UserId) -> bool {
        user_id.server_name() == self.0.server_name
    }
}

impl Appservice {
    pub fn id(&self) -> &str {
        &self.registered.id
    }

    /// The service's own user.
    pub fn user_id(&self) -> &UserId {
        &self.registered.sender
    }

    /// Whether the service may act as this user, of whom it is known that they are of this server.
    pub fn may_be(&self, user_id: &UserId) -> bool {
        user_id == self.registered.sender || self.registered.users.contains(user_id.as_str())
    }

    /// Whether the alias is the service's to make and take away.
    pub fn holds_alias(&self, alias: &RoomAliasId) -> bool {
        self.registered.aliases.contains(alias.as_str())
    }

    /// Whether requests in this user's name are slowed down; those in the service's own name never are.
    pub fn is_limited(&self, user_id: &UserId) -> bool {
        self.registered.rate_limited && user_id != self.registered.sender
    }

    /// What clients name to see the rooms of one of the service's networks.
    pub fn instance_id(&self, network_id: &str) -> String {
        format!("{}|{network_id}", self.registered.id)
    }

    /// The service has spoken: what it is owed is tried again now.
    pub fn heard_from(&self) {
        self.alive.notify_waiters();
    }
}

async fn enter(tx: &mut crate::store::Tx, registered: Vec<Registered>) -> Result<Vec<Arc<Appservice>>, StoreError> {
    let mut services = Vec::with_capacity(registered.len());
    for registered in registered {
        let sn = tx.make_appservice(&registered.id).await?;
        if let Some(user) = tx.add_account(&registered.sender, &NewAccount::default()).await? {
            tx.set_push_rules(user, &Ruleset::server_default(&registered.sender)).await?;
        }
        services.push(Arc::new(Appservice { sn, registered, alive: Notify::new() }));
    }
    Ok(services)
}
