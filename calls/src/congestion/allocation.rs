//! What the rate is spent on: sound first, then a picture as large as the rest carries well.

use std::time::Duration;

use crate::moment::Moment;

/// A size of the picture, and the least rate at which it is worth it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub width: u32,
    pub height: u32,
    pub frames: u32,
    pub least: f64,
}

/// From the largest to the smallest.
const STEPS: [Step; 5] = [
    Step { width: 1280, height: 720, frames: 30, least: 900_000.0 },
    Step { width: 960, height: 540, frames: 30, least: 500_000.0 },
    Step { width: 640, height: 360, frames: 30, least: 250_000.0 },
    Step { width: 480, height: 270, frames: 24, least: 140_000.0 },
    Step { width: 320, height: 180, frames: 15, least: 50_000.0 },
];

/// Sound with its headers, more when much is there.
const VOICE: f64 = 44_000.0;
const GOOD_VOICE: f64 = 76_000.0;
const PLENTY: f64 = 600_000.0;
/// A larger picture comes when the rate is this much above its least for so long; a smaller one comes at once.
const MARGIN: f64 = 1.25;
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allocation {
    /// Bits per second of sound, headers included.
    pub audio: f64,
    /// The picture and its bits per second. None: there is too little, the camera rests.
    pub video: Option<(Step, f64)>,
}

/// Remembers the step, so that the picture does not flicker between two.
#[derive(Debug)]
pub struct Allocator {
    /// An index of [`STEPS`]; past the last one there is no picture.
    step: usize,
    better_since: Option<Moment>,
}

impl Default for Allocator {
    fn default() -> Self {
        Self { step: 2, better_since: None }
    }
}

impl Allocator {
    pub fn divide(&mut self, target: f64, now: Moment) -> Allocation {
        let audio = if target > PLENTY { GOOD_VOICE } else { VOICE };
        let rest = (target - audio).max(0.0);
        while STEPS.get(self.step).is_some_and(|step| rest < step.least) {
            self.step += 1;
            self.better_since = None;
        }
        let larger = self.step.checked_sub(1).and_then(|step| STEPS.get(step));
        if larger.is_some_and(|larger| rest >= larger.least * MARGIN) {
            let since = *self.better_since.get_or_insert(now);
            if now.since(since) >= PATIENCE {
                self.step -= 1;
                self.better_since = None;
            }
        } else {
            self.better_since = None;
        }
        Allocation { audio, video: STEPS.get(self.step).map(|step| (*step, rest)) }
    }
}
