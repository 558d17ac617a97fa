//! The words between a call and the media engine that serves it.
//!
//! An engine lives from [`Command::Open`] to [`Command::Close`]. Descriptions are numbered by rounds: a report of a round
//! that is over is ignored, so an engine need not cancel what it is doing.

use ruma::OwnedVoipId;

use crate::{
    change::Device,
    device::NoPicture,
    signal::{Candidate, Description, DescriptionKind, Streams},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make a peer and open the devices of `media`. `instead_of`: take over the devices of that call, which closes next.
    Open {
        media: LocalMedia,
        instead_of: Option<OwnedVoipId>,
    },
    /// Make an offer, set it as the local description and report it.
    CreateOffer {
        round: u32,
        restart_ice: bool,
    },
    /// Make an answer to the remote offer of this round, set it as the local description and report it.
    CreateAnswer {
        round: u32,
    },
    /// Set the remote description, or report [`Report::DescriptionRefused`].
    SetRemote {
        round: u32,
        description: Description,
    },
    /// Give up our offer that has no answer.
    Rollback,
    /// Only after a remote description. One that does not fit is dropped without a report.
    AddCandidates(Vec<Candidate>),
    SetMedia(LocalMedia),
    Close,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// `streams`: our streams by id, as the description names them; their mute flags are filled in by the call.
    Described {
        round: u32,
        kind: DescriptionKind,
        sdp: String,
        streams: Streams,
    },
    DescriptionRefused {
        round: u32,
    },
    Candidate(Candidate),
    /// No more local candidates of this ICE generation.
    GatheringDone,
    Connected,
    Disconnected,
    Failed,
    /// A microphone or speaker; it is tried again.
    DeviceFailed(Device),
    /// A camera or screen; it is not tried again.
    NoPicture {
        device: Device,
        why: NoPicture,
    },
    DeviceBack(Device),
    /// The engine cannot go on.
    Broken,
}

/// What we send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalMedia {
    pub microphone: bool,
    pub camera: bool,
    pub screen: bool,
    /// Send nothing and play nothing; the offer is `sendonly`.
    pub on_hold: bool,
}

impl LocalMedia {
    pub fn voice() -> Self {
        Self { microphone: true, ..Self::default() }
    }

    pub fn video() -> Self {
        Self { camera: true, ..Self::voice() }
    }
}
