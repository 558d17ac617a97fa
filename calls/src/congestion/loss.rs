//! The rate that loss allows: little loss is noise, much is a full link.

use std::collections::VecDeque;

const WINDOW_MS: f64 = 1000.0;
const LEAST_PACKETS: u32 = 20;
const HARMLESS: f64 = 0.02;
const TOO_MUCH: f64 = 0.10;

#[derive(Debug)]
pub(super) struct LossRate {
    rate: f64,
    reports: VecDeque<(f64, u32, u32)>,
    lowered_at: Option<f64>,
    updated_at: f64,
}

impl LossRate {
    pub fn new(most: f64) -> Self {
        Self { rate: most, reports: VecDeque::new(), lowered_at: None, updated_at: 0.0 }
    }

    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub fn add(&mut self, lost: u32, sent: u32, now: f64) {
        self.reports.push_back((now, lost, sent));
        while self.reports.front().is_some_and(|report| report.0 < now - WINDOW_MS) {
            self.reports.pop_front();
        }
    }

    /// `other`: the rate that delay allows.
    pub fn update(&mut self, other: f64, acknowledged: Option<f64>, fast: bool, rtt: f64, now: f64) {
        let (lost, sent) = self.reports.iter().fold((0, 0), |sum, report| (sum.0 + report.1, sum.1 + report.2));
        let part = if sent >= LEAST_PACKETS { f64::from(lost) / f64::from(sent) } else { 0.0 };
        let rested = self.lowered_at.is_none_or(|at| now - at > rtt + 300.0);
        if part > TOO_MUCH && rested {
            let current = self.rate.min(other);
            let arrived = acknowledged.unwrap_or_default() * 0.85;
            self.rate = (current * (1.0 - 0.5 * part)).max(arrived).min(current);
            self.lowered_at = Some(now);
        } else if part < HARMLESS {
            let passed = ((now - self.updated_at) / 1e3).clamp(0.0, 1.0);
            self.rate += self.rate * if fast { 0.5 } else { 0.08 } * passed + 1.0;
        }
        self.updated_at = now;
    }

    /// A probe passed at this rate.
    pub fn passed(&mut self, rate: f64) {
        self.rate = self.rate.max(rate);
    }

    pub fn clamp(&mut self, least: f64, most: f64) {
        self.rate = self.rate.clamp(least, most);
    }
}
