//! Filters of room events, applied to one event.

use ruma::{
    RoomId,
    api::client::filter::{RoomEventFilter, UrlFilter},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{domain::sync::v3::matches, store::StoredEvent};

#[derive(Deserialize)]
struct Filtered {
    #[serde(rename = "type")]
    kind: String,
    sender: String,
    content: Value,
}

/// Whether the filter lets anything of the room through.
pub(super) fn allows_room(filter: &RoomEventFilter, room_id: &RoomId) -> bool {
    !filter.not_rooms.iter().any(|room| room == room_id)
        && filter.rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|room| room == room_id))
}

/// Whether the filter lets the event through.
pub(in crate::api) fn allows(filter: &RoomEventFilter, event: &StoredEvent) -> bool {
    let Ok(event) = serde_json::from_str::<Filtered>(&event.json) else { return false };
    let has_url = event.content.get("url").is_some_and(Value::is_string);
    !filter.not_types.iter().any(|pattern| matches(pattern, &event.kind))
        && filter.types.as_ref().is_none_or(|types| types.iter().any(|pattern| matches(pattern, &event.kind)))
        && !filter.not_senders.iter().any(|user_id| user_id.as_str() == event.sender)
        && filter.senders.as_ref().is_none_or(|senders| senders.iter().any(|user_id| user_id.as_str() == event.sender))
        && match filter.url_filter {
            Some(UrlFilter::EventsWithUrl) => has_url,
            Some(UrlFilter::EventsWithoutUrl) => !has_url,
            _ => true,
        }
}
