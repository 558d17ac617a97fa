//! Bounds on handshakes: anybody who knows our address can start one, and each costs us a signature.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;

use crate::net::listener::network_of;

const ADDRESSES: usize = 4096;

/// How often one IP address may start a handshake, and how many may be under way.
#[derive(Clone, Copy, Debug)]
pub struct StrangerLimits {
    /// At once.
    pub burst: u32,
    /// One more after each of these.
    pub every: Duration,
    pub under_way: usize,
}

impl Default for StrangerLimits {
    fn default() -> Self {
        Self { burst: 30, every: Duration::from_millis(500), under_way: 128 }
    }
}

/// Counts handshakes by address; a token bucket each.
pub(super) struct Strangers {
    limits: StrangerLimits,
    spent: Mutex<LruCache<IpAddr, Bucket>>,
}

struct Bucket {
    left: u32,
    filled: Instant,
}

impl Strangers {
    pub(super) fn new(limits: StrangerLimits) -> Self {
        let size = NonZeroUsize::new(ADDRESSES).unwrap_or(NonZeroUsize::MIN);
        Self { limits, spent: Mutex::new(LruCache::new(size)) }
    }

    /// Whether a handshake from there may start now. Relayed ones have no address and are bounded only in number.
    pub(super) fn may_try(&self, from: Option<SocketAddr>, under_way: usize, now: Instant) -> bool {
        if under_way >= self.limits.under_way {
            return false;
        }
        let Some(address) = from.map(|from| network_of(from.ip())) else { return true };
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = spent.get_or_insert_mut(address, || Bucket { left: self.limits.burst, filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_nanos();
        let every = self.limits.every.as_nanos().max(1);
        let refilled = u32::try_from(passed / every).unwrap_or(u32::MAX);
        if refilled > 0 {
            bucket.left = bucket.left.saturating_add(refilled).min(self.limits.burst);
            bucket.filled = now;
        }
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{StrangerLimits, Strangers};

    #[tokio::test]
    async fn an_address_is_slowed_down_others_are_not_and_time_heals() {
        let limits = StrangerLimits { burst: 3, every: Duration::from_secs(1), under_way: 10 };
        let strangers = Strangers::new(limits);
        let now = Instant::now();
        let may = |from: &str, now| strangers.may_try(Some(from.parse().unwrap()), 0, now);
        assert!((0..3).all(|_| may("1.2.3.4:5", now)));
        assert!(!may("1.2.3.4:6", now));
        assert!(may("1.2.3.5:5", now));
        assert!(may("1.2.3.4:5", now + Duration::from_secs(1)));
        assert!(!may("1.2.3.4:5", now + Duration::from_secs(1)));
        assert!((0..3).all(|_| may("1.2.3.4:5", now + Duration::from_secs(1000))));
        assert!(!may("1.2.3.4:5", now + Duration::from_secs(1000)));
    }

    #[tokio::test]
    async fn a_64_counts_as_one_and_the_number_under_way_is_bounded() {
        let limits = StrangerLimits { burst: 1, every: Duration::from_secs(1), under_way: 2 };
        let strangers = Strangers::new(limits);
        let now = Instant::now();
        let may = |from: &str, under_way| strangers.may_try(Some(from.parse().unwrap()), under_way, now);
        assert!(may("[2a00:1:2:3::1]:5", 0));
        assert!(!may("[2a00:1:2:3:ffff::2]:5", 0));
        assert!(may("[2a00:1:2:4::1]:5", 1));
        assert!(!may("9.9.9.9:5", 2));
        assert!(strangers.may_try(None, 1, now));
    }
}
