//! Voice messages: recorded while somebody watches the recording, sent or thrown away.

use std::sync::{Arc, Mutex, PoisonError};

use calls::recording::{Recorded, Recording};
use client::VoiceMessage;

use crate::{
    api::error::{AppError, ErrorCode},
    app::App,
};

/// The message that is being spoken; empty once it was sent.
pub(crate) type Spoken = Arc<Mutex<Option<Recording>>>;

/// Where the one recording of a window is found.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Option<Spoken>>);

impl Recorder {
    /// Begins a new message; one that was being spoken is thrown away.
    pub(crate) fn begin(&self, recording: Recording) -> Spoken {
        let spoken = Arc::new(Mutex::new(Some(recording)));
        let earlier = self.slot().replace(spoken.clone());
        if let Some(earlier) = earlier {
            take(&earlier);
        }
        spoken
    }

    /// Throws a message away, unless another took its place.
    pub(crate) fn end(&self, spoken: &Spoken) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|now| Arc::ptr_eq(now, spoken)) {
            *slot = None;
        }
    }

    fn take(&self) -> Option<Recording> {
        self.slot().take().and_then(|spoken| take(&spoken))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Spoken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(spoken: &Spoken) -> Option<Recording> {
    spoken.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl App {
    /// Sends what was spoken so far, which ends the recording.
    pub(crate) async fn send_recording(&self, room_id: &str, reply_to: Option<String>) -> Result<(), AppError> {
        let session = self.session()?;
        let recording = self.inner().recorder.take().ok_or_else(nothing_said)?;
        if recording.duration().is_zero() {
            return Err(nothing_said());
        }
        let Recorded { file, duration, waveform } = recording.finish().map_err(|error| {
            AppError::new(ErrorCode::Failed, "The voice message could not be written.").with_detail(error)
        })?;
        Ok(session.send_voice(room_id, VoiceMessage { file, duration, waveform, reply_to }).await?)
    }
}

fn nothing_said() -> AppError {
    AppError::new(ErrorCode::NotFound, "Nothing was recorded.")
}
