//! Codes that are held before a camera: its pictures in small, and the bytes that the codes say.

mod codes;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};

pub use self::codes::read;
use crate::{
    codec::{Picture, still},
    device::{Camera, Devices, NoPicture},
};

/// The largest picture that is shown.
const SMALL: (u32, u32) = (320, 240);
/// From one small picture to the next, and from the end of one reading to the next.
const SHOW_AGAIN: Duration = Duration::from_millis(100);
const READ_AGAIN: Duration = Duration::from_millis(200);

/// What a scan has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// What is before the camera, as JPEG; at most ten a second.
    Picture(Vec<u8>),
    /// What a code says; as often as it is read. No text: what others put into codes may be any bytes.
    Code(Vec<u8>),
}

/// A camera that looks for codes; dropping it closes the camera.
pub struct Scan {
    camera: Box<dyn Camera>,
    drawing: Work<Option<Vec<u8>>>,
    reading: Work<Vec<Vec<u8>>>,
    codes: VecDeque<Vec<u8>>,
    turn: usize,
}

impl Scan {
    pub async fn open(devices: &dyn Devices) -> Result<Self, NoPicture> {
        Ok(Self {
            camera: devices.camera().await?,
            drawing: Work::new(SHOW_AGAIN),
            reading: Work::new(READ_AGAIN),
            codes: VecDeque::new(),
            turn: 0,
        })
    }

    /// What is seen next. May be cancelled.
    pub async fn next(&mut self) -> Result<Seen, NoPicture> {
        loop {
            if let Some(code) = self.codes.pop_front() {
                return Ok(Seen::Code(code));
            }
            tokio::select! {
                drawn = self.drawing.done() => {
                    if let Some(file) = drawn.flatten() {
                        return Ok(Seen::Picture(file));
                    }
                }
                read = self.reading.done() => {
                    self.codes.extend(read.unwrap_or_default());
                    self.turn = self.turn.wrapping_add(1);
                }
                picture = self.camera.look() => {
                    let picture = Arc::new(picture?);
                    let (same, turn) = (Arc::clone(&picture), self.turn);
                    self.drawing.begin(move || small(&picture));
                    self.reading.begin(move || read(&same, turn));
                }
            }
        }
    }
}

/// What is done with some of the pictures, where it keeps nobody waiting: one at a time, with a pause in between.
struct Work<T> {
    pause: Duration,
    ended: Option<Instant>,
    running: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Work<T> {
    fn new(pause: Duration) -> Self {
        Self { pause, ended: None, running: None }
    }

    /// Does nothing while something runs, and in the pause.
    fn begin(&mut self, what: impl FnOnce() -> T + Send + 'static) {
        if self.running.is_none() && self.ended.is_none_or(|ended| ended.elapsed() >= self.pause) {
            self.running = Some(spawn_blocking(what));
        }
    }

    /// Waits for what runs, for ever when nothing does. May be cancelled. None: it came to nothing.
    async fn done(&mut self) -> Option<T> {
        let Some(running) = &mut self.running else { return pending().await };
        let done = running.await.ok();
        (self.running, self.ended) = (None, Some(Instant::now()));
        done
    }
}

/// The picture in its own shape, as large as may be shown.
fn small(picture: &Picture) -> Option<Vec<u8>> {
    let (width, height) = inside(picture, SMALL);
    still::jpeg(&picture.scaled(width, height)?)
}

/// The size of a picture that fits, never larger than it is.
fn inside(picture: &Picture, (width, height): (u32, u32)) -> (u32, u32) {
    let (wide, high) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = (f64::from(width) / wide).min(f64::from(height) / high).min(1.0);
    let side = |side: f64| ((side * scale).round() as u32).max(1);
    (side(wide), side(high))
}
