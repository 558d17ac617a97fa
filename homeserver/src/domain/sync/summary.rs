//! What stands for a room in a list: its name, avatar, heroes and counts.

use ruma::{OwnedMxcUri, OwnedRoomAliasId};
use serde::{Deserialize, de::DeserializeOwned};

use crate::store::{Db, Hero, RoomSn, StoreError, UserSn};

/// What a room is called by its own state.
pub(super) async fn own_name(db: &mut Db, room: RoomSn) -> Result<Option<String>, StoreError> {
    #[derive(Deserialize)]
    struct Name {
        name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Alias {
        alias: Option<OwnedRoomAliasId>,
    }
    let name = content::<Name>(db, room, "m.room.name").await?.and_then(|content| content.name);
    if let Some(name) = name.filter(|name| !name.trim().is_empty()) {
        return Ok(Some(name));
    }
    let alias = content::<Alias>(db, room, "m.room.canonical_alias").await?.and_then(|content| content.alias);
    Ok(alias.map(String::from))
}

/// The room's own avatar.
pub(super) async fn avatar(db: &mut Db, room: RoomSn) -> Result<Option<OwnedMxcUri>, StoreError> {
    #[derive(Deserialize)]
    struct Avatar {
        url: Option<OwnedMxcUri>,
    }
    Ok(content::<Avatar>(db, room, "m.room.avatar")
        .await?
        .and_then(|content| content.url)
        .filter(|url| !url.as_str().is_empty()))
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
    #[derive(Deserialize)]
    struct Event<T> {
        content: T,
    }
    let json = db.state_json(room, event_type, "").await?;
    Ok(json.and_then(|json| serde_json::from_str::<Event<T>>(&json).ok()).map(|event| event.content))
}

/// Heroes and counts.
#[derive(Debug)]
pub(super) struct People {
    pub(super) heroes: Vec<Hero>,
    pub(super) joined: u32,
    pub(super) invited: u32,
}

/// Reads who is in the room.
pub(super) async fn people(db: &mut Db, room: RoomSn, me: UserSn) -> Result<People, StoreError> {
    let heroes = db.heroes(room, me).await?;
    let (joined, invited) = db.member_counts(room).await?;
    Ok(People { heroes, joined, invited })
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
