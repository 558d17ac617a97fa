//! Microphones and speakers: what can be chosen, what is chosen, and how loud it is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SoundDevice {
    pub id: String,
    pub name: String,
}

/// Ids of devices; absent: the system's default. One that is not there counts as the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SoundChoice {
    pub microphone: Option<String>,
    pub speaker: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SoundDevices {
    pub microphones: Vec<SoundDevice>,
    pub speakers: Vec<SoundDevice>,
    pub chosen: SoundChoice,
}

/// A voice message that is being spoken, some times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RecordingView {
    pub state: RecordingState,
    /// Milliseconds that were recorded.
    pub elapsed: u32,
    /// Percent, as ears count.
    pub level: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    Recording,
    /// It is as long as one may be, or the microphone went away: what was said can be sent.
    Ended,
    NoMicrophone,
}

/// How loud the microphone is, some times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct MicrophoneLevel {
    /// Percent, as ears count; absent while there is no microphone.
    pub level: Option<u8>,
}
