//! Which requests to send a packet again are fulfilled: not the same one while its last repair is on the way, and not so many
//! that they fill the path which lost it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::Pace;

/// Of the rate, for repairs.
const PART: f64 = 0.4;
/// What may be repaired at once after a pause.
const BURST: Duration = Duration::from_millis(200);
const LEAST_BURST_BYTES: f64 = 6_000.0;
/// Packets of which it is known when they were repaired last.
const KEPT: usize = 1_024;

#[derive(Default)]
pub struct Resending {
    /// By source of the repairs and number of the packet that is repaired.
    repaired: HashMap<(u32, u16), Instant>,
    budget: f64,
    last: Option<Instant>,
}

impl Resending {
    /// Whether this repair, of so many bytes, may leave.
    pub fn allows(&mut self, source: u32, payload: &[u8], bytes: usize, pace: &Pace, now: Instant) -> bool {
        let [high, low, ..] = *payload else { return false };
        let number = u16::from_be_bytes([high, low]);
        let underway = pace.round_trip();
        if self.repaired.get(&(source, number)).is_some_and(|at| now.saturating_duration_since(*at) < underway) {
            return false;
        }
        let rate = f64::from(pace.total()) * PART / 8.0;
        let most = (rate * BURST.as_secs_f64()).max(LEAST_BURST_BYTES);
        let earned = self.last.map_or(most, |last| rate * now.saturating_duration_since(last).as_secs_f64());
        (self.budget, self.last) = ((self.budget + earned).min(most), Some(now));
        if self.budget < bytes as f64 {
            return false;
        }
        self.budget -= bytes as f64;
        if self.repaired.len() >= KEPT {
            self.repaired.retain(|_, at| now.saturating_duration_since(*at) < underway);
        }
        if self.repaired.len() < KEPT {
            self.repaired.insert((source, number), now);
        }
        true
    }
}
