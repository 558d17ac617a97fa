//! People: names, hues, member lists, searches.

use std::collections::BTreeMap;

use matrix_sdk::{Room, RoomMemberships, room::RoomMember};
use ruma::{
    OwnedUserId, UserId,
    events::{room::member::MembershipState, room::power_levels::UserPowerLevel},
};

use crate::{
    Result, Session,
    view::{Member, MembershipKind, Person},
};

const HUES: u32 = 8;
/// Search answers at most this many people.
const MAX_FOUND: usize = 30;

/// The hue of a person's name and avatar, 0 to 7: FNV-1a of the user id, so that the UI can compute the same.
pub fn hue(id: &str) -> u8 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u8::try_from(hash % HUES).unwrap_or_default()
}

/// A person known by id alone.
pub(crate) fn nameless(user_id: &UserId) -> Person {
    person(user_id, None, false, None)
}

pub(crate) fn person(user_id: &UserId, name: Option<&str>, ambiguous: bool, avatar: Option<String>) -> Person {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    let name = match (name, ambiguous) {
        (Some(name), false) => name.to_owned(),
        (Some(name), true) => format!("{name} ({user_id})"),
        (None, _) => user_id.localpart().to_owned(),
    };
    Person { user_id: user_id.to_string(), name, avatar, hue: hue(user_id.as_str()) }
}

pub(crate) fn of_member(member: &RoomMember) -> Person {
    person(
        member.user_id(),
        member.display_name(),
        member.name_ambiguous(),
        member.avatar_url().map(ToString::to_string),
    )
}

/// The person as the room's stored members know them; no request is made.
pub(crate) async fn in_room(room: &Room, user_id: &UserId) -> Person {
    match room.get_member_no_sync(user_id).await {
        Ok(Some(member)) => of_member(&member),
        _ => nameless(user_id),
    }
}

impl Session {
    /// The members of a room, joined ones first, then invited, each by name.
    pub async fn members(&self, room_id: &str) -> Result<Vec<Member>> {
        let room = self.room(room_id)?;
        let members = room.members(RoomMemberships::ACTIVE | RoomMemberships::KNOCK | RoomMemberships::BAN).await?;
        let levels = room.power_levels_or_default().await;
        let me = self.user_id();
        let mut rows: Vec<Member> = members
            .iter()
            .filter_map(|member| {
                let membership = match member.membership() {
                    MembershipState::Join => MembershipKind::Joined,
                    MembershipState::Invite => MembershipKind::Invited,
                    MembershipState::Knock => MembershipKind::Knocking,
                    MembershipState::Ban => MembershipKind::Banned,
                    _ => return None,
                };
                let power_level = match member.power_level() {
                    UserPowerLevel::Int(level) => Some(i64::from(level)),
                    _ => None,
                };
                let is_me = member.user_id() == me;
                Some(Member {
                    person: of_member(member),
                    membership,
                    power_level,
                    role: role(power_level),
                    is_me,
                    can_remove: !is_me
                        && matches!(membership, MembershipKind::Joined | MembershipKind::Invited)
                        && levels.user_can_kick_user(me, member.user_id()),
                })
            })
            .collect();
        rows.sort_by_cached_key(|row| {
            (order(row.membership), row.person.name.to_lowercase(), row.person.user_id.clone())
        });
        Ok(rows)
    }

    /// People of common rooms whose name or id contains the text, and the server's directory after them.
    pub async fn search_people(&self, text: &str) -> Result<Vec<Person>> {
        let needle = text.trim().to_lowercase();
        let mut found: BTreeMap<OwnedUserId, Person> = BTreeMap::new();
        for room in self.client().joined_rooms() {
            for member in room.members_no_sync(RoomMemberships::ACTIVE).await? {
                let matches = member.name().to_lowercase().contains(&needle)
                    || member.user_id().as_str().to_lowercase().contains(&needle);
                if matches && member.user_id() != self.user_id() {
                    let plain = person(
                        member.user_id(),
                        member.display_name(),
                        false,
                        member.avatar_url().map(ToString::to_string),
                    );
                    found.insert(member.user_id().to_owned(), plain);
                }
            }
        }
        if let Ok(user_id) = UserId::parse(text.trim())
            && user_id != self.user_id()
        {
            found.entry(user_id.clone()).or_insert_with(|| nameless(&user_id));
        }
        if !needle.is_empty()
            && found.len() < MAX_FOUND
            && let Ok(directory) = self.client().search_users(&needle, MAX_FOUND as u64).await
        {
            for user in directory.results {
                if user.user_id != self.user_id() {
                    let avatar = user.avatar_url.as_ref().map(ToString::to_string);
                    let row = person(&user.user_id, user.display_name.as_deref(), false, avatar);
                    found.entry(user.user_id).or_insert(row);
                }
            }
        }
        let mut people: Vec<Person> = found.into_values().collect();
        people.sort_by_cached_key(|person| {
            (!person.name.to_lowercase().starts_with(&needle), person.name.to_lowercase())
        });
        people.truncate(MAX_FOUND);
        Ok(people)
    }
}

fn role(power_level: Option<i64>) -> Option<String> {
    match power_level {
        None | Some(100..) => Some("admin".to_owned()),
        Some(50..100) => Some("moderator".to_owned()),
        Some(_) => None,
    }
}

fn order(membership: MembershipKind) -> u8 {
    match membership {
        MembershipKind::Joined => 0,
        MembershipKind::Invited => 1,
        MembershipKind::Knocking => 2,
        MembershipKind::Banned => 3,
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::{hue, person};

    #[test]
    fn hues_are_stable_and_in_range() {
        assert_eq!(hue("@alice:example.org"), hue("@alice:example.org"));
        let hues: std::collections::HashSet<u8> = (0..200).map(|n| hue(&format!("@user{n}:example.org"))).collect();
        assert_eq!(hues.len(), 8);
        assert!(hues.iter().all(|hue| *hue < 8));
    }

    #[test]
    fn names_are_never_empty_and_ambiguous_ones_show_the_id() {
        let id = user_id!("@bob:example.org");
        assert_eq!(person(id, Some("  "), false, None).name, "bob");
        assert_eq!(person(id, Some("Bob"), true, None).name, "Bob (@bob:example.org)");
    }
}
