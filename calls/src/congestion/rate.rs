//! The rate that delay allows: slow growth, quick retreat to what arrived.

use super::delay::Usage;

const RETREAT: f64 = 0.85;
/// A rate known to be too much is approached again by this part of it at most.
const NEAR: f64 = 0.85;
/// The rate never runs ahead of what arrives by more.
const AHEAD: f64 = 1.5;
const AHEAD_BITS: f64 = 10_000.0;
const PACKET_BITS: f64 = 1200.0 * 8.0;
/// A queue that was there when the rate was lowered has this long to drain before it counts again.
const DRAIN_MS: f64 = 200.0;

#[derive(Debug)]
pub(super) struct DelayRate {
    rate: f64,
    growing: bool,
    grew_at: Option<f64>,
    lowered_at: Option<f64>,
    /// What the link carried when it was full.
    link: Option<f64>,
}

impl DelayRate {
    pub fn new(start: f64) -> Self {
        Self { rate: start, growing: false, grew_at: None, lowered_at: None, link: None }
    }

    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub fn link(&self) -> Option<f64> {
        self.link
    }

    pub fn lowered_at(&self) -> Option<f64> {
        self.lowered_at
    }

    /// Below what the link is known to carry.
    pub fn is_far_below_link(&self) -> bool {
        self.link.is_some_and(|link| self.rate < link * NEAR)
    }

    /// True when the rate was lowered.
    pub fn update(&mut self, usage: Usage, acknowledged: Option<f64>, limited: bool, rtt: f64, now: f64) -> bool {
        match usage {
            Usage::Over => return self.lower(acknowledged, rtt, now),
            Usage::Under => self.growing = false,
            Usage::Normal if self.growing => self.grow(acknowledged, limited, rtt, now),
            Usage::Normal => self.growing = true,
        }
        self.grew_at = Some(now);
        false
    }

    fn lower(&mut self, acknowledged: Option<f64>, rtt: f64, now: f64) -> bool {
        self.growing = false;
        self.grew_at = Some(now);
        let soon = self.lowered_at.is_some_and(|at| now - at < rtt.max(100.0) + DRAIN_MS);
        let far_off = acknowledged.is_some_and(|acknowledged| self.rate > acknowledged * AHEAD);
        let Some(acknowledged) = acknowledged.filter(|_| !soon || far_off) else { return false };
        if self.link.is_some_and(|link| acknowledged < link * 0.7 || acknowledged > link * 1.5) {
            self.link = None;
        }
        self.link = Some(self.link.map_or(acknowledged, |link| 0.95 * link + 0.05 * acknowledged));
        self.rate = self.rate.min(acknowledged * RETREAT);
        self.lowered_at = Some(now);
        true
    }

    fn grow(&mut self, acknowledged: Option<f64>, limited: bool, rtt: f64, now: f64) {
        let passed = self.grew_at.map_or(0.0, |at| ((now - at) / 1e3).clamp(0.0, 1.0));
        if let (Some(acknowledged), Some(link)) = (acknowledged, self.link)
            && acknowledged > link * 1.3
        {
            self.link = None;
        }
        // Who sends less than allowed learns nothing of the link; probes tell.
        if limited {
            return;
        }
        let more = match self.link {
            Some(_) if self.is_far_below_link() => self.rate * (1.5_f64.powf(passed) - 1.0),
            Some(_) => (PACKET_BITS / ((rtt + 100.0) / 1e3)).max(4000.0) * passed,
            None => (self.rate * (1.08_f64.powf(passed) - 1.0)).max(1000.0 * passed),
        };
        let most = acknowledged.map_or(f64::MAX, |acknowledged| AHEAD * acknowledged + AHEAD_BITS);
        if self.rate < most {
            self.rate = (self.rate + more).min(most);
        }
    }

    /// A probe passed at this rate.
    pub fn passed(&mut self, rate: f64) {
        self.rate = self.rate.max(rate);
        if self.link.is_some_and(|link| rate > link * 1.3) {
            self.link = None;
        }
    }

    pub fn clamp(&mut self, least: f64, most: f64) {
        self.rate = self.rate.clamp(least, most);
    }
}
