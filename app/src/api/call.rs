//! Calls: what the UI shows of them.

use client::view::Person;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A call is named with its room: ids are chosen by callers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct CallRef {
    pub room_id: String,
    pub call_id: String,
}

/// One call, from its ringing until a moment after its end.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct CallView {
    #[serde(flatten)]
    pub call: CallRef,
    /// Whom it is with; absent while nobody of several has answered.
    pub person: Option<Person>,
    pub incoming: bool,
    pub state: CallState,
    pub ours: OurMedia,
    pub theirs: TheirMedia,
    pub held_by_them: bool,
    /// Devices that are missing now.
    pub lost: Vec<CallDevice>,
    /// A camera or screen that was to be seen and is not.
    pub no_picture: Option<NoPicture>,
    pub quality: Quality,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CallState {
    /// Ours is being made.
    Placing,
    /// Their devices ring.
    Calling,
    /// Theirs rings here. `silent`: only the screen says so.
    Ringing {
        video: bool,
        silent: bool,
    },
    Connecting,
    Connected {
        /// Milliseconds since it was first connected, when this was told.
        #[ts(type = "number")]
        elapsed: u64,
    },
    Reconnecting,
    Ended {
        cause: CallEnd,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct OurMedia {
    pub microphone: bool,
    pub camera: bool,
    pub screen: bool,
    pub on_hold: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct TheirMedia {
    pub muted: bool,
    pub camera: bool,
    pub screen: bool,
    /// Which stream of pictures is their screen; the others are of cameras.
    pub screen_stream: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CallDevice {
    Microphone,
    Speaker,
    Camera,
    Screen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct NoPicture {
    pub device: CallDevice,
    pub why: NoPictureCause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NoPictureCause {
    NotThere,
    Vanished,
    NotAllowed,
    Busy,
    /// Their app cannot take it.
    TheirAppCannot,
}

/// The cameras that can be chosen now, the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct Cameras {
    pub found: Vec<CameraName>,
    /// Absent: the best. One that is not there counts as absent.
    pub chosen: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct CameraName {
    pub id: String,
    pub name: String,
}

/// How the connection does, for a person's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Not measured yet.
    #[default]
    Unknown,
    Good,
    Fair,
    Poor,
}

/// Why a call is over; each is a sentence of the UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    HungUp,
    TheyHungUp,
    Declined,
    TheyDeclined,
    AnsweredElsewhere,
    DeclinedElsewhere,
    NobodyAnswered,
    Missed,
    WeWereBusy,
    TheyAreBusy,
    OurMicrophone,
    TheirMicrophone,
    NoPath,
    ConnectionLost,
    TheirAppCannot,
    NotSent,
    TheyLeft,
    WeLeft,
    OurEngine,
    TheirEngine,
}

/// One picture of a call, encoded in VP8; frames of a stream come in order, and what comes can be decoded.
#[derive(Clone, Debug, Serialize, TS)]
pub struct CallFrame {
    /// Theirs, or our own as they see it.
    pub ours: bool,
    pub stream: String,
    pub key: bool,
    pub width: u32,
    pub height: u32,
    /// 90,000 a second, from any start.
    pub stamp: u32,
    /// Base64.
    pub data: String,
}

/// How far a call from this computer would reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct CallNetwork {
    pub reach: Reach,
    /// This computer is on a network.
    pub host: bool,
    /// A server told by which address others see this computer.
    pub reflexive: bool,
    /// A server relays where there is no direct way.
    pub relay: bool,
    /// There was a server to ask.
    pub asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// There is no network.
    Offline,
    /// Servers were asked by UDP and none answered.
    Blocked,
    /// There is no server to ask: this network for certain, others perhaps.
    Unknown,
    /// Whoever can be reached directly.
    Most,
    /// Also those whom no direct way leads to.
    Everyone,
}

/// What the person changes about what they send; absent: as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, TS)]
pub struct MediaWish {
    #[serde(default)]
    pub microphone: Option<bool>,
    #[serde(default)]
    pub camera: Option<bool>,
    #[serde(default)]
    pub screen: Option<bool>,
    #[serde(default)]
    pub on_hold: Option<bool>,
}
