//! A recording: it goes on as long as somebody watches it, and tells how long and how loud it is.

use std::sync::PoisonError;

use calls::recording::Recording;
use rand::RngCore as _;

use crate::{
    api::{
        push::Push,
        sound::{RecordingState, RecordingView},
    },
    app::App,
    recording::{Recorder, Spoken},
    sound::loudness,
    subscriptions::Outlet,
};

/// Sounds of 20 milliseconds between two pushes.
const SOUNDS: usize = 3;

pub(super) async fn run(app: App, out: Outlet) {
    let stop = app.inner().stop.clone();
    let state = tokio::select! {
        () = stop.cancelled() => return,
        state = record(&app, &out) => state,
    };
    if let Some(state) = state {
        out.push(Push::Recording(RecordingView { state, elapsed: 0, level: 0 }));
    }
}

/// Answers why it ended; `None` when nobody watches any more, or the message was sent.
async fn record(app: &App, out: &Outlet) -> Option<RecordingState> {
    let Ok(mut microphone) = app.inner().options.devices.microphone().await else {
        return Some(RecordingState::NoMicrophone);
    };
    let Ok(recording) = Recording::new(rand::rng().next_u32()) else { return Some(RecordingState::NoMicrophone) };
    let recorder = &app.inner().recorder;
    let kept = Kept { recorder, spoken: recorder.begin(recording) };
    let (mut loudest, mut sounds) = (0, 0);
    loop {
        let Ok(sound) = microphone.hear().await else { break };
        let elapsed = {
            let mut spoken = kept.spoken.lock().unwrap_or_else(PoisonError::into_inner);
            let recording = spoken.as_mut()?;
            if !recording.push(&sound).unwrap_or(false) {
                break;
            }
            recording.duration()
        };
        loudest = loudness(&sound).max(loudest);
        sounds += 1;
        if sounds == SOUNDS {
            let elapsed = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
            let view = RecordingView { state: RecordingState::Recording, elapsed, level: loudest };
            if !out.push(Push::Recording(view)) {
                return None;
            }
            (loudest, sounds) = (0, 0);
        }
    }
    // Nothing more comes, and what was said can be sent.
    drop(microphone);
    let elapsed = kept.elapsed();
    if !out.push(Push::Recording(RecordingView { state: RecordingState::Ended, elapsed, level: 0 })) {
        return None;
    }
    std::future::pending().await
}

/// Throws the message away when nobody watches any more.
struct Kept<'a> {
    recorder: &'a Recorder,
    spoken: Spoken,
}

impl Kept<'_> {
    fn elapsed(&self) -> u32 {
        let spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = spoken.as_ref().map(Recording::duration).unwrap_or_default();
        u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.recorder.end(&self.spoken);
    }
}
