//! Sound: the devices there are, and how loud the microphone is while somebody looks.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    api::{push::Push, sound::MicrophoneLevel},
    app::App,
    sound::loudness,
    subscriptions::Outlet,
};

/// No system tells of devices that come and go.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Sounds of 20 milliseconds between two looks at the level.
const SOUNDS: usize = 3;

pub(super) async fn devices(app: App, out: Outlet) {
    let Ok(data) = app.data() else { return };
    let mut settings = data.settings.watch();
    let mut told = None;
    loop {
        settings.mark_unchanged();
        match app.sound_devices().await {
            Ok(devices) if told.as_ref() != Some(&devices) => {
                if !out.push(Push::SoundDevices(devices.clone())) {
                    return;
                }
                told = Some(devices);
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(error = %error, "the sound devices could not be listed"),
        }
        tokio::select! {
            () = sleep(LOOK_AGAIN) => {}
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// The microphone is open as long as somebody listens.
pub(super) async fn level(app: App, out: Outlet) {
    let stop = app.inner().stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = levels(&app, &out) => {}
    }
}

async fn levels(app: &App, out: &Outlet) {
    loop {
        if let Ok(mut microphone) = app.inner().options.devices.microphone().await {
            let (mut loudest, mut sounds) = (0, 0);
            while let Ok(sound) = microphone.hear().await {
                loudest = loudness(&sound).max(loudest);
                sounds += 1;
                if sounds == SOUNDS {
                    if !out.push(Push::MicrophoneLevel(MicrophoneLevel { level: Some(loudest) })) {
                        return;
                    }
                    (loudest, sounds) = (0, 0);
                }
            }
        }
        if !out.push(Push::MicrophoneLevel(MicrophoneLevel { level: None })) {
            return;
        }
        sleep(LOOK_AGAIN).await;
    }
}
