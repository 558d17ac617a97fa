//! The address book of peers with key names: read from the store, written back as it changes.

use crypto::name::{self, DEFAULT_SUFFIX};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    net::iroh::{AddressBook, PeerAddresses, SaveAddresses, Source, Ticket},
    store::{Durability, Store, StoreError},
};

use super::StartError;

/// Changes that wait for the store; what is beyond is seen again.
const WAITING: usize = 256;

/// The book of last time; its changes are kept from now on.
pub(super) async fn book(
    store: &Store,
    clock: &Clock,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<AddressBook, StartError> {
    let tickets = store.read().await?.peer_tickets().await?;
    let saved = tickets.iter().filter_map(|ticket| ticket.parse::<Ticket>().ok());
    let saved = saved.map(|ticket| (ticket.key(), ticket.addresses().clone(), Source::Ticket));
    let (changes, waiting) = mpsc::channel(WAITING);
    let book = AddressBook::new(saved, Some(Box::new(Changes(changes))));
    tasks.spawn(keep(store.clone(), clock.clone(), stop.clone(), waiting));
    Ok(book)
}

/// Takes the tickets of `--peer` in; a damaged one is said and left out.
pub(super) fn learn(book: &AddressBook, tickets: &[String]) {
    for ticket in tickets {
        match ticket.parse() {
            Ok(ticket) => book.learn(&ticket),
            Err(error) => tracing::warn!(%error, "a peer's ticket cannot be read"),
        }
    }
}

struct Changes(mpsc::Sender<Ticket>);

impl SaveAddresses for Changes {
    fn save(&self, key: [u8; 32], addresses: &PeerAddresses, source: Source) {
        // Strangers who only called do not fill the disk.
        if source == Source::Ticket {
            let relays = addresses.relays().map(str::to_owned);
            let ticket = Ticket::new(key, addresses.ips(), relays);
            if self.0.try_send(ticket).is_err() {
                tracing::debug!("a peer's address was not kept: too many changes at once");
            }
        }
    }
}

async fn keep(store: Store, clock: Clock, stop: CancellationToken, mut waiting: mpsc::Receiver<Ticket>) {
    loop {
        let ticket = tokio::select! {
            () = stop.cancelled() => return,
            ticket = waiting.recv() => ticket,
        };
        let Some(ticket) = ticket else { return };
        let Ok(server) = name::server_name(&ticket.key(), DEFAULT_SUFFIX) else { continue };
        let now = clock.now_ms();
        let kept: Result<(), StoreError> = store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move { tx.put_peer_ticket(&server, &ticket.to_string(), now).await })
            })
            .await;
        if let Err(error) = kept {
            tracing::warn!(%error, "a peer's address could not be kept");
        }
    }
}
