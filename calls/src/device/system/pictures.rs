//! Cameras and screens of a Linux machine.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::{
    pipewire::{Capture, Source},
    portal::{self, Held},
};
use crate::{
    codec::Picture,
    device::{Camera, NoPicture},
};

/// A camera that is silent for so long is gone.
const WATCHDOG: Duration = Duration::from_secs(5);
/// A screen on which nothing moves gives no pictures: the last one is shown again, for whoever came later or lost it.
const AGAIN: Duration = Duration::from_millis(300);

pub(super) async fn camera(wanted: Option<String>) -> Result<Box<dyn Camera>, NoPicture> {
    let (capture, first) = Capture::open(Source::Camera(wanted)).await?;
    Ok(Box::new(Lens { capture, first: Some(first) }))
}

pub(super) async fn screen() -> Result<Box<dyn Camera>, NoPicture> {
    let chosen = portal::choose().await?;
    let (capture, last) = Capture::open(Source::Screen { node: chosen.node, remote: chosen.remote }).await?;
    Ok(Box::new(Shared { capture, last, session: chosen.session }))
}

struct Lens {
    capture: Capture,
    first: Option<Picture>,
}

#[async_trait]
impl Camera for Lens {
    async fn look(&mut self) -> Result<Picture, NoPicture> {
        match self.first.take() {
            Some(first) => Ok(first),
            None => timeout(WATCHDOG, self.capture.next()).await.unwrap_or(Err(NoPicture::Vanished)),
        }
    }
}

struct Shared {
    capture: Capture,
    last: Picture,
    session: Held,
}

#[async_trait]
impl Camera for Shared {
    async fn look(&mut self) -> Result<Picture, NoPicture> {
        let next = tokio::select! {
            () = self.session.ended.cancelled() => return Err(NoPicture::Cancelled),
            next = timeout(AGAIN, self.capture.next()) => next,
        };
        if let Ok(next) = next {
            self.last = next?;
        }
        Ok(self.last.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Child, Command, Stdio},
    };

    use crate::{
        codec::Picture,
        device::{Devices as _, NoPicture, system::System},
    };

    /// Television's bars: many colours, each in its place.
    fn colours(picture: &Picture) -> usize {
        let [_, blue, _] = picture.planes();
        let mut found: Vec<u8> = blue.iter().map(|value| value / 16).collect();
        found.sort_unstable();
        found.dedup();
        found.len()
    }

    /// By hand: `tests/cameras/session.sh cargo test … -- --ignored the_real_cameras`.
    #[tokio::test]
    #[ignore = "needs the cameras of tests/cameras/session.sh"]
    async fn the_real_cameras_are_listed_opened_and_missed() {
        let system = System::default();
        let ids = async || system.cameras().await.into_iter().map(|camera| camera.id).collect::<Vec<_>>();
        assert_eq!(ids().await, ["one", "two"]);
        assert_eq!(system.cameras().await[0].name, "Camera_one");
        system.choose_camera(Some("one".to_owned()));
        let mut camera = system.camera().await.unwrap();
        for _ in 0..30 {
            let picture = camera.look().await.unwrap();
            assert_eq!((picture.width(), picture.height()), (640, 480));
            assert!(colours(&picture) >= 5, "{}", colours(&picture));
        }
        let process = std::env::var("CAMERA_ONE").unwrap();
        assert!(Command::new("kill").arg(process).status().unwrap().success());
        let why = loop {
            if let Err(why) = camera.look().await {
                break why;
            }
        };
        assert_eq!(why, NoPicture::Vanished);
        assert_eq!(ids().await, ["two"]);
        // The chosen one is gone, so it is the other, which speaks JPEG.
        let mut camera = system.camera().await.unwrap();
        for _ in 0..5 {
            let picture = camera.look().await.unwrap();
            assert_eq!((picture.width(), picture.height()), (1280, 720));
        }
    }

    fn portal(more: &[&str]) -> (Child, impl Iterator<Item = String>) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cameras/portal.py");
        let mut portal = Command::new("/usr/bin/python3");
        portal.arg(program).args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut portal = portal.spawn().unwrap();
        let mut lines = BufReader::new(portal.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        (portal, lines)
    }

    fn end(mut portal: Child) {
        drop(portal.stdin.take());
        portal.wait().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs the screen of tests/cameras/session.sh"]
    async fn the_real_screen_is_asked_for_shown_and_given_back() {
        let system = System::default();
        assert_eq!(system.screen().await.err(), Some(NoPicture::NotThere));
        let (cancels, _) = portal(&["screen", "cancel"]);
        assert_eq!(system.screen().await.err(), Some(NoPicture::Cancelled));
        end(cancels);
        let (shows, mut lines) = portal(&["screen"]);
        let mut screen = system.screen().await.unwrap();
        for _ in 0..10 {
            let picture = screen.look().await.unwrap();
            assert_eq!((picture.width(), picture.height()), (1280, 720));
        }
        let process = std::env::var("SCREEN").unwrap();
        assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
        // Where nothing moves the last picture is shown again.
        for _ in 0..5 {
            screen.look().await.unwrap();
        }
        assert!(Command::new("kill").args(["-CONT", &process]).status().unwrap().success());
        drop(screen);
        assert_eq!(tokio::task::spawn_blocking(move || lines.next()).await.unwrap().as_deref(), Some("closed"));
        end(shows);
    }

    /// By hand, with `PIPEWIRE_RUNTIME_DIR=/nonexistent`.
    #[tokio::test]
    #[ignore = "needs a machine without PipeWire"]
    async fn without_pipewire_there_is_no_camera_and_nothing_else_is_wrong() {
        let system = System::default();
        assert_eq!(system.cameras().await, []);
        assert_eq!(system.camera().await.err(), Some(NoPicture::NotThere));
    }
}
