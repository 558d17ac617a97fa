//! The estimate in whole: delay, loss and probes together.

use std::collections::VecDeque;

use super::{
    Bandwidth, PacketReport, acknowledged::Acknowledged, delay::Trend, loss::LossRate, millis, probing::Probe,
    probing::Probing, rate::DelayRate, standing::StandingQueue,
};
use crate::moment::Moment;

/// Bits per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub least: f64,
    pub start: f64,
    pub most: f64,
}

/// Who sends less than this part of the target is limited by the content, not by the link.
const LIMITED_BELOW: f64 = 0.65;
const SENT_WINDOW_MS: f64 = 500.0;

#[derive(Debug)]
pub struct Estimator {
    limits: Limits,
    trend: Trend,
    acknowledged: Acknowledged,
    delay: DelayRate,
    loss: LossRate,
    probing: Probing,
    queue: StandingQueue,
    sent: VecDeque<(f64, f64)>,
    rtt: f64,
}

impl Estimator {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            trend: Trend::default(),
            acknowledged: Acknowledged::default(),
            delay: DelayRate::new(limits.start),
            loss: LossRate::new(limits.most),
            probing: Probing::default(),
            queue: StandingQueue::default(),
            sent: VecDeque::new(),
            rtt: 100.0,
        }
    }

    /// Milliseconds, smoothed, from a departure until its report.
    pub fn round_trip(&self) -> f64 {
        self.rtt
    }

    /// Whether the sender had less to send than it may.
    pub fn is_limited(&self) -> bool {
        let (Some(first), Some(last)) = (self.sent.front(), self.sent.back()) else { return true };
        let (bits, time) = (self.sent.iter().skip(1).map(|sent| sent.1).sum::<f64>(), last.0 - first.0);
        time > SENT_WINDOW_MS / 2.0 && bits * 1e3 / time < self.target() * LIMITED_BELOW
    }

    fn count_sent(&mut self, departure: f64, bytes: usize) {
        self.sent.push_back((departure, bytes as f64 * 8.0));
        while self.sent.front().is_some_and(|sent| sent.0 < departure - SENT_WINDOW_MS) {
            self.sent.pop_front();
        }
    }
}

impl Bandwidth for Estimator {
    fn reported(&mut self, reports: &[PacketReport], now: Moment) {
        let now = millis(now.since(Moment::default()));
        let (mut lost, mut sent) = (0, 0);
        for report in reports {
            let departure = millis(report.departure.since(Moment::default()));
            sent += 1;
            self.count_sent(departure, report.size);
            let Some(arrival) = report.arrival.map(millis) else {
                lost += 1;
                continue;
            };
            self.acknowledged.add(departure, arrival, report.size);
            self.queue.add(departure, arrival);
            self.probing.add(report, departure, arrival);
            // A probe is meant to queue: it says nothing of the media's rate.
            if report.probe.is_none() {
                self.trend.add(departure, arrival);
            }
        }
        let arrived = reports.iter().rev().find(|report| report.arrival.is_some());
        if let Some(last) = arrived {
            self.rtt = 0.9 * self.rtt + 0.1 * (now - millis(last.departure.since(Moment::default()))).max(0.0);
        }
        let (acknowledged, limited) = (self.acknowledged.rate(), self.is_limited());
        if self.delay.update(self.trend.usage(), acknowledged, limited, self.rtt, now) {
            self.trend.answered();
        }
        self.loss.add(lost, sent, now);
        let fast = self.delay.link().is_some_and(|link| self.loss.rate() < link * 0.85);
        self.loss.update(self.delay.rate(), acknowledged, fast, self.rtt, now);
        if let Some(rate) = self.probing.finish(now) {
            self.delay.passed(rate);
            self.loss.passed(rate);
        }
        self.delay.clamp(self.limits.least, self.limits.most);
        self.loss.clamp(self.limits.least, self.limits.most);
    }

    fn target(&self) -> f64 {
        let cap = self.queue.cap(self.acknowledged.rate()).unwrap_or(f64::MAX);
        self.delay.rate().min(self.loss.rate()).min(cap).clamp(self.limits.least, self.limits.most)
    }

    fn probe(&mut self, now: Moment) -> Option<Probe> {
        let now = millis(now.since(Moment::default()));
        let target = self.target();
        let unknown = self.delay.link().is_none_or(|link| target < link * 0.7);
        let wanted = target < self.limits.most * 0.95 && (unknown || self.is_limited());
        self.probing.start(target, wanted, self.delay.lowered_at(), now)
    }
}
