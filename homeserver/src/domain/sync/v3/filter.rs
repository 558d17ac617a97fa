//! Filters: plain functions of a definition and an event.

use ruma::{
    RoomId, UserId,
    api::client::filter::{Filter, RoomEventFilter, RoomFilter, UrlFilter},
};
use serde_json::Value;

use crate::store::EventRow;

/// Whether a filter for what is not in rooms lets this through.
pub(super) fn allows(filter: &Filter, sender: &UserId, event_type: &str) -> bool {
    !filter.not_senders.iter().any(|not| not == sender)
        && filter.senders.as_ref().is_none_or(|senders| senders.iter().any(|one| one == sender))
        && allows_type(filter.types.as_deref(), &filter.not_types, event_type)
}

/// Whether anything of the room is wanted.
pub(super) fn allows_room(filter: &RoomFilter, room_id: &RoomId) -> bool {
    !filter.not_rooms.iter().any(|not| not == room_id)
        && filter.rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|one| one == room_id))
}

/// Whether a filter of a room's section wants this type at all.
pub(super) fn allows_room_type(filter: &RoomEventFilter, room_id: &RoomId, event_type: &str) -> bool {
    !filter.not_rooms.iter().any(|not| not == room_id)
        && filter.rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|one| one == room_id))
        && allows_type(filter.types.as_deref(), &filter.not_types, event_type)
}

/// Whether a filter for a timeline or a state lets the event through.
pub(super) fn allows_event(filter: &RoomEventFilter, room_id: &RoomId, row: &EventRow) -> bool {
    allows_room_type(filter, room_id, &row.event_type)
        && !filter.not_senders.contains(&row.sender_id)
        && filter.senders.as_ref().is_none_or(|senders| senders.contains(&row.sender_id))
        && match &filter.url_filter {
            None => true,
            Some(UrlFilter::EventsWithUrl) => has_url(row),
            Some(UrlFilter::EventsWithoutUrl) => !has_url(row),
        }
}

fn has_url(row: &EventRow) -> bool {
    serde_json::from_str::<Value>(&row.json)
        .is_ok_and(|event| event.pointer("/content/url").is_some_and(Value::is_string))
}

fn allows_type(types: Option<&[String]>, not_types: &[String], event_type: &str) -> bool {
    !not_types.iter().any(|pattern| matches(pattern, event_type))
        && types.is_none_or(|types| types.iter().any(|pattern| matches(pattern, event_type)))
}

/// Whether `text` fits a pattern in which `*` stands for any sequence.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{allows_type, matches};

    #[test]
    fn a_star_stands_for_any_sequence() {
        for (pattern, text, fits) in [
            ("m.room.member", "m.room.member", true),
            ("m.room.member", "m.room.members", false),
            ("m.*", "m.room.name", true),
            ("*", "", true),
            ("*.name", "m.room.name", true),
            ("m.*.name", "m.room.name", true),
            ("m.*.name", "m.name", false),
            ("m.*o*me", "m.room.name", true),
            ("", "m", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn an_exclusion_wins() {
        let types = ["m.room.*".to_owned()];
        assert!(allows_type(Some(&types), &[], "m.room.name"));
        assert!(!allows_type(Some(&types), &["m.room.name".to_owned()], "m.room.name"));
        assert!(!allows_type(Some(&[]), &[], "m.room.name"));
        assert!(allows_type(None, &[], "m.room.name"));
    }
}
