//! The parts of the server that endpoints take: each handler names only the ones it uses.

use std::sync::Arc;

use crate::{
    clock::Clock,
    config::Config,
    domain::{
        accounts::Accounts,
        appservices::Appservices,
        encryption::Encryption,
        ephemeral::Ephemeral,
        federation::Federation,
        identity_servers::IdentityServers,
        inbound::{Inbound, TakesEdus},
        media::Media,
        notifier::Notifier,
        rooms::Rooms,
        sync::Sync,
        web::Web,
    },
    net::{smtp::Smtp, turn::Offer},
    store::Store,
};

/// Everything that an endpoint may ask for; made once at the start.
#[derive(Clone)]
pub struct Parts {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Store,
    pub notifier: Notifier,
    pub server_name: ruma::OwnedServerName,
    pub federation: Federation,
    pub accounts: Accounts,
    pub appservices: Appservices,
    pub identity_servers: IdentityServers,
    pub encryption: Encryption,
    pub rooms: Rooms,
    pub inbound: Inbound,
    pub media: Media,
    pub ephemeral: Ephemeral,
    pub sync: Sync,
    /// Of our own TURN server, which may start later than the parts are made.
    pub turn: Offer,
}

/// What the parts are made of.
pub struct Foundation {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Store,
    pub notifier: Notifier,
    pub server_name: ruma::OwnedServerName,
    pub federation: Federation,
    pub web: Arc<dyn Web>,
    /// `None`: this server sends no mail.
    pub mail: Option<Smtp>,
    pub appservices: Appservices,
}

impl Parts {
    pub fn new(foundation: Foundation) -> Self {
        let Foundation { config, clock, store, notifier, server_name, federation, web, mail, appservices } = foundation;
        let accounts = Accounts::new(store.clone(), clock.clone(), Arc::clone(&config), server_name.clone(), mail);
        let rooms =
            Rooms::new(store.clone(), clock.clone(), server_name.clone(), federation.clone(), appservices.clone());
        let encryption = Encryption::new(store.clone(), federation.client.clone(), server_name.clone());
        let identity_servers =
            IdentityServers::new(Arc::clone(&config), store.clone(), Arc::clone(&web), federation.client.clone());
        let presence = config.presence_over_federation;
        let ephemeral = Ephemeral::new(store.clone(), clock.clone(), server_name.clone(), presence);
        let sync = Sync::new(store.clone(), clock.clone(), notifier.clone(), ephemeral.clone(), rooms.clone());
        let edus: Vec<Box<dyn TakesEdus>> = vec![Box::new(encryption.clone()), Box::new(ephemeral.clone())];
        let inbound =
            Inbound::new(store.clone(), notifier.clone(), federation.clone(), rooms.clone(), edus, clock.clone());
        let media =
            Media::new(store.clone(), clock.clone(), Arc::clone(&config), server_name.clone(), federation.clone(), web);
        Self {
            config,
            clock,
            store,
            notifier,
            server_name,
            federation,
            accounts,
            appservices,
            identity_servers,
            encryption,
            rooms,
            inbound,
            media,
            ephemeral,
            sync,
            turn: Offer::default(),
        }
    }
}

/// A part, or a few of them as a tuple: what a handler's first argument may be.
pub trait FromParts {
    fn from_parts(parts: &Parts) -> Self;
}

macro_rules! parts {
    ($($field:ident: $type:ty),+ $(,)?) => {$(
        impl FromParts for $type {
            fn from_parts(parts: &Parts) -> Self {
                parts.$field.clone()
            }
        }
    )+};
}

parts! {
    config: Arc<Config>,
    clock: Clock,
    store: Store,
    notifier: Notifier,
    server_name: ruma::OwnedServerName,
    federation: Federation,
    accounts: Accounts,
    appservices: Appservices,
    identity_servers: IdentityServers,
    encryption: Encryption,
    rooms: Rooms,
    inbound: Inbound,
    media: Media,
    ephemeral: Ephemeral,
    sync: Sync,
    turn: Offer,
}

impl FromParts for Parts {
    fn from_parts(parts: &Parts) -> Self {
        parts.clone()
    }
}

impl FromParts for () {
    fn from_parts(_: &Parts) -> Self {}
}

macro_rules! tuples {
    ($(($($name:ident),+)),+) => {$(
        impl<$($name: FromParts),+> FromParts for ($($name,)+) {
            fn from_parts(parts: &Parts) -> Self {
                ($($name::from_parts(parts),)+)
            }
        }
    )+};
}

tuples!((A, B), (A, B, C), (A, B, C, D));
