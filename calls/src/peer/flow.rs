//! What the tasks of one call share.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{CallReport, chain::Pace};
use crate::{
    calls::CallKey,
    change::Device,
    device::{Devices, Gone, Viewer},
    engine::{LocalMedia, Report},
    jitter::Jitter,
    moment::Moment,
};

/// Between two attempts to open a device that is not there.
const AGAIN: Duration = Duration::from_secs(2);

/// What opens a device, on its way.
pub(super) type Opening<'a, D> = Pin<Box<dyn Future<Output = Result<D, Gone>> + Send + 'a>>;

pub(super) struct Flow {
    pub call: CallKey,
    pub devices: Arc<dyn Devices>,
    pub viewer: Arc<dyn Viewer>,
    pub reports: mpsc::Sender<CallReport>,
    pub pace: Arc<Pace>,
    pub start: Instant,
    pub connected: AtomicBool,
    pub microphone: AtomicBool,
    pub on_hold: AtomicBool,
    /// How many videos share the rate.
    pub videos: AtomicUsize,
    /// Counts the wishes to start the pictures anew.
    pub refreshed: AtomicU32,
    pub counts: Counts,
    voices: Mutex<Vec<Arc<Mutex<Jitter>>>>,
}

/// What passed, since the start of the call.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub sounds_sent: AtomicU64,
    pub frames_sent: AtomicU64,
    pub key_frames_sent: AtomicU64,
    pub key_frames_asked_of_us: AtomicU64,
    pub key_frames_asked: AtomicU64,
    pub frames_received: AtomicU64,
    pub sent_size: AtomicU64,
    pub received_size: AtomicU64,
    pub energy: Mutex<Energy>,
}

/// Sums of the mean squares of stretches of 20 milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Energy {
    pub sent: f64,
    pub received: f64,
    pub last_sent: f64,
    pub last_received: f64,
}

impl Flow {
    pub fn new(
        call: CallKey,
        devices: Arc<dyn Devices>,
        viewer: Arc<dyn Viewer>,
        reports: mpsc::Sender<CallReport>,
        media: LocalMedia,
    ) -> Self {
        Self {
            call,
            devices,
            viewer,
            reports,
            pace: Arc::default(),
            start: Instant::now(),
            connected: AtomicBool::new(false),
            microphone: AtomicBool::new(media.microphone),
            on_hold: AtomicBool::new(media.on_hold),
            videos: AtomicUsize::new(0),
            refreshed: AtomicU32::new(0),
            counts: Counts::default(),
            voices: Mutex::default(),
        }
    }

    pub fn now(&self) -> Moment {
        Moment::at(self.start.elapsed())
    }

    pub async fn report(&self, report: Report) {
        // Nobody listens any more when the owner of the calls is gone: then there is nobody to tell.
        let _ = self.reports.send(CallReport { call: self.call.clone(), report }).await;
    }

    pub fn is_sending(&self) -> bool {
        self.connected.load(Ordering::Relaxed) && !self.on_hold.load(Ordering::Relaxed)
    }

    /// A voice that is heard from now on, until [`Self::voices`] no longer has it.
    pub fn add_voice(&self, voice: Arc<Mutex<Jitter>>) {
        self.voices.lock().unwrap_or_else(PoisonError::into_inner).push(voice);
    }

    pub fn remove_voice(&self, voice: &Arc<Mutex<Jitter>>) {
        self.voices.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, voice));
    }

    pub fn voices(&self) -> Vec<Arc<Mutex<Jitter>>> {
        self.voices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a device, and tries again until it is there. `failed`: it was there and went, which was said. None when `stop`
    /// came first.
    pub async fn open<'a, D>(
        &'a self,
        device: Device,
        stop: &CancellationToken,
        mut failed: bool,
        opening: impl Fn(&'a dyn Devices) -> Opening<'a, D> + Send,
    ) -> Option<D> {
        if failed && !pause(stop).await {
            return None;
        }
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return None,
                opened = opening(&*self.devices) => opened,
            };
            match opened {
                Ok(opened) => {
                    if failed {
                        self.report(Report::DeviceBack(device)).await;
                    }
                    return Some(opened);
                }
                Err(Gone) if !failed => {
                    failed = true;
                    self.report(Report::DeviceFailed(device)).await;
                }
                Err(Gone) => {}
            }
            if !pause(stop).await {
                return None;
            }
        }
    }
}

/// False when `stop` came first.
async fn pause(stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(AGAIN) => true,
    }
}
