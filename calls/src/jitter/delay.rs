//! How long sound must wait so that nearly all of it is there in time.

use crate::moment::Moment;

pub const STEP_MS: u32 = 20;
/// Of the histogram of how late packets are.
const BUCKET_MS: f64 = 10.0;
const BUCKETS: usize = 40;
/// Of all packets, those that shall be in time.
const IN_TIME: f64 = 0.96;
/// What a packet's place in the histogram loses with each one after it.
const FORGET: f64 = 0.995;
const MOST_MS: u32 = 300;
/// How much the least delay rises with each packet, so that a path that became longer is learnt.
const DRIFT_MS: f64 = 0.02;

#[derive(Debug)]
pub struct Delay {
    /// The least of arrival minus time stamp, in milliseconds.
    least: Option<f64>,
    late: [f64; BUCKETS],
    wanted_ms: u32,
}

impl Default for Delay {
    fn default() -> Self {
        Self { least: None, late: [0.0; BUCKETS], wanted_ms: 3 * STEP_MS }
    }
}

impl Delay {
    /// A packet with this time stamp, at 48,000 a second, came now.
    pub fn arrived(&mut self, stamp: u64, now: Moment) {
        let took = now.since(Moment::default()).as_secs_f64() * 1e3 - stamp as f64 / 48.0;
        let least = self.least.map_or(took, |least| took.min(least + DRIFT_MS));
        self.least = Some(least);
        let bucket = ((took - least) / BUCKET_MS) as usize;
        for value in &mut self.late {
            *value *= FORGET;
        }
        if let Some(value) = self.late.get_mut(bucket.min(BUCKETS - 1)) {
            *value += 1.0;
        }
        self.wanted_ms = self.quantile_ms();
    }

    pub fn wanted_ms(&self) -> u32 {
        self.wanted_ms
    }

    fn quantile_ms(&self) -> u32 {
        let (all, mut sum) = (self.late.iter().sum::<f64>(), 0.0);
        // A few packets say little: then what is usual counts.
        if all < 10.0 {
            return 3 * STEP_MS;
        }
        let enough = self.late.iter().position(|value| {
            sum += value;
            sum >= all * IN_TIME
        });
        let late = (enough.unwrap_or(BUCKETS) + 1) as f64 * BUCKET_MS;
        (late as u32 + STEP_MS / 2).clamp(STEP_MS, MOST_MS)
    }
}
