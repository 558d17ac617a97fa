//! A pure tone: what a pretended microphone hears.

use std::f32::consts::TAU;

use crate::codec::{SAMPLE_RATE, SILENCE, Sound};

#[derive(Clone, Debug)]
pub struct Wave {
    /// From 0 to one turn.
    phase: f32,
    step: f32,
    loudness: f32,
}

impl Wave {
    /// A tone of `hertz` whose peaks are `loudness`, from 0 to 1.
    pub fn new(hertz: f32, loudness: f32) -> Self {
        Self { phase: 0.0, step: TAU * hertz / SAMPLE_RATE as f32, loudness }
    }

    pub fn next_sound(&mut self) -> Sound {
        let mut sound = SILENCE;
        for sample in &mut sound {
            *sample = self.phase.sin() * self.loudness;
            self.phase = (self.phase + self.step) % TAU;
        }
        sound
    }
}
