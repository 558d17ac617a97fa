//! Whether a queue grows: the trend of one-way delay over groups of packets, with libwebrtc's constants.

use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Normal,
    Over,
    Under,
}

/// Packets sent within this make one group.
const BURST_MS: f64 = 5.0;
const POINTS: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// The trend counts as many deltas as there were, up to this.
const MOST_DELTAS: u32 = 60;
const OVERUSE_MS: f64 = 10.0;

#[derive(Debug)]
pub(super) struct Trend {
    group: Option<Group>,
    before: Option<Group>,
    first_arrival: Option<f64>,
    delay: f64,
    smoothed: f64,
    points: VecDeque<(f64, f64)>,
    deltas: u32,
    threshold: f64,
    threshold_at: Option<f64>,
    over: Option<(f64, u32)>,
    slope: f64,
    usage: Usage,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first: f64,
    departure: f64,
    arrival: f64,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            group: None,
            before: None,
            first_arrival: None,
            delay: 0.0,
            smoothed: 0.0,
            points: VecDeque::new(),
            deltas: 0,
            threshold: 12.5,
            threshold_at: None,
            over: None,
            slope: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The rate was lowered: what comes is judged anew.
    pub fn answered(&mut self) {
        self.usage = Usage::Normal;
    }

    pub fn add(&mut self, departure: f64, arrival: f64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group { first: departure, departure, arrival });
            return;
        };
        let grew = (arrival - group.arrival) - (departure - group.departure);
        let burst = grew < 0.0 && arrival - group.arrival <= BURST_MS;
        if departure - group.first <= BURST_MS || burst {
            group.departure = group.departure.max(departure);
            group.arrival = group.arrival.max(arrival);
            return;
        }
        let closed = *group;
        self.group = Some(Group { first: departure, departure, arrival });
        if let Some(before) = self.before.replace(closed) {
            self.delta(closed.arrival - before.arrival, closed.departure - before.departure, closed.arrival);
        }
    }

    fn delta(&mut self, arrivals: f64, departures: f64, arrival: f64) {
        let start = *self.first_arrival.get_or_insert(arrival);
        self.deltas = (self.deltas + 1).min(1000);
        self.delay += arrivals - departures;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        self.points.push_back((arrival - start, self.smoothed));
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
        if let Some(slope) = self.fit() {
            self.judge(slope, departures, arrival);
        }
    }

    /// The slope of the straight line through the points.
    fn fit(&self) -> Option<f64> {
        if self.points.len() < POINTS {
            return None;
        }
        let count = self.points.len() as f64;
        let (x, y) = self.points.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0 / count, sum.1 + p.1 / count));
        let (above, below) = self.points.iter().fold((0.0, 0.0), |sum, p| {
            let across = p.0 - x;
            (sum.0 + across * (p.1 - y), sum.1 + across * across)
        });
        (below > 0.0).then(|| above / below)
    }

    fn judge(&mut self, slope: f64, departures: f64, arrival: f64) {
        let trend = f64::from(self.deltas.min(MOST_DELTAS)) * slope * GAIN;
        if trend > self.threshold {
            let (time, times) = self.over.map_or((departures / 2.0, 1), |(time, n)| (time + departures, n + 1));
            self.over = Some((time, times));
            if time > OVERUSE_MS && times > 1 && slope >= self.slope {
                self.over = Some((0.0, 0));
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.slope = slope;
        let passed = self.threshold_at.map_or(0.0, |at| (arrival - at).clamp(0.0, 100.0));
        self.threshold_at = Some(arrival);
        // A single spike does not move the threshold.
        if trend.abs() <= self.threshold + 15.0 {
            let speed = if trend.abs() < self.threshold { 0.039 } else { 0.0087 };
            self.threshold = (self.threshold + speed * (trend.abs() - self.threshold) * passed).clamp(6.0, 600.0);
        }
    }
}
