//! The power levels of a new room.

use ruma::{CanonicalJsonObject, CanonicalJsonValue, Int, OwnedUserId, room_version_rules::RoomVersionRules};

use super::{LocalUser, NewRoom, Preset, RoomsError};

/// Content of `m.room.power_levels`, with what the client overrides.
pub(super) fn content(creator: &LocalUser, room: &NewRoom, rules: &RoomVersionRules) -> CanonicalJsonObject {
    let level = |level: i64| CanonicalJsonValue::Integer(Int::new_saturating(level));
    let privileged = rules.authorization.explicitly_privilege_room_creators;
    let mut users = CanonicalJsonObject::new();
    if !privileged {
        users.insert(creator.user_id.to_string(), level(100));
        if room.preset == Preset::TrustedPrivateChat {
            for user_id in &room.invite {
                users.insert(user_id.to_string(), level(100));
            }
        }
    }
    // From version 12 on creators stand above every level, and only they may end the room.
    let tombstone = if privileged { 150 } else { 100 };
    let events = CanonicalJsonObject::from(
        [
            ("m.room.name", 50),
            ("m.room.power_levels", 100),
            ("m.room.history_visibility", 100),
            ("m.room.canonical_alias", 50),
            ("m.room.avatar", 50),
            ("m.room.tombstone", tombstone),
            ("m.room.server_acl", 100),
            ("m.room.encryption", 100),
        ]
        .map(|(kind, needed)| (kind.to_owned(), level(needed))),
    );
    let invite = if room.preset == Preset::PublicChat { 50 } else { 0 };
    let mut content = CanonicalJsonObject::from(
        [
            ("users_default", 0),
            ("events_default", 0),
            ("state_default", 50),
            ("ban", 50),
            ("kick", 50),
            ("redact", 50),
            ("invite", invite),
        ]
        .map(|(name, needed)| (name.to_owned(), level(needed))),
    );
    content.insert("users".to_owned(), CanonicalJsonValue::Object(users));
    content.insert("events".to_owned(), CanonicalJsonValue::Object(events));
    for (name, value) in &room.power_level_override {
        content.insert(name.clone(), value.clone());
    }
    if privileged {
        let state_default = content.get("state_default").and_then(CanonicalJsonValue::as_integer).map_or(50, i64::from);
        if let Some(CanonicalJsonValue::Object(events)) = content.get_mut("events") {
            // Whoever lists levels anew, as clients of older versions do, does not mean to let administrators end the room.
            let end = level(tombstone.max(state_default.saturating_add(1)));
            events.entry("m.room.tombstone".to_owned()).or_insert(end);
        }
    }
    if privileged && let Some(CanonicalJsonValue::Object(users)) = content.get_mut("users") {
        // Clients of older versions list the creator; the rules refuse that now.
        users.remove(creator.user_id.as_str());
        if room.preset == Preset::TrustedPrivateChat {
            users.retain(|user_id, _| !room.invite.iter().any(|invited| invited.as_str() == user_id));
        }
    }
    content
}

/// Refuses levels that are no numbers.
pub(super) fn check(given: &CanonicalJsonObject) -> Result<(), RoomsError> {
    let bad = |field: &str| RoomsError::BadEvent(format!("`{field}` of the power levels is not what it should be"));
    let is_level = |value: &CanonicalJsonValue| matches!(value, CanonicalJsonValue::Integer(_));
    for (field, value) in given {
        let good = match field.as_str() {
            "users_default" | "events_default" | "state_default" | "ban" | "kick" | "redact" | "invite" => {
                is_level(value)
            }
            "users" | "events" | "notifications" => {
                value.as_object().is_some_and(|levels| levels.values().all(is_level))
            }
            _ => true,
        };
        if !good {
            return Err(bad(field));
        }
    }
    Ok(())
}

/// The invited become creators too: a trusted private chat has no lesser members.
pub(super) fn add_creators(create: &mut CanonicalJsonObject, invited: &[OwnedUserId]) {
    let creators =
        create.entry("additional_creators".to_owned()).or_insert_with(|| CanonicalJsonValue::Array(Vec::new()));
    if let CanonicalJsonValue::Array(creators) = creators {
        for user_id in invited {
            let user_id = CanonicalJsonValue::from(user_id.to_string());
            if !creators.contains(&user_id) {
                creators.push(user_id);
            }
        }
    }
}
