//! Sound outside of calls: which devices there are and which are chosen, how loud the microphone is, a sound to test with.

use calls::{
    codec::{Sound, energy},
    device::{Named, tone::Wave},
};

use crate::{
    api::{
        error::{AppError, ErrorCode},
        sound::{SoundChoice, SoundDevice, SoundDevices},
    },
    app::App,
    startup::blocking,
};

/// Longer than any system's id of a device.
const LONGEST_ID: usize = 512;
/// Three notes upwards, each of so many sounds of 20 milliseconds.
const NOTES: [f32; 3] = [523.3, 659.3, 784.0];
const NOTE: usize = 15;
/// What is quieter counts as silence.
const QUIETEST: f64 = -60.0;

impl App {
    pub(crate) async fn sound_devices(&self) -> Result<SoundDevices, AppError> {
        let devices = self.inner().options.devices.clone();
        let found = blocking(move || devices.sound_devices()).await?;
        let named =
            |devices: Vec<Named>| devices.into_iter().map(|Named { id, name }| SoundDevice { id, name }).collect();
        let chosen = self.data()?.settings.kept().sound;
        Ok(SoundDevices { microphones: named(found.microphones), speakers: named(found.speakers), chosen })
    }

    pub(crate) fn choose_sound(&self, choice: SoundChoice) -> Result<(), AppError> {
        let ids = [&choice.microphone, &choice.speaker];
        if ids.into_iter().flatten().any(|id| id.is_empty() || id.len() > LONGEST_ID) {
            return Err(AppError::new(ErrorCode::BadArguments, "No device is called that."));
        }
        self.data()?.settings.change(|kept| kept.sound = choice)?;
        self.use_chosen_sound()
    }

    /// Opens what was chosen from now on.
    pub(crate) fn use_chosen_sound(&self) -> Result<(), AppError> {
        let SoundChoice { microphone, speaker } = self.data()?.settings.kept().sound;
        self.inner().options.devices.choose_sound(calls::device::SoundChoice { microphone, speaker });
        Ok(())
    }

    /// Plays three notes, and comes back when they were heard. One who asks meanwhile hears no second ones.
    pub(crate) async fn play_test_sound(&self) -> Result<(), AppError> {
        let Ok(_alone) = self.inner().chime.try_lock() else { return Ok(()) };
        let gone = |_| AppError::new(ErrorCode::NotFound, "There is no speaker to hear that with.");
        let mut speaker = self.inner().options.devices.bell().await.map_err(gone)?;
        for sound in chime() {
            speaker.play(&sound).await.map_err(gone)?;
        }
        Ok(())
    }
}

/// Percent, as ears count.
pub(crate) fn loudness(sound: &[f32]) -> u8 {
    let decibels = 10.0 * energy(sound).max(1e-12).log10();
    (100.0 * (decibels - QUIETEST) / -QUIETEST).clamp(0.0, 100.0) as u8
}

fn chime() -> Vec<Sound> {
    let note = |hertz: f32| {
        let mut wave = Wave::new(hertz, 0.25);
        (0..NOTE).map(move |at| {
            // Each dies away, as a bell does.
            let left = 1.0 - at as f32 / NOTE as f32;
            let lost = 1.0 / NOTE as f32;
            let mut sound = wave.next_sound();
            let length = sound.len() as f32;
            for (n, sample) in sound.iter_mut().enumerate() {
                let along = n as f32 / length;
                let attack = if at == 0 { (along * 8.0).min(1.0) } else { 1.0 };
                *sample *= (left - lost * along) * attack;
            }
            sound
        })
    };
    NOTES.into_iter().flat_map(note).collect()
}

#[cfg(test)]
mod tests {
    use calls::{codec::SILENCE, device::tone::Wave};

    use super::{chime, loudness};

    #[test]
    fn silence_is_nothing_and_the_loudest_is_all() {
        assert_eq!(loudness(&SILENCE), 0);
        assert_eq!(loudness(&[1.0; 960]), 100);
        let levels: Vec<u8> = [0.01, 0.1, 0.9].map(|loud| loudness(&Wave::new(440.0, loud).next_sound())).into();
        assert!(levels.is_sorted() && levels[0] > 10 && levels[2] < 100, "{levels:?}");
    }

    #[test]
    fn the_test_sound_is_short_and_does_not_click() {
        let samples: Vec<f32> = chime().into_iter().flatten().collect();
        assert!((40_000..60_000).contains(&samples.len()), "{}", samples.len());
        assert!(samples.iter().all(|sample| sample.abs() <= 0.25));
        let steepest = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.03, "{steepest}");
    }
}
