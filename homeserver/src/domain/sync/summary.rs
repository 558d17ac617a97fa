//! What stands for a room in a list: its name, avatar, heroes and counts.

use ruma::{OwnedMxcUri, OwnedRoomAliasId};
use serde::{Deserialize, de::DeserializeOwned};

use crate::store::{Db, Hero, RoomSn, StoreError};

/// What a room is called and how it looks, by its own state.
#[derive(Debug, Default)]
pub(super) struct Face {
    /// The name, or else the canonical alias.
    pub(super) name: Option<String>,
    pub(super) avatar: Option<OwnedMxcUri>,
}

/// Reads the events that make the room's face; one that is not of its form counts as missing.
pub(super) async fn face(db: &mut Db, room: RoomSn) -> Result<Face, StoreError> {
    #[derive(Deserialize)]
    struct Name {
        name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Alias {
        alias: Option<OwnedRoomAliasId>,
    }
    #[derive(Deserialize)]
    struct Avatar {
        url: Option<OwnedMxcUri>,
    }
    let mut face = Face::default();
    let mut alias = None;
    for (event_type, json) in db.face_events(room).await? {
        match event_type.as_str() {
            "m.room.name" => face.name = parsed::<Name>(&json).and_then(|content| content.name),
            "m.room.avatar" => face.avatar = parsed::<Avatar>(&json).and_then(|content| content.url),
            _ => alias = parsed::<Alias>(&json).and_then(|content| content.alias),
        }
    }
    face.name = face.name.filter(|name| !name.trim().is_empty()).or_else(|| alias.map(String::from));
    face.avatar = face.avatar.filter(|url| !url.as_str().is_empty());
    Ok(face)
}

/// The room's type, from its create event.
pub(super) async fn room_type(db: &mut Db, room: RoomSn) -> Result<Option<String>, StoreError> {
    #[derive(Deserialize)]
    struct Create {
        #[serde(rename = "type")]
        room_type: Option<String>,
    }
    Ok(content::<Create>(db, room, "m.room.create").await?.and_then(|content| content.room_type))
}

/// Whether the room is encrypted.
pub(super) async fn is_encrypted(db: &mut Db, room: RoomSn) -> Result<bool, StoreError> {
    Ok(db.sync_state_entry(room, "m.room.encryption", "").await?.is_some())
}

/// A name made of the heroes', by the specification's rules.
pub(super) fn name_of_heroes(heroes: &[Hero], joined: u32, invited: u32) -> Option<String> {
    let names: Vec<&str> =
        heroes.iter().map(|hero| hero.display_name.as_deref().unwrap_or(hero.user_id.as_str())).collect();
    let everyone = joined.saturating_add(invited);
    let others = everyone.saturating_sub(1);
    let shown = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let list = match names.as_slice() {
        [] => return None,
        [one] => (*one).to_owned(),
        [first @ .., last] if others <= shown => format!("{} and {last}", first.join(", ")),
        all => format!("{} and {} others", all.join(", "), others.saturating_sub(shown)),
    };
    Some(if everyone <= 1 { format!("Empty Room (was {list})") } else { list })
}

/// The content of a state event with the empty state key; none when it is missing or not of this form.
async fn content<T: DeserializeOwned>(db: &mut Db, room: RoomSn, event_type: &str) -> Result<Option<T>, StoreError> {
    Ok(db.state_json(room, event_type, "").await?.and_then(|json| parsed(&json)))
}

/// The content of a signed event, when it is of this form.
fn parsed<T: DeserializeOwned>(json: &str) -> Option<T> {
    #[derive(Deserialize)]
    struct Event<T> {
        content: T,
    }
    serde_json::from_str::<Event<T>>(json).ok().map(|event| event.content)
}

#[cfg(test)]
mod tests {
    use super::name_of_heroes;
    use crate::store::{EventSn, Hero, UserSn};

    fn hero(name: &str) -> Hero {
        let user_id = ruma::UserId::parse(format!("@{name}:one.example")).unwrap();
        Hero { user: UserSn(1), user_id, display_name: Some(name.to_owned()), avatar_url: None, event: EventSn(1) }
    }

    #[test]
    fn heroes_make_a_name() {
        assert_eq!(name_of_heroes(&[], 1, 0), None);
        assert_eq!(name_of_heroes(&[hero("ann")], 2, 0).unwrap(), "ann");
        assert_eq!(name_of_heroes(&[hero("ann"), hero("bob")], 2, 1).unwrap(), "ann and bob");
        assert_eq!(name_of_heroes(&[hero("ann"), hero("bob")], 9, 1).unwrap(), "ann, bob and 7 others");
        assert_eq!(name_of_heroes(&[hero("ann")], 1, 0).unwrap(), "Empty Room (was ann)");
    }
}
