//! One stream of sound, in stretches of 20 milliseconds, from or to a thread that owns it.

use std::{mem, thread};

use cpal::{BufferSize, Device, Host, StreamConfig, traits::DeviceTrait as _};
use tokio::sync::{mpsc, oneshot};

use crate::{
    codec::{SAMPLE_RATE, SILENCE, SOUND_SAMPLES, Sound},
    device::Gone,
};

/// Sounds that may wait: a slow reader loses some rather than to hear late.
const WAITING: usize = 10;
/// Sounds that wait to be played; each is 20 milliseconds of delay.
const AHEAD: usize = 2;

/// 10 milliseconds: the default of PulseAudio is two seconds.
const CONFIG: StreamConfig =
    StreamConfig { channels: 1, sample_rate: SAMPLE_RATE, buffer_size: BufferSize::Fixed(SAMPLE_RATE / 100) };

pub(super) struct Input {
    sounds: mpsc::Receiver<Sound>,
    _ends: oneshot::Sender<()>,
}

impl Input {
    pub(super) async fn open(device: impl FnOnce() -> Option<(Host, Device)> + Send + 'static) -> Result<Self, Gone> {
        let (full, sounds) = mpsc::channel(WAITING);
        let build = move || {
            let (host, device) = device()?;
            let mut chunk = Vec::with_capacity(2 * SOUND_SAMPLES);
            let hear = move |samples: &[f32], _: &cpal::InputCallbackInfo| {
                // Callbacks come with as few as 24 samples.
                chunk.extend_from_slice(samples);
                while let Some(sound) = chunk.first_chunk::<SOUND_SAMPLES>() {
                    // Nobody reads, or too slowly: that sound is lost.
                    let _ = full.try_send(*sound);
                    chunk.drain(..SOUND_SAMPLES);
                }
            };
            Some((device.build_input_stream(CONFIG, hear, failed(), None).ok()?, host))
        };
        Ok(Self { sounds, _ends: keep("microphone", build).await? })
    }

    /// `None` when the device is gone.
    pub(super) async fn next(&mut self) -> Option<Sound> {
        self.sounds.recv().await
    }
}

pub(super) struct Output {
    sounds: mpsc::Sender<Sound>,
    _ends: oneshot::Sender<()>,
}

impl Output {
    pub(super) async fn open(device: impl FnOnce() -> Option<(Host, Device)> + Send + 'static) -> Result<Self, Gone> {
        let (sounds, mut wanted) = mpsc::channel::<Sound>(AHEAD);
        let build = move || {
            let (host, device) = device()?;
            let (mut now, mut at) = (SILENCE, SOUND_SAMPLES);
            let play = move |samples: &mut [f32], _: &cpal::OutputCallbackInfo| {
                for sample in samples {
                    if at == SOUND_SAMPLES {
                        now = wanted.try_recv().unwrap_or(SILENCE);
                        at = 0;
                    }
                    *sample = now.get(at).copied().unwrap_or_default().clamp(-1.0, 1.0);
                    at += 1;
                }
            };
            Some((device.build_output_stream(CONFIG, play, failed(), None).ok()?, host))
        };
        Ok(Self { sounds, _ends: keep("speaker", build).await? })
    }

    /// Comes back when there is room for more.
    pub(super) async fn play(&self, sound: Sound) -> Result<(), Gone> {
        self.sounds.send(sound).await.map_err(|_| Gone)
    }
}

/// Makes a stream on a thread that keeps it until what is answered is dropped.
async fn keep<S: cpal::traits::StreamTrait>(
    what: &'static str,
    build: impl FnOnce() -> Option<(S, Host)> + Send + 'static,
) -> Result<oneshot::Sender<()>, Gone> {
    let (ends, ended) = oneshot::channel::<()>();
    let (ready, begun) = oneshot::channel();
    let run = move || {
        let stream = build().filter(|(stream, _)| stream.play().is_ok());
        let there = stream.is_some();
        if ready.send(there).is_ok() && there {
            // An error is how the other end goes.
            let _ = ended.blocking_recv();
        }
        drop(stream);
    };
    thread::Builder::new().name(what.to_owned()).spawn(run).map_err(|_| Gone)?;
    if begun.await.unwrap_or(false) { Ok(ends) } else { Err(Gone) }
}

/// Says the first error of a stream: after that ALSA repeats it thousands of times in a second.
fn failed() -> impl FnMut(cpal::Error) {
    let mut said = false;
    move |error| {
        if !mem::replace(&mut said, true) {
            tracing::info!(%error, "A sound device failed.");
        }
    }
}
