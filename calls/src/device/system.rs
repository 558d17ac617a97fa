//! The devices of this machine: PulseAudio's where it runs (PipeWire speaks it as well), else the system's own; cameras and
//! screens by PipeWire.
//!
//! Streams live on threads of their own, since not every system lets them move. The microphone hears without what the speaker
//! plays: echo, noise and loudness are seen to on its way.

mod clean;
#[cfg(target_os = "linux")]
mod pictures;
#[cfg(target_os = "linux")]
mod pipewire;
#[cfg(target_os = "linux")]
mod portal;
mod streams;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use cpal::{
    Device as SoundDevice, Host,
    traits::{DeviceTrait as _, HostTrait as _},
};
use tokio::time::timeout;

use self::{
    clean::{Cleaner, Played},
    streams::{Input, Output},
};
use super::{Camera, Devices, Gone, Microphone, Named, NoPicture, SoundChoice, SoundDevices, Speaker};
use crate::codec::Sound;

/// A stream that is silent for so long has lost its device without a word.
const WATCHDOG: Duration = Duration::from_millis(500);
/// PulseAudio plays what it had ready before it takes more than its buffer holds.
const FIRST: Duration = Duration::from_secs(5);
/// Sounds that fill that buffer.
const SETTLED: u32 = 10;
/// Attempts to connect. PulseAudio refuses some where its cookie cannot be read, and whoever took the system's own devices then
/// would play elsewhere than was chosen.
#[cfg(target_os = "linux")]
const CONNECTING: u32 = 5;
/// Devices that are listed, and the letters of a name.
const MOST: usize = 64;
const MOST_LETTERS: usize = 200;

/// The machine's devices.
#[derive(Default)]
pub struct System(Arc<Shared>);

/// What open devices look at.
#[derive(Default)]
struct Shared {
    choice: Mutex<SoundChoice>,
    /// The id of the chosen camera.
    camera: Mutex<Option<String>>,
    played: Played,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Shared {
    fn chosen(&self, way: Way) -> Option<String> {
        let choice = self.choice.lock().unwrap_or_else(PoisonError::into_inner);
        if way == Way::In { choice.microphone.clone() } else { choice.speaker.clone() }
    }
}

#[async_trait]
impl Devices for System {
    async fn microphone(&self) -> Result<Box<dyn Microphone>, Gone> {
        let wanted = self.0.chosen(Way::In);
        let mut input = input(wanted.clone()).await?;
        let first = timeout(FIRST, input.next()).await.map_err(|_| Gone)?.ok_or(Gone)?;
        let cleaner = Cleaner::new(&self.0.played);
        Ok(Box::new(Heard { input, cleaner, first: Some(first), wanted, shared: Arc::clone(&self.0), settled: true }))
    }

    async fn speaker(&self) -> Result<Box<dyn Speaker>, Gone> {
        Playing::open(&self.0, true).await
    }

    async fn bell(&self) -> Result<Box<dyn Speaker>, Gone> {
        Playing::open(&self.0, false).await
    }

    async fn camera(&self) -> Result<Box<dyn Camera>, NoPicture> {
        let wanted = self.0.camera.lock().map(|camera| camera.clone()).unwrap_or_default();
        #[cfg(target_os = "linux")]
        return pictures::camera(wanted).await;
        #[cfg(not(target_os = "linux"))]
        {
            let _ = wanted;
            Err(NoPicture::NotThere)
        }
    }

    async fn screen(&self) -> Result<Box<dyn Camera>, NoPicture> {
        #[cfg(target_os = "linux")]
        return pictures::screen().await;
        #[cfg(not(target_os = "linux"))]
        Err(NoPicture::NotThere)
    }

    async fn cameras(&self) -> Vec<Named> {
        #[cfg(target_os = "linux")]
        return tokio::task::spawn_blocking(pipewire::cameras).await.unwrap_or_default();
        #[cfg(not(target_os = "linux"))]
        Vec::new()
    }

    fn choose_camera(&self, id: Option<String>) {
        if let Ok(mut camera) = self.0.camera.lock() {
            *camera = id;
        }
    }

    fn sound_devices(&self) -> SoundDevices {
        SoundDevices { microphones: named(Way::In), speakers: named(Way::Out) }
    }

    fn choose_sound(&self, choice: SoundChoice) {
        *self.0.choice.lock().unwrap_or_else(PoisonError::into_inner) = choice;
    }
}

struct Heard {
    input: Input,
    cleaner: Cleaner,
    first: Option<Sound>,
    /// Which one was asked for.
    wanted: Option<String>,
    shared: Arc<Shared>,
    /// It has been heard.
    settled: bool,
}

#[async_trait]
impl Microphone for Heard {
    async fn hear(&mut self) -> Result<Sound, Gone> {
        let wanted = self.shared.chosen(Way::In);
        if wanted != self.wanted {
            self.input = input(wanted.clone()).await?;
            (self.wanted, self.first, self.settled) = (wanted, None, false);
        }
        let sound = match self.first.take() {
            Some(first) => first,
            None => {
                let patience = if self.settled { WATCHDOG } else { FIRST };
                timeout(patience, self.input.next()).await.map_err(|_| Gone)?.ok_or(Gone)?
            }
        };
        self.settled = true;
        Ok(self.cleaner.clean(&sound))
    }
}

struct Playing {
    output: Output,
    wanted: Option<String>,
    shared: Arc<Shared>,
    /// What it plays is an echo to be taken out.
    echoes: bool,
    sounds: u32,
}

impl Playing {
    async fn open(shared: &Arc<Shared>, echoes: bool) -> Result<Box<dyn Speaker>, Gone> {
        let wanted = shared.chosen(Way::Out);
        let output = output(wanted.clone()).await?;
        Ok(Box::new(Self { output, wanted, shared: Arc::clone(shared), echoes, sounds: 0 }))
    }
}

#[async_trait]
impl Speaker for Playing {
    async fn play(&mut self, sound: &Sound) -> Result<(), Gone> {
        let wanted = self.shared.chosen(Way::Out);
        if wanted != self.wanted {
            self.output = output(wanted.clone()).await?;
            (self.wanted, self.sounds) = (wanted, 0);
        }
        let patience = if self.sounds > SETTLED { WATCHDOG } else { FIRST };
        timeout(patience, self.output.play(*sound)).await.map_err(|_| Gone)??;
        self.sounds = self.sounds.saturating_add(1);
        if self.echoes {
            self.shared.played.put(sound);
        }
        Ok(())
    }
}

async fn input(wanted: Option<String>) -> Result<Input, Gone> {
    Input::open(move || device(Way::In, wanted.as_deref())).await
}

async fn output(wanted: Option<String>) -> Result<Output, Gone> {
    Output::open(move || device(Way::Out, wanted.as_deref())).await
}

fn host() -> Host {
    #[cfg(target_os = "linux")]
    for _ in 0..CONNECTING {
        match cpal::host_from_id(cpal::HostId::PulseAudio) {
            Ok(pulse) => return pulse,
            Err(error) => tracing::debug!(%error, "PulseAudio does not answer."),
        }
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
    let host = host();
    let Ok(devices) = host.devices() else { return Vec::new() };
    devices
        .filter(|device| fits(device, way))
        .filter_map(|device| {
            let name: String = device.to_string().chars().take(MOST_LETTERS).collect();
            Some(Named { id: device.id().ok()?.to_string(), name })
        })
        .filter(|named| is_device(&named.id, way))
        .take(MOST)
        .collect()
}

/// PulseAudio lists what each speaker plays as a microphone, and ALSA a dozen ways to each device: of those the default, which
/// leads to what the system has set, is enough.
fn is_device(id: &str, way: Way) -> bool {
    let (host, device) = id.split_once(':').unwrap_or(("", id));
    match host {
        "alsa" => device == "default",
        _ => way == Way::Out || !device.ends_with(".monitor"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{
        System, Way,
        clean::{Cleaner, Played, tests::murmur},
        device, is_device,
        streams::Input,
    };
    use crate::{
        codec::energy,
        device::{Devices as _, SoundChoice, tone::Wave},
    };

    /// By hand: `tests/sound/session.sh cargo test … -- --ignored the_real_sound_path`.
    #[tokio::test]
    #[ignore = "needs a PulseAudio with a null sink"]
    async fn the_real_sound_path_carries_a_tone() {
        let system = System::default();
        let devices = system.sound_devices();
        assert!(!devices.speakers.is_empty());
        assert!(devices.microphones.iter().all(|named| !named.id.ends_with(".monitor")));
        system.choose_sound(SoundChoice {
            microphone: None,
            speaker: devices.speakers.first().map(|named| named.id.clone()),
        });
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

    #[test]
    fn what_only_repeats_is_no_microphone() {
        assert!(is_device("pulseaudio:alsa_input.usb", Way::In));
        assert!(!is_device("pulseaudio:alsa_output.pci.monitor", Way::In));
        assert!(is_device("pulseaudio:alsa_output.pci", Way::Out));
        assert!(is_device("alsa:default", Way::In));
        assert!(!is_device("alsa:hw:CARD=PCH,DEV=0", Way::In));
        assert!(!is_device("alsa:default:CARD=PCH", Way::Out));
    }

    /// By hand, as the one above: the monitor of the sink that plays is a room that gives everything back, late.
    #[tokio::test]
    #[ignore = "needs a PulseAudio with a null sink"]
    #[expect(clippy::print_stdout, reason = "the figure is what it is run for")]
    async fn the_real_sound_path_gives_back_no_echo() {
        let system = System::default();
        let mut speaker = system.speaker().await.unwrap();
        let mut microphone = system.microphone().await.unwrap();
        let mut room = Input::open(|| device(Way::In, None)).await.unwrap();
        let playing = tokio::spawn(async move {
            let mut rng = StdRng::seed_from_u64(7);
            for at in 0..500 {
                speaker.play(&murmur(&mut rng, at)).await.unwrap();
            }
        });
        // Noise is taken out as well: what that does alone, nobody may call echo cancellation.
        let mut deaf = Cleaner::new(&Played::default());
        let (mut echo, mut noise, mut left) = (0.0, 0.0, 0.0);
        for at in 0..400 {
            let (heard, clean) = tokio::join!(room.next(), microphone.hear());
            let (heard, clean) = (heard.unwrap(), clean.unwrap());
            let without = deaf.clean(&heard);
            if at >= 200 {
                echo += energy(&heard);
                noise += energy(&without);
                left += energy(&clean);
            }
        }
        playing.await.unwrap();
        let quieter = |than: f64| 10.0 * (than / left).log10();
        println!("the echo is {:.0} dB quieter, {:.0} dB of it by the canceller alone", quieter(echo), quieter(noise));
        assert!(echo > 1.0 && left < noise / 30.0, "{left} of {echo} is left, {noise} without the canceller");
    }

    /// By hand, as the one above: two null sinks are two speakers, and the monitor of each hears what it plays.
    #[tokio::test]
    #[ignore = "needs a PulseAudio with two null sinks"]
    async fn the_real_sound_path_follows_the_choice_while_it_plays() {
        let system = System::default();
        let speakers = system.sound_devices().speakers;
        let other = speakers.iter().find(|named| named.id.ends_with("other")).unwrap().id.clone();
        let mut speaker = system.speaker().await.unwrap();
        let monitor = format!("{other}.monitor");
        let mut input = Input::open(move || device(Way::In, Some(&monitor))).await.unwrap();
        let mut wave = Wave::new(440.0, 0.3);
        let mut loud = 0;
        for at in 0..400 {
            speaker.play(&wave.next_sound()).await.unwrap();
            loud += usize::from(energy(&input.next().await.unwrap()) > 0.03);
            if at == 50 {
                assert_eq!(loud, 0, "it was chosen already");
                system.choose_sound(SoundChoice { microphone: None, speaker: Some(other.clone()) });
            }
            if loud > 20 {
                return;
            }
        }
        panic!("the other speaker was never heard: {loud}");
    }
}
