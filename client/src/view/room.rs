//! What the header and the panel of an open room show.

use serde::Serialize;
use ts_rs::TS;

use super::{people::Person, room_list::RoomKind};

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct RoomView {
    pub room_id: String,
    pub name: String,
    pub topic: Option<String>,
    pub avatar: Option<String>,
    pub kind: RoomKind,
    pub encrypted: bool,
    /// 0 while they are arriving.
    pub joined_members: u32,
    pub invited_members: u32,
    /// In a direct chat, the other person.
    pub direct_user: Option<Person>,
    /// Set when this room is only an invitation.
    pub invite: Option<Invite>,
    pub can_send: bool,
    pub can_invite: bool,
    pub can_rename: bool,
    pub can_redact_others: bool,
    pub favourite: bool,
    pub muted: bool,
    /// The room that took this one's place.
    pub successor: Option<String>,
    /// A room of many that was joined a moment ago: its members are on their way.
    pub arriving: Option<Arriving>,
    /// A direct chat whose other side has not joined yet: a sentence stands above the composer.
    pub waiting_for: Option<Person>,
}

/// How much of a room's state is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Arriving {
    pub arrived: u32,
    /// How much there will be; unknown at first.
    pub all: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Invite {
    pub inviter: Option<Person>,
    pub is_direct: bool,
}

/// Who types in a room, the person themself left out.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Typing {
    pub people: Vec<Person>,
}
