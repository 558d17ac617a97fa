//! The microphone's sound without the speaker's echo and without noise, at an even loudness.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{EchoCanceller, GainController2, HighPassFilter, NoiseSuppression},
};

use crate::codec::{SAMPLE_RATE, SILENCE, SOUND_SAMPLES, Sound};

/// The canceller takes 10 milliseconds at a time.
const HALF: usize = SOUND_SAMPLES / 2;
/// Played sounds that nobody heard yet; more are no echo any more.
const WAITING: usize = 25;

type Queue = Mutex<VecDeque<Sound>>;

/// What the speaker plays, for each who hears it through a microphone.
#[derive(Default)]
pub(super) struct Played(Mutex<Vec<Weak<Queue>>>);

impl Played {
    pub(super) fn put(&self, sound: &Sound) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| {
            let Some(queue) = listener.upgrade() else { return false };
            let mut played = queue.lock().unwrap_or_else(PoisonError::into_inner);
            if played.len() == WAITING {
                played.pop_front();
            }
            played.push_back(*sound);
            true
        });
    }

    /// What is played from now on: what was before is no echo of a new microphone.
    fn listen(&self) -> Arc<Queue> {
        let queue = Arc::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&queue));
        queue
    }
}

pub(super) struct Cleaner {
    played: Arc<Queue>,
    processing: AudioProcessing,
}

impl Cleaner {
    pub(super) fn new(played: &Played) -> Self {
        let config = Config {
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: Some(EchoCanceller::default()),
            noise_suppression: Some(NoiseSuppression::default()),
            gain_controller2: Some(GainController2 {
                adaptive_digital: Some(Default::default()),
                ..GainController2::default()
            }),
            ..Config::default()
        };
        let stream = StreamConfig::new(SAMPLE_RATE, 1);
        let processing = AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        Self { played: played.listen(), processing }
    }

    pub(super) fn clean(&mut self, heard: &Sound) -> Sound {
        let mut unused = [0.0; HALF];
        let played = std::mem::take(&mut *self.played.lock().unwrap_or_else(PoisonError::into_inner));
        for sound in played {
            for half in sound.chunks_exact(HALF) {
                // A frame that the canceller refuses is not cancelled, and heard.
                let _ = self.processing.process_render_f32(&[half], &mut [&mut unused]);
            }
        }
        let mut clean = SILENCE;
        for (half, out) in heard.chunks_exact(HALF).zip(clean.chunks_exact_mut(HALF)) {
            if self.processing.process_capture_f32(&[half], &mut [&mut *out]).is_err() {
                out.copy_from_slice(half);
            }
        }
        clean
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::{Cleaner, Played};
    use crate::codec::{SILENCE, Sound, energy};

    /// Noise that rises and falls as speech does.
    pub(in super::super) fn murmur(rng: &mut StdRng, at: usize) -> Sound {
        let loudness = if (at / 10).is_multiple_of(2) { 0.3 } else { 0.05 };
        let mut sound = SILENCE;
        sound.fill_with(|| rng.random_range(-loudness..loudness));
        sound
    }

    #[test]
    fn what_the_speaker_plays_is_not_heard_and_who_speaks_is() {
        let mut rng = StdRng::seed_from_u64(7);
        let played = Played::default();
        let mut cleaner = Cleaner::new(&played);
        let mut late = SILENCE;
        let (mut echo, mut left) = (0.0, 0.0);
        for at in 0..400 {
            let sound = murmur(&mut rng, at);
            played.put(&sound);
            // The room gives back half of it, 20 milliseconds later.
            let heard = std::mem::replace(&mut late, sound.map(|sample| sample / 2.0));
            let clean = cleaner.clean(&heard);
            if at >= 200 {
                echo += energy(&heard);
                left += energy(&clean);
            }
        }
        assert!(left < echo / 100.0, "{left} of {echo} is left");
        let mut wave = crate::device::tone::Wave::new(300.0, 0.3);
        let spoken: f64 = (0..50).map(|_| energy(&cleaner.clean(&wave.next_sound()))).sum();
        assert!(spoken > 0.1, "{spoken}");
    }

    #[test]
    fn who_listens_gets_all_of_it_and_who_does_not_read_keeps_little() {
        let played = Played::default();
        let (lazy, gone) = (played.listen(), played.listen());
        drop(gone);
        let busy = played.listen();
        for at in 0..1000 {
            played.put(&SILENCE);
            assert_eq!(busy.lock().unwrap().drain(..).len(), 1, "{at}");
        }
        assert_eq!(lazy.lock().unwrap().len(), super::WAITING);
        assert_eq!(played.0.lock().unwrap().len(), 2);
    }
}
