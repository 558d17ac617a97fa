//! Where peers can be dialled: what tickets said and where they were last seen.

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use super::ticket::Ticket;

const ADDRESSES_MAX: usize = 8;
const RELAYS_MAX: usize = 2;
/// Peers that a person has brought by a ticket, and peers that came by themselves: the second cannot crowd out the first.
const INVITED_MAX: usize = 8192;
const SEEN_MAX: usize = 1024;

/// How an address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Ticket,
    /// A connection came from there, and its handshake proved the key.
    Seen,
}

/// The addresses of one peer, the most recent first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerAddresses {
    ips: Vec<SocketAddr>,
    relays: Vec<String>,
}

/// Keeps addresses over a restart. Called on the runtime's threads: it must only hand the work over.
pub trait SaveAddresses: Send + Sync {
    fn save(&self, key: [u8; 32], addresses: &PeerAddresses, source: Source);
}

/// All known addresses, bounded. Cheap to clone.
#[derive(Clone)]
pub struct AddressBook(Arc<Inner>);

struct Inner {
    peers: Mutex<Peers>,
    save: Option<Box<dyn SaveAddresses>>,
}

struct Peers {
    invited: LruCache<[u8; 32], PeerAddresses>,
    seen: LruCache<[u8; 32], PeerAddresses>,
}

impl PeerAddresses {
    pub fn new(ips: impl IntoIterator<Item = SocketAddr>, relays: impl IntoIterator<Item = String>) -> Self {
        let ips = ips.into_iter().take(ADDRESSES_MAX).collect();
        Self { ips, relays: relays.into_iter().take(RELAYS_MAX).collect() }
    }

    pub fn ips(&self) -> impl Iterator<Item = SocketAddr> {
        self.ips.iter().copied()
    }

    pub fn relays(&self) -> impl Iterator<Item = &str> {
        self.relays.iter().map(String::as_str)
    }

    /// Puts newer addresses first; true when that changes anything.
    fn add(&mut self, newer: &Self) -> bool {
        let ips = newer.ips.iter().chain(self.ips.iter().filter(|ip| !newer.ips.contains(ip)));
        let ips: Vec<SocketAddr> = ips.copied().take(ADDRESSES_MAX).collect();
        let relays = newer.relays.iter().chain(self.relays.iter().filter(|url| !newer.relays.contains(url)));
        let relays: Vec<String> = relays.take(RELAYS_MAX).cloned().collect();
        let changed = ips != self.ips || relays != self.relays;
        *self = Self { ips, relays };
        changed
    }
}

impl AddressBook {
    /// A book with what was saved last time.
    pub fn new(
        saved: impl IntoIterator<Item = ([u8; 32], PeerAddresses, Source)>,
        save: Option<Box<dyn SaveAddresses>>,
    ) -> Self {
        let size = |most| NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        let mut peers = Peers { invited: LruCache::new(size(INVITED_MAX)), seen: LruCache::new(size(SEEN_MAX)) };
        for (key, addresses, source) in saved {
            peers.of(source).put(key, addresses);
        }
        Self(Arc::new(Inner { peers: Mutex::new(peers), save }))
    }

    /// Takes a ticket in.
    pub fn learn(&self, ticket: &Ticket) {
        self.add(ticket.key(), ticket.addresses(), Source::Ticket);
    }

    /// Notes where a peer's connection came from.
    pub fn seen(&self, key: [u8; 32], address: SocketAddr) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        self.add(key, &PeerAddresses::new([address], []), Source::Seen);
    }

    /// Where to dial this peer.
    pub fn get(&self, key: &[u8; 32]) -> Option<PeerAddresses> {
        let mut peers = self.lock();
        let Peers { invited, seen } = &mut *peers;
        invited.get(key).or_else(|| seen.get(key)).cloned()
    }

    fn add(&self, key: [u8; 32], addresses: &PeerAddresses, source: Source) {
        let saved = {
            let mut peers = self.lock();
            // A peer that was invited once stays so, wherever it is seen; a seen one that is invited moves over.
            let source = if peers.invited.contains(&key) { Source::Ticket } else { source };
            let before = if source == Source::Ticket { peers.seen.pop(&key) } else { None };
            let known = peers.of(source).get_or_insert_mut(key, || before.unwrap_or_default());
            known.add(addresses).then(|| (known.clone(), source))
        };
        if let (Some((known, source)), Some(save)) = (saved, &self.0.save) {
            save.save(key, &known, source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peers {
    fn of(&mut self, source: Source) -> &mut LruCache<[u8; 32], PeerAddresses> {
        match source {
            Source::Ticket => &mut self.invited,
            Source::Seen => &mut self.seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{AddressBook, PeerAddresses, SaveAddresses, Source};
    use crate::net::iroh::Ticket;

    #[derive(Clone, Default)]
    struct Saved(Arc<Mutex<Vec<(u8, usize, Source)>>>);

    impl SaveAddresses for Saved {
        fn save(&self, key: [u8; 32], addresses: &PeerAddresses, source: Source) {
            self.0.lock().unwrap().push((key[0], addresses.ips().count(), source));
        }
    }

    fn ip(last: u8, port: u16) -> std::net::SocketAddr {
        ([10, 0, 0, last], port).into()
    }

    #[test]
    fn the_newest_address_comes_first_and_only_changes_are_saved() {
        let saved = Saved::default();
        let book = AddressBook::new([], Some(Box::new(saved.clone())));
        book.learn(&Ticket::new([1; 32], [ip(1, 1), ip(2, 2)], []));
        book.seen([1; 32], ip(3, 3));
        book.seen([1; 32], ip(3, 3));
        book.seen([1; 32], "[::ffff:10.0.0.2]:2".parse().unwrap());
        let addresses: Vec<_> = book.get(&[1; 32]).unwrap().ips().collect();
        assert_eq!(addresses, [ip(2, 2), ip(3, 3), ip(1, 1)]);
        let expected = [(1, 2, Source::Ticket), (1, 3, Source::Ticket), (1, 3, Source::Ticket)];
        assert_eq!(*saved.0.lock().unwrap(), expected);
    }

    #[test]
    fn strangers_cannot_crowd_out_the_invited_nor_fill_memory() {
        let book = AddressBook::new([], None);
        book.learn(&Ticket::new([9; 32], [ip(9, 9)], []));
        book.seen([8; 32], ip(8, 8));
        for stranger in 0..3000u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&stranger.to_be_bytes());
            book.seen(key, ip(1, 1));
        }
        assert!(book.get(&[9; 32]).is_some());
        assert!(book.get(&[8; 32]).is_none());
        for port in 1..100 {
            book.seen([9; 32], ip(9, port));
        }
        assert_eq!(book.get(&[9; 32]).unwrap().ips().count(), 8);
    }

    #[test]
    fn a_seen_peer_that_is_invited_keeps_its_addresses_and_a_saved_book_comes_back() {
        let book = AddressBook::new([([1; 32], PeerAddresses::new([ip(1, 1)], []), Source::Seen)], None);
        book.learn(&Ticket::new([1; 32], [ip(2, 2)], ["https://relay.example/".to_owned()]));
        let known = book.get(&[1; 32]).unwrap();
        assert_eq!(known.ips().collect::<Vec<_>>(), [ip(2, 2), ip(1, 1)]);
        assert_eq!(known.relays().collect::<Vec<_>>(), ["https://relay.example/"]);
    }
}
