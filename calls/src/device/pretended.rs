//! Devices of no machine: a tone, a test card, and a speaker that counts. For tests and for calling without a window.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Camera, Devices, Gone, Microphone, Named, SoundChoice, SoundDevices, Speaker, card::draw, tone::Wave};
use crate::codec::{Picture, SILENCE, Sound, energy};

/// What a pretended machine has, and what was done with it.
#[derive(Debug)]
pub struct Pretended {
    pub hertz: f32,
    pub width: u32,
    pub height: u32,
    pub frames_a_second: u32,
    broken: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
    heard: Arc<Mutex<Heard>>,
    choice: Arc<Mutex<SoundChoice>>,
}

/// The microphone that hears nothing.
const DEAF: &str = "deaf";

/// What came out of the speaker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// Stretches of 20 milliseconds, and those of them that were not silent.
    pub sounds: u64,
    pub loud: u64,
    /// Mean square of the last stretch.
    pub energy: f64,
    /// All energies summed up.
    pub total: f64,
}

/// Above this a stretch is not silent.
const LOUD: f64 = 1e-4;

impl Default for Pretended {
    fn default() -> Self {
        Self {
            hertz: 440.0,
            width: 640,
            height: 360,
            frames_a_second: 30,
            broken: Arc::default(),
            open: Arc::default(),
            heard: Arc::default(),
            choice: Arc::default(),
        }
    }
}

impl Pretended {
    /// With cameras whose pictures have this size.
    pub fn sized(width: u32, height: u32) -> Self {
        Self { width, height, ..Self::default() }
    }

    /// How many devices are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub fn heard(&self) -> Heard {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was chosen last.
    pub fn choice(&self) -> SoundChoice {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on every device is gone and none can be opened, or all are back.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn opened(&self) -> Result<Open, Gone> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Gone);
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Open { count: Arc::clone(&self.open), broken: Arc::clone(&self.broken) })
    }

    fn lens(&self) -> Result<Box<dyn Camera>, Gone> {
        let every = Duration::from_secs(1) / self.frames_a_second.clamp(1, 240);
        let size = (self.width, self.height);
        let mut clock = interval(every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Box::new(Lens { open: self.opened()?, clock, size, number: 0 }))
    }
}

#[async_trait]
impl Devices for Pretended {
    async fn microphone(&self) -> Result<Box<dyn Microphone>, Gone> {
        let wave = Wave::new(self.hertz, 0.3);
        let choice = Arc::clone(&self.choice);
        Ok(Box::new(Ear { open: self.opened()?, clock: interval(Duration::from_millis(20)), wave, choice }))
    }

    async fn speaker(&self) -> Result<Box<dyn Speaker>, Gone> {
        let heard = Arc::clone(&self.heard);
        Ok(Box::new(Mouth { open: self.opened()?, clock: interval(Duration::from_millis(20)), heard }))
    }

    async fn bell(&self) -> Result<Box<dyn Speaker>, Gone> {
        self.speaker().await
    }

    async fn camera(&self) -> Result<Box<dyn Camera>, Gone> {
        self.lens()
    }

    async fn screen(&self) -> Result<Box<dyn Camera>, Gone> {
        self.lens()
    }

    fn sound_devices(&self) -> SoundDevices {
        let named = |id: &str, name: &str| Named { id: id.to_owned(), name: name.to_owned() };
        if self.broken.load(Ordering::SeqCst) {
            return SoundDevices::default();
        }
        SoundDevices {
            microphones: vec![named("tone", "Pretended tone"), named(DEAF, "Pretended silence")],
            speakers: vec![named("count", "Pretended speaker")],
        }
    }

    fn choose_sound(&self, choice: SoundChoice) {
        *self.choice.lock().unwrap_or_else(PoisonError::into_inner) = choice;
    }
}

/// Counts as open until it is dropped.
struct Open {
    count: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

impl Open {
    fn works(&self) -> Result<(), Gone> {
        if self.broken.load(Ordering::SeqCst) { Err(Gone) } else { Ok(()) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// On a busy machine sound is late, as from a sound card, but none of it is missing.
struct Ear {
    open: Open,
    clock: Interval,
    wave: Wave,
    choice: Arc<Mutex<SoundChoice>>,
}

#[async_trait]
impl Microphone for Ear {
    async fn hear(&mut self) -> Result<Sound, Gone> {
        self.clock.tick().await;
        self.open.works()?;
        let chosen = self.choice.lock().unwrap_or_else(PoisonError::into_inner).microphone.clone();
        Ok(if chosen.as_deref() == Some(DEAF) { SILENCE } else { self.wave.next_sound() })
    }
}

struct Mouth {
    open: Open,
    clock: Interval,
    heard: Arc<Mutex<Heard>>,
}

#[async_trait]
impl Speaker for Mouth {
    async fn play(&mut self, sound: &Sound) -> Result<(), Gone> {
        self.open.works()?;
        let energy = energy(sound);
        {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.sounds += 1;
            heard.loud += u64::from(energy > LOUD);
            heard.total += energy;
            heard.energy = energy;
        }
        self.clock.tick().await;
        Ok(())
    }
}

struct Lens {
    open: Open,
    clock: Interval,
    size: (u32, u32),
    number: u32,
}

#[async_trait]
impl Camera for Lens {
    async fn look(&mut self) -> Result<Picture, Gone> {
        self.clock.tick().await;
        self.open.works()?;
        self.number = self.number.wrapping_add(1);
        draw(self.size.0, self.size.1, self.number % 10_000).ok_or(Gone)
    }
}
