//! Avatars of rooms: their own picture, or in a direct chat the other person's.

use matrix_sdk::Room;
use ruma::OwnedUserId;

use crate::{people, view::Person};

/// The picture that stands for a room.
pub(crate) fn of_room(room: &Room) -> Option<String> {
    if let Some(avatar) = room.avatar_url() {
        return Some(avatar.to_string());
    }
    match room.heroes().as_slice() {
        [hero] => hero.avatar_url.as_ref().map(ToString::to_string),
        _ => None,
    }
}

/// The other person of a direct chat.
pub(crate) fn direct_user_id(room: &Room) -> Option<OwnedUserId> {
    let mut targets = room.direct_targets().into_iter().filter_map(|target| target.into_user_id());
    match (targets.next(), targets.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

pub(crate) async fn direct_person(room: &Room) -> Option<Person> {
    Some(people::in_room(room, &direct_user_id(room)?).await)
}
