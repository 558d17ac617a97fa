//! When a server that failed is tried again: a plain function of what happened and what the time is.

use std::time::Duration;

use crypto::name::{NameKind, kind};
use ruma::ServerName;

/// Which schedule a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Another copy on somebody's laptop: being away is normal. 1 to 15 minutes.
    Laptop,
    /// An ordinary server: 1 minute to 6 hours.
    Ordinary,
}

impl Schedule {
    pub fn of(server: &ServerName) -> Self {
        match kind(server) {
            NameKind::Key(_) => Self::Laptop,
            NameKind::Ordinary | NameKind::Misspelt => Self::Ordinary,
        }
    }

    /// The longest wait, without its spread.
    fn longest(self) -> Duration {
        match self {
            Self::Laptop => Duration::from_secs(15 * 60),
            Self::Ordinary => Duration::from_secs(6 * 3600),
        }
    }

    /// Whether a server that may be tried at `retry_ts` waits now. A moment further off than any wait comes from a clock that was
    /// wrong then.
    pub fn is_waiting(self, retry_ts: i64, now: i64) -> bool {
        let longest = i64::try_from(self.longest().as_millis()).unwrap_or(i64::MAX);
        (1..=longest.saturating_add(longest / 4)).contains(&retry_ts.saturating_sub(now))
    }

    /// How long to wait after the `failures`th failure in a row; `jitter` from 0 to 1 spreads it by a fifth.
    pub fn wait(self, failures: u32, jitter: f64) -> Duration {
        let longest = self.longest().as_secs();
        let doubled = 60_u64.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let seconds = doubled.min(longest);
        Duration::from_secs(seconds).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Schedule;

    #[test]
    fn waits_double_up_to_the_longest() {
        let minutes = |schedule: Schedule, failures| schedule.wait(failures, 0.5).as_secs() / 60;
        assert_eq!([1, 2, 3, 4, 5, 60].map(|n| minutes(Schedule::Laptop, n)), [1, 2, 4, 8, 15, 15]);
        assert_eq!(minutes(Schedule::Ordinary, u32::MAX), 6 * 60);
    }

    #[test]
    fn a_wait_from_a_wrong_clock_is_none() {
        let (now, minute) = (1_700_000_000_000, 60_000);
        for (wait, waits) in [(-1, false), (0, false), (1, true), (18 * minute, true), (365 * 24 * 60 * minute, false)]
        {
            assert_eq!(Schedule::Laptop.is_waiting(now + wait, now), waits, "{wait}");
        }
        assert!(Schedule::Ordinary.is_waiting(now + 7 * 60 * minute, now));
    }

    #[test]
    fn jitter_spreads_by_a_fifth() {
        assert_eq!(Schedule::Laptop.wait(1, 0.0), Duration::from_secs(48));
        assert_eq!(Schedule::Laptop.wait(1, 1.0), Duration::from_secs(72));
    }
}
