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

use super::{
    Camera, Devices, Gone, Microphone, Named, NoPicture, SoundChoice, SoundDevices, Speaker,
    card::draw,
    file::{Film, Recording},
    tone::Wave,
};
use crate::codec::{Picture, SILENCE, Sound, energy};

/// What a pretended machine has, and what was done with it.
#[derive(Debug)]
pub struct Pretended {
    pub hertz: f32,
    pub width: u32,
    pub height: u32,
    pub frames_a_second: u32,
    /// What the microphone hears and the cameras see instead of a tone and a test card.
    recording: Option<Recording>,
    film: Arc<Mutex<Option<Film>>>,
    /// The camera that was chosen, and the one that filmed last.
    chosen: Mutex<Option<String>>,
    filming: Mutex<Option<String>>,
    /// What the dialog about screens answers, if not a screen.
    screens: Mutex<Option<NoPicture>>,
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

/// Ids and names of the cameras; they see the same.
const CAMERAS: [(&str, &str); 2] = [("pretended:first", "Pretended camera"), ("pretended:second", "Another camera")];

/// Above this a stretch is not silent.
const LOUD: f64 = 1e-4;

impl Default for Pretended {
    fn default() -> Self {
        Self {
            hertz: 440.0,
            width: 640,
            height: 360,
            frames_a_second: 30,
            recording: None,
            film: Arc::default(),
            chosen: Mutex::default(),
            filming: Mutex::default(),
            screens: Mutex::default(),
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

    /// With what files have instead of a tone and a test card.
    pub fn from_files(recording: Option<Recording>, film: Option<Film>) -> Self {
        Self { recording, film: Arc::new(Mutex::new(film)), ..Self::default() }
    }

    /// From now on cameras see this, open ones as well.
    pub fn show(&self, film: Film) {
        *self.film.lock().unwrap_or_else(PoisonError::into_inner) = Some(film);
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

    /// What the dialog about screens answers from now on; `None`: a screen.
    pub fn refuse_screens(&self, why: Option<NoPicture>) {
        *self.screens.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The id of the camera that was opened last.
    pub fn filming(&self) -> Option<String> {
        self.filming.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lens(&self) -> Result<Box<dyn Camera>, NoPicture> {
        let every = Duration::from_secs(1) / self.frames_a_second.clamp(1, 240);
        let size = (self.width, self.height);
        let mut clock = interval(every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let open = self.opened().map_err(|Gone| NoPicture::NotThere)?;
        Ok(Box::new(Lens { open, clock, size, number: 0, film: Arc::clone(&self.film) }))
    }
}

#[async_trait]
impl Devices for Pretended {
    async fn microphone(&self) -> Result<Box<dyn Microphone>, Gone> {
        let wave = Wave::new(self.hertz, 0.3);
        let (recording, choice) = (self.recording.clone(), Arc::clone(&self.choice));
        let clock = interval(Duration::from_millis(20));
        Ok(Box::new(Ear { open: self.opened()?, clock, wave, recording, choice }))
    }

    async fn speaker(&self) -> Result<Box<dyn Speaker>, Gone> {
        let heard = Arc::clone(&self.heard);
        Ok(Box::new(Mouth { open: self.opened()?, clock: interval(Duration::from_millis(20)), heard }))
    }

    async fn bell(&self) -> Result<Box<dyn Speaker>, Gone> {
        self.speaker().await
    }

    async fn camera(&self) -> Result<Box<dyn Camera>, NoPicture> {
        let lens = self.lens()?;
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let id = chosen.filter(|id| CAMERAS.iter().any(|(known, _)| known == id));
        let id = id.unwrap_or_else(|| CAMERAS.first().map(|(id, _)| (*id).to_owned()).unwrap_or_default());
        *self.filming.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(lens)
    }

    async fn screen(&self) -> Result<Box<dyn Camera>, NoPicture> {
        match *self.screens.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(why) => Err(why),
            None => self.lens(),
        }
    }

    async fn cameras(&self) -> Vec<Named> {
        let named = |(id, name): &(&str, &str)| Named { id: (*id).to_owned(), name: (*name).to_owned() };
        if self.broken.load(Ordering::SeqCst) { Vec::new() } else { CAMERAS.iter().map(named).collect() }
    }

    fn choose_camera(&self, id: Option<String>) {
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) = id;
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
    recording: Option<Recording>,
}

#[async_trait]
impl Microphone for Ear {
    async fn hear(&mut self) -> Result<Sound, Gone> {
        self.clock.tick().await;
        self.open.works()?;
        let chosen = self.choice.lock().unwrap_or_else(PoisonError::into_inner).microphone.clone();
        Ok(match &mut self.recording {
            _ if chosen.as_deref() == Some(DEAF) => SILENCE,
            Some(recording) => recording.next_sound(),
            None => self.wave.next_sound(),
        })
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
    film: Arc<Mutex<Option<Film>>>,
}

#[async_trait]
impl Camera for Lens {
    async fn look(&mut self) -> Result<Picture, NoPicture> {
        self.clock.tick().await;
        self.open.works().map_err(|Gone| NoPicture::Vanished)?;
        self.number = self.number.wrapping_add(1);
        match &mut *self.film.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(film) => Ok(film.next_picture()),
            None => draw(self.size.0, self.size.1, self.number % 10_000).ok_or(NoPicture::NotThere),
        }
    }
}
