//! How much another server may send in a while: what goes beyond is refused before it is taken, so that it comes again.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;

use crate::store::ServerSn;

/// Servers that are counted; one of those that were quiet for longest begins anew.
const SERVERS: NonZeroUsize = NonZeroUsize::new(5000).unwrap();

/// What one transaction brings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub pdus: usize,
    pub edus: usize,
    pub bytes: usize,
}

/// At once, and in each second after it.
const PDUS: Rate = Rate { burst: 2500.0, each_second: 50.0 };
const EDUS: Rate = Rate { burst: 2000.0, each_second: 50.0 };
const BYTES: Rate = Rate { burst: 64.0 * 1024.0 * 1024.0, each_second: 5.0 * 1024.0 * 1024.0 };

/// How often it is logged that a server sends too much.
const LOGGED: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: f64,
    each_second: f64,
}

/// What every server has left. Cheap to clone.
#[derive(Clone)]
pub struct Quota(Arc<Mutex<LruCache<ServerSn, Left>>>);

#[derive(Clone, Copy, Debug)]
struct Left {
    pdus: f64,
    edus: f64,
    bytes: f64,
    at: Instant,
    /// When it was logged last that there was nothing left.
    logged: Option<Instant>,
}

impl Default for Quota {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(SERVERS))))
    }
}

impl Quota {
    /// Takes it from what the server has left, or answers how long to wait.
    pub fn take(&self, server: ServerSn, cost: Cost, now: Instant) -> Result<(), Duration> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = servers.get_or_insert_mut(server, || Left {
            pdus: PDUS.burst,
            edus: EDUS.burst,
            bytes: BYTES.burst,
            at: now,
            logged: None,
        });
        let since = now.saturating_duration_since(left.at).as_secs_f64();
        left.at = now;
        let mut wait = 0.0_f64;
        for (left, rate, cost) in
            [(&mut left.pdus, PDUS, cost.pdus), (&mut left.edus, EDUS, cost.edus), (&mut left.bytes, BYTES, cost.bytes)]
        {
            *left = rate.burst.min(*left + since * rate.each_second);
            wait = wait.max((amount(cost) - *left) / rate.each_second);
        }
        if wait > 0.0 {
            if left.logged.is_none_or(|last| now.saturating_duration_since(last) >= LOGGED) {
                left.logged = Some(now);
                tracing::info!(server = server.0, "A server sends more than is taken; it is told to wait.");
            }
            return Err(Duration::from_secs_f64(wait));
        }
        left.pdus -= amount(cost.pdus);
        left.edus -= amount(cost.edus);
        left.bytes -= amount(cost.bytes);
        Ok(())
    }
}

fn amount(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Cost, Quota};
    use crate::store::ServerSn;

    #[tokio::test]
    async fn a_flood_is_slowed_down_others_are_not_and_nothing_is_taken_twice() {
        let (quota, now) = (Quota::default(), Instant::now());
        let full = Cost { pdus: 0, edus: 100, bytes: 10_000 };
        for n in 0..20 {
            assert!(quota.take(ServerSn(2), full, now).is_ok(), "transaction {n}");
        }
        let wait = quota.take(ServerSn(2), full, now).unwrap_err();
        assert_eq!(wait.as_secs(), 2);
        assert!(quota.take(ServerSn(3), full, now).is_ok());
        assert!(quota.take(ServerSn(2), Cost { pdus: 50, ..Cost::default() }, now).is_ok(), "events are counted apart");
        assert!(quota.take(ServerSn(2), full, now + Duration::from_secs(1)).is_err());
        assert!(quota.take(ServerSn(2), full, now + wait).is_ok());
        assert!(quota.take(ServerSn(2), Cost { bytes: 200 << 20, ..Cost::default() }, now).is_err());
    }
}
