//! Rows of a conversation.

use serde::Serialize;
use ts_rs::TS;

use super::{people::Person, text::TextBlock};

/// `id` is the SDK's unique id: it stays the same from local echo to sent, so that the row does not remount.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TimelineRow {
    pub id: String,
    #[serde(flatten)]
    pub kind: TimelineRowKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum TimelineRowKind {
    Message(Box<MessageRow>),
    /// Joins, leaves, renames and other changes, in one line.
    State {
        person: Person,
        #[ts(type = "number")]
        timestamp: u64,
        change: StateChange,
    },
    /// A call of two people, told by whoever began it.
    Call {
        person: Person,
        #[ts(type = "number")]
        timestamp: u64,
        /// Somebody else called.
        incoming: bool,
        video: bool,
        outcome: CallOutcome,
    },
    /// `timestamp` is the first message's of that day.
    DayDivider {
        #[ts(type = "number")]
        timestamp: u64,
    },
    /// "New" line.
    ReadMarker,
    /// The beginning of the room is above.
    Start,
}

/// What became of a call, as far as its events tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CallOutcome {
    /// It may ring until then, in milliseconds since 1970; after that nobody answered it.
    Ringing {
        #[ts(type = "number")]
        until: u64,
    },
    /// Nothing says that it is over. `elsewhere`: on another device of the person.
    Answered {
        elsewhere: bool,
    },
    /// It lasted so many milliseconds.
    Talked {
        #[ts(type = "number")]
        duration: u64,
        elsewhere: bool,
    },
    Missed,
    Declined,
    /// Whoever was called talked to somebody else.
    Busy,
    Failed,
    /// Both called at the same moment, and the other call was taken.
    Crossed,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct MessageRow {
    /// Absent until the server has named it.
    pub event_id: Option<String>,
    pub sender: Person,
    pub is_own: bool,
    #[ts(type = "number")]
    pub timestamp: u64,
    pub body: MessageBody,
    pub edited: bool,
    pub can_edit: bool,
    pub can_redact: bool,
    pub reply_to: Option<ReplyQuote>,
    pub reactions: Vec<Reaction>,
    /// Others who have read up to here.
    pub read_by: Vec<Person>,
    pub send_state: SendState,
    pub encryption: Encryption,
    pub mentions_me: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MessageBody {
    /// `plain` is what is copied and edited; `blocks` what is drawn.
    Text {
        plain: String,
        blocks: Vec<TextBlock>,
    },
    Emote {
        plain: String,
        blocks: Vec<TextBlock>,
    },
    Notice {
        plain: String,
        blocks: Vec<TextBlock>,
    },
    Picture(PictureInfo),
    Video(FileInfo),
    Audio(FileInfo),
    Voice(VoiceInfo),
    File(FileInfo),
    Location {
        body: String,
        geo_uri: String,
    },
    Sticker(PictureInfo),
    Redacted,
    /// Not decrypted yet: `sentence` says why in plain words, `waiting` that it may still come.
    Undecryptable {
        sentence: String,
        waiting: bool,
    },
    /// A kind of message that this app does not know; `body` is its fallback text.
    Unknown {
        event_type: String,
        body: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct PictureInfo {
    /// What the media scheme takes to show it: opaque, stable for the same picture.
    pub media: String,
    /// The same for a thumbnail of at most 800 × 600, where there is one.
    pub thumbnail: Option<String>,
    pub name: String,
    pub caption: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    #[ts(type = "number | null")]
    pub size: Option<u64>,
    pub mime: Option<String>,
    pub blurhash: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FileInfo {
    pub media: String,
    pub name: String,
    pub caption: Option<String>,
    #[ts(type = "number | null")]
    pub size: Option<u64>,
    pub mime: Option<String>,
    /// Of sound and video, in milliseconds.
    #[ts(type = "number | null")]
    pub duration: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

/// A voice message.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct VoiceInfo {
    pub media: String,
    pub name: String,
    pub mime: Option<String>,
    /// Milliseconds; absent where the sender did not say.
    #[ts(type = "number | null")]
    pub duration: Option<u64>,
    /// How loud its parts are, in percent of the loudest; at most 100.
    pub waveform: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ReplyQuote {
    pub event_id: String,
    /// Absent while the quoted message is being fetched.
    pub sender: Option<Person>,
    pub text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Reaction {
    pub key: String,
    pub count: u32,
    pub mine: bool,
    pub people: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SendState {
    /// Came from the server.
    Received,
    Sending,
    /// `progress` of an upload, 0 to 1.
    Uploading {
        progress: f32,
    },
    Sent,
    /// `sentence` says why; `retry` that pressing it again may help.
    Failed {
        sentence: String,
        retry: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "shield", rename_all = "snake_case")]
pub enum Encryption {
    /// Encrypted and fine, or not an encrypted room: nothing is shown.
    Fine,
    Warning {
        sentence: String,
    },
    Danger {
        sentence: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum StateChange {
    Created,
    Joined,
    Left,
    Invited {
        name: String,
    },
    InviteDeclined,
    InviteWithdrawn {
        name: String,
    },
    Removed {
        name: String,
        reason: Option<String>,
    },
    Banned {
        name: String,
        reason: Option<String>,
    },
    Unbanned {
        name: String,
    },
    Knocked,
    Renamed {
        from: Option<String>,
        to: Option<String>,
    },
    AvatarChanged,
    RoomName {
        name: Option<String>,
    },
    RoomTopic {
        topic: Option<String>,
    },
    RoomAvatar,
    EncryptionEnabled,
    Upgraded,
    PinnedChanged,
    PowerLevels,
    /// Somebody called, or joined a call, in a way that this app cannot join yet.
    CalledElsewhere,
    /// Somebody left such a call.
    LeftCallElsewhere,
    Other {
        event_type: String,
    },
}
