//! How much each user may relay.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Bounds of one TURN server.
#[derive(Clone, Debug)]
pub struct TurnLimits {
    /// Relays of one user at once: a call takes a few, for its networks and servers and twice during a restart.
    pub relays_of_user: usize,
    pub relays: usize,
    /// Bytes a second through one relay, each way, and how many at once after a pause.
    pub bytes_a_second: u32,
    pub burst: u32,
    /// Requests a second from one address, and how many at once.
    pub requests_a_second: u32,
    pub requests_at_once: u32,
    /// Requests after which the server is worn, and after which it takes no more before it is new.
    pub worn: u32,
    pub most_requests: u32,
    /// How often it is looked whether the server is worn.
    pub look: Duration,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            relays_of_user: 12,
            relays: 128,
            // Two screens and a camera of 2.5 Mbit/s.
            bytes_a_second: 1_000_000,
            burst: 500_000,
            requests_a_second: 20,
            requests_at_once: 100,
            worn: 20_000,
            most_requests: 200_000,
            look: Duration::from_secs(5),
        }
    }
}

pub(super) struct Quotas {
    pub limits: TurnLimits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Whose request is being answered. The library answers one after the other, and makes a relay within an answer.
    answering: Option<String>,
    by_user: HashMap<String, usize>,
    relays: usize,
}

/// Counts as a relay until it is dropped.
pub(super) struct Place {
    quotas: Arc<Quotas>,
    user: String,
}

impl Quotas {
    pub fn new(limits: TurnLimits) -> Self {
        Self { limits, counts: Mutex::default() }
    }

    pub fn answering(&self, user: &str) {
        self.counts().answering = Some(user.to_owned());
    }

    /// How many relays there are.
    pub fn relays(&self) -> usize {
        self.counts().relays
    }

    /// Room for one more relay of the user whose request is being answered.
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        let mut counts = self.counts();
        let user = counts.answering.clone()?;
        let of_user = counts.by_user.get(&user).copied().unwrap_or_default();
        if of_user >= self.limits.relays_of_user || counts.relays >= self.limits.relays {
            return None;
        }
        counts.by_user.insert(user.clone(), of_user + 1);
        counts.relays += 1;
        drop(counts);
        Some(Place { quotas: Arc::clone(self), user })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.quotas.counts();
        counts.relays = counts.relays.saturating_sub(1);
        if let Some(count) = counts.by_user.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.by_user.remove(&self.user);
            }
        }
    }
}

/// Fills at a rate up to a most, and is taken from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    left: f64,
    since: Instant,
}

impl Bucket {
    pub fn full(most: u32, now: Instant) -> Self {
        Self { left: most.into(), since: now }
    }

    /// True when there was so much, which is then gone.
    pub fn take(&mut self, amount: f64, a_second: u32, most: u32, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.since).as_secs_f64() * f64::from(a_second);
        self.left = (self.left + earned).min(most.into());
        self.since = now;
        let there = self.left >= amount;
        if there {
            self.left -= amount;
        }
        there
    }

    /// Whether nobody took from it for so long that it is full.
    pub fn is_idle(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) > Duration::from_secs(60)
    }
}
