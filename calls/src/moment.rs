//! A moment on the clock of whoever owns the calls.

use std::{ops::Add, time::Duration};

/// Time since a start that the owner of the calls chose, on a clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    pub const fn at(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long ago `earlier` was; nothing when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// Counts what a stranger may cause in a stretch of time.
#[derive(Clone, Debug)]
pub struct Allowance {
    most: u32,
    per: Duration,
    used: u32,
    since: Moment,
}

impl Allowance {
    pub const fn new(most: u32, per: Duration) -> Self {
        Self { most, per, used: 0, since: Moment(Duration::ZERO) }
    }

    /// True, and counted, while fewer than the allowed number were taken in this stretch.
    pub fn take(&mut self, now: Moment) -> bool {
        if now.since(self.since) >= self.per {
            (self.since, self.used) = (now, 0);
        }
        let allowed = self.used < self.most;
        if allowed {
            self.used += 1;
        }
        allowed
    }
}
