//! People: in member lists, in searches, as senders.

use serde::Serialize;
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Person {
    pub user_id: String,
    /// The display name, disambiguated where two share one; the localpart when there is none.
    pub name: String,
    pub avatar: Option<String>,
    /// 0–7: the hue of the person's name and avatar (UI.md, "Sender hues").
    pub hue: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Member {
    pub person: Person,
    pub membership: MembershipKind,
    /// `null` for a creator, whose power has no bound (room version 12).
    #[ts(type = "number | null")]
    pub power_level: Option<i64>,
    /// The word for that power: "admin", "moderator" or nothing.
    pub role: Option<String>,
    pub is_me: bool,
    pub can_remove: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MembershipKind {
    Joined,
    Invited,
    Knocking,
    Banned,
}
