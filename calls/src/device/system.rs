//! The sound devices of this machine: PulseAudio's where it runs (PipeWire speaks it as well), else the system's own.
//!
//! Streams live on threads of their own, since not every system lets them move. The microphone hears without what the speaker
//! plays: echo, noise and loudness are seen to on its way.

mod clean;
mod streams;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use cpal::{
    Device as SoundDevice, Host,
    traits::{DeviceTrait as _, HostTrait as _},
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use self::{
    clean::{Cleaner, Played},
    streams::{Input, Output},
};
use super::{Camera, Devices, Gone, Microphone, Speaker};
use crate::codec::Sound;

/// A stream that is silent for so long has lost its device without a word.
const WATCHDOG: Duration = Duration::from_millis(500);
/// PulseAudio plays what it had ready before it takes more than its buffer holds.
const FIRST: Duration = Duration::from_secs(5);
/// Sounds that fill that buffer.
const SETTLED: u32 = 10;

/// A microphone or speaker that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

/// Which devices the person chose; `None` is the system's default. One that is gone counts as the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub microphone: Option<String>,
    pub speaker: Option<String>,
}

/// The machine's devices.
#[derive(Default)]
pub struct System {
    choice: Mutex<Choice>,
    played: Arc<Played>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl System {
    /// Streams that open from now on use these.
    pub fn choose(&self, choice: Choice) {
        if let Ok(mut now) = self.choice.lock() {
            *now = choice;
        }
    }

    /// Microphones, without those that only repeat what a speaker plays. Takes some milliseconds.
    pub fn microphones() -> Vec<Named> {
        named(Way::In)
    }

    pub fn speakers() -> Vec<Named> {
        named(Way::Out)
    }

    fn chosen(&self, way: Way) -> Option<String> {
        let choice = self.choice.lock().ok()?;
        if way == Way::In { choice.microphone.clone() } else { choice.speaker.clone() }
    }
}

#[async_trait]
impl Devices for System {
    async fn microphone(&self) -> Result<Box<dyn Microphone>, Gone> {
        let wanted = self.chosen(Way::In);
        let mut input = Input::open(move || device(Way::In, wanted.as_deref())).await?;
        let first = timeout(FIRST, input.next()).await.map_err(|_| Gone)?.ok_or(Gone)?;
        let cleaner = Cleaner::new(Arc::clone(&self.played)).ok_or(Gone)?;
        Ok(Box::new(Heard { input, cleaner, first: Some(first) }))
    }

    async fn speaker(&self) -> Result<Box<dyn Speaker>, Gone> {
        let wanted = self.chosen(Way::Out);
        let output = Output::open(move || device(Way::Out, wanted.as_deref())).await?;
        Ok(Box::new(Playing { output, played: Arc::clone(&self.played), sounds: 0 }))
    }

    async fn camera(&self) -> Result<Box<dyn Camera>, Gone> {
        Err(Gone)
    }

    async fn screen(&self) -> Result<Box<dyn Camera>, Gone> {
        Err(Gone)
    }
}

struct Heard {
    input: Input,
    cleaner: Cleaner,
    first: Option<Sound>,
}

#[async_trait]
impl Microphone for Heard {
    async fn hear(&mut self) -> Result<Sound, Gone> {
        let sound = match self.first.take() {
            Some(first) => first,
            None => timeout(WATCHDOG, self.input.next()).await.map_err(|_| Gone)?.ok_or(Gone)?,
        };
        Ok(self.cleaner.clean(&sound))
    }
}

struct Playing {
    output: Output,
    played: Arc<Played>,
    sounds: u32,
}

#[async_trait]
impl Speaker for Playing {
    async fn play(&mut self, sound: &Sound) -> Result<(), Gone> {
        let patience = if self.sounds > SETTLED { WATCHDOG } else { FIRST };
        timeout(patience, self.output.play(*sound)).await.map_err(|_| Gone)??;
        self.sounds = self.sounds.saturating_add(1);
        self.played.put(sound);
        Ok(())
    }
}

fn host() -> Host {
    #[cfg(target_os = "linux")]
    if let Ok(pulse) = cpal::host_from_id(cpal::HostId::PulseAudio) {
        return pulse;
    }
    cpal::default_host()
}

/// The device, and the host that it speaks through: without it its streams fall silent.
fn device(way: Way, wanted: Option<&str>) -> Option<(Host, SoundDevice)> {
    let host = host();
    let chosen = wanted.and_then(|wanted| {
        host.devices().ok()?.find(|device| device.id().is_ok_and(|id| id.to_string() == wanted) && fits(device, way))
    });
    let default = || match way {
        Way::In => host.default_input_device(),
        Way::Out => host.default_output_device(),
    };
    let device = chosen.or_else(default)?;
    Some((host, device))
}

fn fits(device: &SoundDevice, way: Way) -> bool {
    match way {
        Way::In => device.supports_input(),
        Way::Out => device.supports_output(),
    }
}

fn named(way: Way) -> Vec<Named> {
    let Ok(devices) = host().devices() else { return Vec::new() };
    devices
        .filter(|device| fits(device, way))
        .filter_map(|device| Some(Named { id: device.id().ok()?.to_string(), name: device.to_string() }))
        // PulseAudio lists what each speaker plays as a microphone.
        .filter(|named| way == Way::Out || !named.id.ends_with(".monitor"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Choice, System, Way, device, streams::Input};
    use crate::{
        codec::energy,
        device::{Devices as _, tone::Wave},
    };

    /// By hand: `tests/sound/session.sh cargo test … -- --ignored the_real_sound_path`.
    #[tokio::test]
    #[ignore = "needs a PulseAudio with a null sink"]
    async fn the_real_sound_path_carries_a_tone() {
        let speakers = System::speakers();
        assert!(!speakers.is_empty());
        assert!(System::microphones().iter().all(|named| !named.id.ends_with(".monitor")));
        let system = System::default();
        system.choose(Choice { microphone: None, speaker: speakers.first().map(|named| named.id.clone()) });
        let mut speaker = system.speaker().await.unwrap();
        let playing = tokio::spawn(async move {
            let mut wave = Wave::new(440.0, 0.3);
            for _ in 0..150 {
                speaker.play(&wave.next_sound()).await.unwrap();
            }
        });
        let began = tokio::time::Instant::now();
        // The null sink's monitor is the default source.
        let mut input = Input::open(|| device(Way::In, None)).await.unwrap();
        let mut heard = Vec::new();
        let loud = |heard: &Vec<f64>| heard.iter().filter(|energy| (0.03..0.06).contains(*energy)).count();
        while loud(&heard) < 50 && heard.len() < 400 {
            heard.push(energy(&input.next().await.unwrap()));
        }
        playing.await.unwrap();
        let took = began.elapsed();
        assert!((Duration::from_millis(2500)..Duration::from_secs(10)).contains(&took), "{took:?}");
        assert!(loud(&heard) >= 50, "{heard:?}");
    }
}
