//! What two parties of a call say to each other, in words that belong to no one protocol.

use std::{collections::BTreeMap, time::Duration};

use ruma::{OwnedUserId, OwnedVoipId};

/// One message of call signalling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub call_id: OwnedVoipId,
    /// The session that speaks. Absent from peers of version 0.
    pub party_id: Option<OwnedVoipId>,
    pub version: Version,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Invite(Invite),
    /// A candidate with an empty text says that no more will come.
    Candidates(Vec<Candidate>),
    Answer {
        sdp: String,
        streams: Option<Streams>,
    },
    SelectAnswer {
        selected: OwnedVoipId,
    },
    Reject,
    Hangup(HangupReason),
    Negotiate {
        description: Description,
        lifetime: Duration,
        streams: Option<Streams>,
    },
    StreamsChanged(Streams),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub sdp: String,
    pub lifetime: Duration,
    pub invitee: Option<OwnedUserId>,
    /// Absent: the other app cannot tell streams apart, the first one counts.
    pub streams: Option<Streams>,
}

/// The protocol that a peer speaks. Every version but 0 is treated as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Zero,
    One,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub kind: DescriptionKind,
    pub sdp: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptionKind {
    Offer,
    Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub candidate: String,
    pub mid: Option<String>,
    pub line: Option<u16>,
}

impl Candidate {
    /// Says that no more candidates will come.
    pub fn end() -> Self {
        Self { candidate: String::new(), mid: None, line: None }
    }

    pub fn is_end(&self) -> bool {
        self.candidate.is_empty()
    }
}

/// By stream id. Streams with an unknown purpose are to be ignored and do not appear.
pub type Streams = BTreeMap<String, Stream>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub purpose: Purpose,
    pub audio_muted: bool,
    pub video_muted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    UserMedia,
    ScreenShare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangupReason {
    IceFailed,
    IceTimeout,
    InviteTimeout,
    UserHangup,
    UserMediaFailed,
    UserBusy,
    UnknownError,
}

/// What kind of message was sent: what failed to be sent is told by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    Invite,
    Answer,
    Negotiate,
    Other,
}

impl Body {
    pub fn kind(&self) -> SignalKind {
        match self {
            Self::Invite(_) => SignalKind::Invite,
            Self::Answer { .. } => SignalKind::Answer,
            Self::Negotiate { .. } => SignalKind::Negotiate,
            Self::Candidates(_)
            | Self::SelectAnswer { .. }
            | Self::Reject
            | Self::Hangup(_)
            | Self::StreamsChanged(_) => SignalKind::Other,
        }
    }
}
