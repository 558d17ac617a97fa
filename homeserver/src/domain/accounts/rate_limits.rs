//! How often clients may try: one moment per key says how far ahead of its allowance a client is (the generic cell rate algorithm).

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;

use crate::clock::Clock;

use super::AccountError;

/// Keys that are remembered; the ones not used for longest are forgotten first.
const KEYS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(19_999);

/// An allowance: so many at once, then one each `every`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub burst: u32,
    pub every: Duration,
}

pub const WRONG_PASSWORDS: Limit = Limit { burst: 8, every: Duration::from_secs(10) };

impl Limit {
    /// Logins of one address.
    pub const LOGIN: Self = Self { burst: 20, every: Duration::from_secs(3) };
    /// Accounts and guesses of invite tokens of one address.
    pub const REGISTER: Self = Self { burst: 10, every: Duration::from_secs(10) };
    /// Meeting points and guesses on web pages of one address.
    pub const MEET: Self = Self { burst: 20, every: Duration::from_secs(3) };
    /// Mails that one address asks for.
    pub const MAIL: Self = Self { burst: 10, every: Duration::from_secs(60) };
    /// Invites by an address that one user makes: an identity server sends a mail for each.
    pub const INVITE_BY_ADDRESS: Self = Self { burst: 40, every: Duration::from_secs(60) };
    /// Whatever else the specification wants limited, of one user or one address: far more than a person's apps ask.
    pub const REQUESTS: Self = Self { burst: 500, every: Duration::from_millis(20) };
    /// Searches and look-ups of one user.
    pub const LOOK_UP: Self = Self { burst: 60, every: Duration::from_millis(250) };
    /// Rooms that one user makes.
    pub const CREATE: Self = Self { burst: 50, every: Duration::from_secs(2) };
    /// Reports of one user.
    pub const REPORT: Self = Self { burst: 20, every: Duration::from_secs(30) };
    /// Uploads of one user.
    pub const UPLOAD: Self = Self { burst: 100, every: Duration::from_millis(250) };
}

/// Counts attempts by key.
#[derive(Clone)]
pub struct RateLimits {
    on: bool,
    clock: Clock,
    /// When the key's allowance will be whole again, in milliseconds since 1970.
    whole_ts: Arc<Mutex<LruCache<String, i64>>>,
}

impl RateLimits {
    pub fn new(on: bool, clock: Clock) -> Self {
        Self { on, clock, whole_ts: Arc::new(Mutex::new(LruCache::new(KEYS))) }
    }

    /// Takes one attempt of the allowance of `key`, or says how long to wait.
    pub fn take(&self, key: &str, limit: Limit) -> Result<(), AccountError> {
        if !self.on {
            return Ok(());
        }
        let mut keys = self.whole_ts.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_ts = admit(keys.get(key).copied(), limit, self.clock.now_ms()).map_err(AccountError::TooMany)?;
        keys.put(key.to_owned(), whole_ts);
        Ok(())
    }

    /// Whether an attempt would be taken.
    pub fn check(&self, key: &str, limit: Limit) -> Result<(), AccountError> {
        if !self.on {
            return Ok(());
        }
        let keys = self.whole_ts.lock().unwrap_or_else(PoisonError::into_inner);
        admit(keys.peek(key).copied(), limit, self.clock.now_ms()).map(drop).map_err(AccountError::TooMany)
    }
}

/// When the allowance will be whole after one more attempt at `now_ms`; an `Err` is the time to wait.
fn admit(whole_ts: Option<i64>, limit: Limit, now_ms: i64) -> Result<i64, Duration> {
    let every = i64::try_from(limit.every.as_millis()).unwrap_or(i64::MAX);
    let whole_ts = whole_ts.unwrap_or(now_ms).max(now_ms).saturating_add(every);
    let ahead = whole_ts.saturating_sub(now_ms).saturating_sub(every.saturating_mul(i64::from(limit.burst)));
    match u64::try_from(ahead) {
        Ok(wait @ 1..) => Err(Duration::from_millis(wait)),
        _ => Ok(whole_ts),
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Limit, admit};

    #[test]
    fn a_burst_is_let_in_then_one_each_period() {
        let limit = Limit { burst: 3, every: Duration::from_secs(10) };
        let mut whole = None;
        for _ in 0..3 {
            whole = Some(admit(whole, limit, 1000).unwrap());
        }
        assert_eq!(admit(whole, limit, 1000), Err(Duration::from_secs(10)));
        assert_eq!(admit(whole, limit, 4000), Err(Duration::from_secs(7)));
        let whole = admit(whole, limit, 11_000).unwrap();
        assert!(admit(Some(whole), limit, 11_000).is_err());
    }
}
