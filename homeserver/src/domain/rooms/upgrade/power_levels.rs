//! Power levels of an upgraded room and of the one that it replaces.

use ruma::{CanonicalJsonObject, CanonicalJsonValue, Int, OwnedUserId, UserId, room_version_rules::RoomVersionRules};

/// The levels that a new room begins with, and those that it is left with when they differ.
pub(super) struct Levels {
    pub first: CanonicalJsonObject,
    pub last: Option<CanonicalJsonObject>,
}

/// Fields whose value is a level.
const NAMED: [&str; 7] = ["users_default", "events_default", "state_default", "ban", "kick", "redact", "invite"];
/// What an administrator has, and what it takes to end a room whose creators stand above all levels.
const ADMINISTRATOR: i64 = 100;
const END: i64 = 150;

/// The old room's levels as the new version wants them. The first of `creators` makes the new room.
pub(super) fn levels(
    old: Option<CanonicalJsonObject>,
    old_creators: &[OwnedUserId],
    creators: &[OwnedUserId],
    rules: &RoomVersionRules,
) -> Levels {
    let mut content = numbers(old.unwrap_or_default());
    let highest = highest(&content).max(ADMINISTRATOR);
    if rules.authorization.explicitly_privilege_room_creators {
        users(&mut content, |users| users.retain(|user, _| !creators.iter().any(|creator| creator.as_str() == user)));
        let state_default = level(&content, "state_default").unwrap_or(50);
        let end = content.get("events").and_then(CanonicalJsonValue::as_object);
        let end = end.and_then(|events| level(events, "m.room.tombstone")).unwrap_or(0);
        let end = end.max(END).max(state_default.saturating_add(1));
        edit(&mut content, "events", |events| {
            events.insert("m.room.tombstone".to_owned(), integer(end));
        });
        return Levels { first: content, last: None };
    }
    // Creators that stood above all levels get the highest there is.
    users(&mut content, |users| {
        for creator in old_creators {
            users.insert(creator.to_string(), integer(highest));
        }
    });
    let Some(maker) = creators.first() else { return Levels { first: content, last: None } };
    let own =
        content.get("users").and_then(CanonicalJsonValue::as_object).and_then(|users| level(users, maker.as_str()));
    let own = own.or_else(|| level(&content, "users_default")).unwrap_or(0);
    if own >= highest {
        return Levels { first: content, last: None };
    }
    let mut first = content.clone();
    users(&mut first, |users| {
        users.insert(maker.to_string(), integer(highest));
    });
    Levels { first, last: Some(content) }
}

/// The levels of a room in which nobody shall speak or invite any more; `None` when that is so already.
pub(super) fn closed(content: &CanonicalJsonObject) -> Option<CanonicalJsonObject> {
    let content = numbers(content.clone());
    let needed = level(&content, "users_default").unwrap_or(0).saturating_add(1).max(50);
    let mut closed = content.clone();
    for field in ["events_default", "invite"] {
        let now = level(&content, field).unwrap_or(0);
        closed.insert(field.to_owned(), integer(now.max(needed)));
    }
    (closed != content).then_some(closed)
}

/// Old versions allow numbers as text, and users that are none; new events have neither.
fn numbers(mut content: CanonicalJsonObject) -> CanonicalJsonObject {
    for field in NAMED {
        if let Some(value) = content.remove(field).and_then(|value| number(&value)) {
            content.insert(field.to_owned(), integer(value));
        }
    }
    for field in ["users", "events", "notifications"] {
        let Some(value) = content.remove(field) else { continue };
        let CanonicalJsonValue::Object(entries) = value else { continue };
        let entries: CanonicalJsonObject = entries
            .into_iter()
            .filter(|(name, _)| field != "users" || UserId::parse(name).is_ok())
            .filter_map(|(name, value)| Some((name, integer(number(&value)?))))
            .collect();
        content.insert(field.to_owned(), CanonicalJsonValue::Object(entries));
    }
    content
}

fn number(value: &CanonicalJsonValue) -> Option<i64> {
    match value {
        CanonicalJsonValue::Integer(value) => Some(i64::from(*value)),
        CanonicalJsonValue::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn level(content: &CanonicalJsonObject, field: &str) -> Option<i64> {
    content.get(field).and_then(number)
}

fn integer(value: i64) -> CanonicalJsonValue {
    CanonicalJsonValue::Integer(Int::new_saturating(value))
}

/// The highest level that is given to somebody or needed for something.
fn highest(content: &CanonicalJsonObject) -> i64 {
    let named = NAMED.iter().filter_map(|field| level(content, field));
    let listed = ["users", "events", "notifications"]
        .iter()
        .filter_map(|field| content.get(*field).and_then(CanonicalJsonValue::as_object))
        .flat_map(|entries| entries.values().filter_map(number));
    named.chain(listed).max().unwrap_or(0)
}

fn users(content: &mut CanonicalJsonObject, change: impl FnOnce(&mut CanonicalJsonObject)) {
    edit(content, "users", change);
}

/// Changes the object in a field, which is made when it is not there.
fn edit(content: &mut CanonicalJsonObject, field: &str, change: impl FnOnce(&mut CanonicalJsonObject)) {
    let mut object = match content.remove(field) {
        Some(CanonicalJsonValue::Object(object)) => object,
        _ => CanonicalJsonObject::new(),
    };
    change(&mut object);
    content.insert(field.to_owned(), CanonicalJsonValue::Object(object));
}
