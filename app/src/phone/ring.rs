//! What a call sounds like before anyone speaks: the ring of theirs, the tone of ours.

use std::sync::Arc;

use calls::{
    codec::{SILENCE, Sound},
    device::{Devices, tone::Wave},
};
use tokio::sync::watch;

use crate::app::App;

/// Sounds of 20 milliseconds.
const SECOND: usize = 50;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ringing {
    #[default]
    Nothing,
    /// They call.
    Theirs,
    /// They call while we talk to somebody else.
    Softly,
    /// Their devices ring.
    Ours,
}

/// Plays what is set, on a speaker that is open only meanwhile.
pub(super) struct Ringer(watch::Sender<Ringing>);

impl Ringer {
    pub(super) fn start(app: &App, devices: Arc<dyn Devices>) -> Self {
        let (set, wanted) = watch::channel(Ringing::Nothing);
        app.spawn(play(devices, wanted));
        Self(set)
    }

    pub(super) fn set(&self, ringing: Ringing) {
        self.0.send_if_modified(|now| std::mem::replace(now, ringing) != ringing);
    }
}

async fn play(devices: Arc<dyn Devices>, mut wanted: watch::Receiver<Ringing>) {
    loop {
        let Ok(ringing) = wanted.wait_for(|ringing| *ringing != Ringing::Nothing).await.map(|ringing| *ringing) else {
            return;
        };
        wanted.mark_unchanged();
        let Ok(mut speaker) = devices.bell().await else {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        let mut melody = Melody::new(ringing);
        loop {
            if speaker.play(&melody.next_sound()).await.is_err() {
                break;
            }
            match wanted.has_changed() {
                Ok(false) => {}
                Ok(true) => break,
                Err(_) => return,
            }
        }
    }
}

/// Two notes and a pause for theirs; a long low tone and a pause, as telephones have it, for ours.
struct Melody {
    ringing: Ringing,
    notes: [Wave; 2],
    at: usize,
}

impl Melody {
    fn new(ringing: Ringing) -> Self {
        let notes = match ringing {
            Ringing::Theirs | Ringing::Nothing => [Wave::new(659.3, 0.2), Wave::new(523.3, 0.2)],
            Ringing::Softly => [Wave::new(659.3, 0.04), Wave::new(523.3, 0.04)],
            Ringing::Ours => [Wave::new(425.0, 0.06), Wave::new(425.0, 0.06)],
        };
        Self { ringing, notes, at: 0 }
    }

    fn next_sound(&mut self) -> Sound {
        let (note, length, turn) = match self.ringing {
            Ringing::Ours => ((self.at < SECOND).then_some(0), SECOND, 5 * SECOND),
            _ => {
                let beat = self.at / (SECOND / 2);
                ((beat < 4).then_some(beat % 2), SECOND / 2, 3 * SECOND)
            }
        };
        let place = self.at % length;
        self.at = (self.at + 1) % turn;
        let [first, second] = &mut self.notes;
        let mut sound = match note {
            Some(0) => first.next_sound(),
            Some(_) => second.next_sound(),
            None => SILENCE,
        };
        // A tone that begins or ends at once clicks.
        let samples = sound.len() as f32;
        for (n, sample) in sound.iter_mut().enumerate() {
            let along = n as f32 / samples;
            if place == 0 {
                *sample *= along;
            } else if place + 1 == length {
                *sample *= 1.0 - along;
            }
        }
        sound
    }
}

#[cfg(test)]
mod tests {
    use calls::codec::energy;

    use super::{Melody, Ringing, SECOND};

    #[test]
    fn a_ring_has_sound_and_pauses_and_no_clicks() {
        for ringing in [Ringing::Theirs, Ringing::Softly, Ringing::Ours] {
            let mut melody = Melody::new(ringing);
            let sounds: Vec<_> = (0..10 * SECOND).map(|_| melody.next_sound()).collect();
            let loud = sounds.iter().filter(|sound| energy(&sound[..]) > 1e-4).count();
            assert!((SECOND..8 * SECOND).contains(&loud), "{ringing:?}: {loud}");
            let samples: Vec<f32> = sounds.iter().flatten().copied().collect();
            let steepest = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(steepest < 0.03, "{ringing:?}: {steepest}");
        }
    }
}
