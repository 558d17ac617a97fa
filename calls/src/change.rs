//! What a screen is told of a call, and the causes of its end.

use ruma::{OwnedUserId, OwnedVoipId};

use crate::{device::NoPicture, engine::LocalMedia, moment::Moment, signal::Streams};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Our offer is being made.
    Placing,
    /// The invite is sent: their devices ring until then.
    Calling {
        until: Moment,
    },
    /// Their call rings here until then. `in_call`: there is another call, so ring softly.
    Ringing {
        caller: OwnedUserId,
        video: bool,
        until: Moment,
        in_call: bool,
    },
    /// Their call does not ring; the room shows it with the reason, and it can be accepted until then.
    Silenced {
        caller: OwnedUserId,
        video: bool,
        until: Moment,
        why: Silence,
    },
    Connecting,
    Connected,
    Reconnecting,
    HeldByThem(bool),
    /// What we send, and whether we hold.
    Ours(LocalMedia),
    Theirs(Streams),
    /// A wish that this call cannot fulfil. Nothing changed.
    Refused(Refusal),
    /// The last renegotiation came to nothing; the call goes on as it was.
    NegotiationFailed,
    DeviceLost(Device),
    /// A camera or screen shows nothing, and is off now.
    NoPicture(Device, NoPicture),
    DeviceBack(Device),
    /// Both called at once: this call goes on as the other one.
    ContinuedAs(OwnedVoipId),
    Ended(Cause),
}

/// Why a call is over. Each is a sentence on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    HungUp {
        by: Side,
    },
    Declined {
        by: Side,
    },
    AnsweredElsewhere,
    DeclinedElsewhere,
    /// Our invite ran out.
    NobodyAnswered,
    /// Their invite ran out or they gave up before anyone here answered.
    Missed,
    Busy {
        by: Side,
    },
    /// A microphone could not be opened.
    Microphone {
        of: Side,
    },
    /// No media ever passed: no path between the two networks.
    NoPath,
    /// The connection was there and is lost.
    ConnectionLost,
    /// Their app sent what ours cannot use, or the two have no codec in common.
    TheirAppCannot,
    /// Our homeserver could not be told.
    NotSent,
    TheyLeft,
    WeLeft,
    /// Both called at once and the other call won.
    Glare,
    /// The media engine of that side failed.
    Engine {
        of: Side,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Us,
    Them,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Microphone,
    Speaker,
    Camera,
    Screen,
}

/// Why a call does not ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    PublicRoom,
    NotDirect,
    TooManyPeople,
    Ignored,
    DoNotDisturb,
    /// The person stopped the ringing here.
    Dismissed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Their app speaks a version without it.
    TheirAppCannot,
    /// There is no connection yet.
    TooEarly,
}
