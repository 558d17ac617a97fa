//! A row of the sidebar.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct RoomRow {
    pub room_id: String,
    /// The room's name, or those of its people; never empty.
    pub name: String,
    /// An `mxc://` address; the UI asks for it by the media scheme.
    pub avatar: Option<String>,
    pub kind: RoomKind,
    pub favourite: bool,
    pub low_priority: bool,
    pub muted: bool,
    /// Milliseconds since 1970 of the newest message.
    #[ts(type = "number | null")]
    pub last_activity: Option<u64>,
    pub preview: Option<RoomPreview>,
    /// Messages since the read marker.
    pub unread: u32,
    /// Of those, the ones that notify.
    pub notifications: u32,
    /// Of those, the ones that mention the person.
    pub mentions: u32,
    pub marked_unread: bool,
    /// Who types now, by name; shown instead of the preview.
    pub typing: Vec<String>,
    /// In a direct chat, the other person.
    pub direct_user_id: Option<String>,
    /// The draft left in the composer.
    pub draft: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    Direct,
    Room,
    Space,
    /// Invited, not yet answered.
    Invite,
}

/// The newest message in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RoomPreview {
    pub sender: String,
    pub sender_is_me: bool,
    pub text: String,
    /// Still on its way from this device.
    pub sending: bool,
    pub failed: bool,
}
