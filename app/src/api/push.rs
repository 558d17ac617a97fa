//! Subscriptions: streams of diffs and states that the UI listens to.
//!
//! Each batch is `{subscription, seq, …}`; `seq` counts from 0 without holes for each subscription. A hole makes the UI subscribe anew,
//! and the first batch after subscribing is always a `Reset` or a whole state.

use client::view::{RoomRow, RoomView, TimelineRow, Typing, VectorDiff};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    call::{CallFrame, CallRef, CallView, Cameras},
    scan::ScanView,
    sound::{MicrophoneLevel, RecordingView, SoundDevices},
    status::{Connection, Status},
};

/// What can be subscribed to; on the wire `{"topic": "timeline", "room_id": "!…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, TS)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Subscription {
    Status,
    Connection,
    /// All rooms and invites, newest first.
    RoomList,
    Room {
        room_id: String,
    },
    Timeline {
        room_id: String,
    },
    Typing {
        room_id: String,
    },
    /// The calls that ring, are talked in, or have just ended.
    Calls,
    /// The pictures of one call, both sides'; each stream begins with a key frame.
    CallFrames(CallRef),
    /// The microphones and speakers that can be chosen.
    SoundDevices,
    /// Records a voice message until it is sent; who ends the subscription throws it away.
    Recording,
    /// How loud the microphone is; it is open meanwhile.
    MicrophoneLevel,
    /// The cameras there are, and the one that was chosen.
    Cameras,
    /// Looks for an invite with the camera, which is open meanwhile; a newer scan, and a call that films, end it.
    Scan,
    /// Things that happen once: open a room, show a notice.
    Events,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Batch {
    /// The id that the UI chose when it subscribed.
    pub subscription: u32,
    #[ts(type = "number")]
    pub seq: u64,
    #[serde(flatten)]
    pub push: Push,
}

#[derive(Clone, Debug, Serialize, TS)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Push {
    Status(Status),
    Connection(Connection),
    RoomList(Vec<VectorDiff<RoomRow>>),
    Room(Box<RoomView>),
    Timeline(Vec<VectorDiff<TimelineRow>>),
    Typing(Typing),
    Calls(Vec<CallView>),
    CallFrame(CallFrame),
    SoundDevices(SoundDevices),
    MicrophoneLevel(MicrophoneLevel),
    Recording(RecordingView),
    Cameras(Cameras),
    Scan(ScanView),
    Event(AppEvent),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AppEvent {
    /// A notification or a link was clicked.
    OpenRoom { room_id: String, event_id: Option<String> },
    /// An invite link was opened from outside.
    OpenInviteLink { link: String },
    /// A short notice at the window's foot.
    Notice { sentence: String, danger: bool },
}
