//! The queue that stands: how much later packets come than the quickest of late, and when it must be let drain.

use std::collections::VecDeque;

/// The quickest packet of this time is one that did not wait.
const MEMORY_MS: f64 = 20_000.0;
const TOO_LONG_MS: f64 = 150.0;
const DRAINED_MS: f64 = 50.0;
/// What is sent of what arrives while the queue drains.
const PART: f64 = 0.6;

#[derive(Debug, Default)]
pub(super) struct StandingQueue {
    /// Ever later and ever slower packets: the first is the quickest.
    quickest: VecDeque<(f64, f64)>,
    smoothed: f64,
    draining: bool,
}

impl StandingQueue {
    pub fn add(&mut self, departure: f64, arrival: f64) {
        let transit = arrival - departure;
        while self.quickest.back().is_some_and(|kept| kept.1 >= transit) {
            self.quickest.pop_back();
        }
        self.quickest.push_back((departure, transit));
        while self.quickest.len() > 1 && self.quickest.front().is_some_and(|kept| kept.0 < departure - MEMORY_MS) {
            self.quickest.pop_front();
        }
        let base = self.quickest.front().map_or(transit, |kept| kept.1);
        self.smoothed += (transit - base - self.smoothed) * 0.2;
        let limit = if self.draining { DRAINED_MS } else { TOO_LONG_MS };
        self.draining = self.smoothed > limit;
    }

    /// The most that may be sent while a queue drains.
    pub fn cap(&self, acknowledged: Option<f64>) -> Option<f64> {
        acknowledged.filter(|_| self.draining).map(|rate| rate * PART)
    }
}
