//! Federation without policy: keys, signatures, requests to other servers, the queue of what is owed to them. It knows no room.

pub mod acl;
pub mod backoff;
pub mod bells;
pub mod client;
pub mod destinations;
pub mod heads;
mod key_answer;
pub mod keyring;
mod origin;
mod over_net;
pub mod own_keys;
pub mod quota;
pub mod sender;
pub mod transport;

use std::sync::Arc;

use crypto::ServerIdentity;
use ruma::OwnedServerName;

use crate::{clock::Clock, store::Store};

pub use self::{
    client::{Deadline, FederationClient, FederationError},
    destinations::Destinations,
    heads::Heads,
    keyring::{Keyring, VerifyError},
    origin::Origin,
    own_keys::OwnKeys,
    quota::Quota,
    sender::Sender,
    transport::{Limits, NoNetwork, SendError, Transport},
};

/// What endpoints and rooms need of federation. Cheap to clone.
#[derive(Clone)]
pub struct Federation {
    pub keyring: Keyring,
    pub client: FederationClient,
    pub destinations: Destinations,
    pub heads: Heads,
    pub quota: Quota,
}

impl Federation {
    /// `server_name` is signed for with `identity`'s key.
    pub fn new(
        identity: Arc<ServerIdentity>,
        server_name: OwnedServerName,
        store: Store,
        clock: Clock,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let destinations = Destinations::new(store.clone(), clock.clone());
        let heads = Heads::new(store.clone());
        let keys = OwnKeys::new(identity);
        let keyring = Keyring::new(keys.clone(), server_name.clone(), store, clock.clone(), Arc::clone(&transport));
        let client = FederationClient::new(keys, server_name, destinations.clone(), transport);
        Self { keyring, client, destinations, heads, quota: Quota::default() }
    }

    /// A server that speaks to nobody: for tests and tools.
    pub fn offline(identity: Arc<ServerIdentity>, server_name: OwnedServerName, store: Store, clock: Clock) -> Self {
        Self::new(identity, server_name, store, clock, Arc::new(NoNetwork))
    }
}
