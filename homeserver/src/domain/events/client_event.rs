//! How clients see an event: the signed fields that concern them, and `unsigned`.

use ruma::{RoomId, room_version_rules::RoomVersionRules};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::store::StoredEvent;

#[derive(Deserialize)]
struct Signed<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a RawValue,
    #[serde(borrow)]
    sender: &'a RawValue,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow)]
    origin_server_ts: &'a RawValue,
    #[serde(borrow)]
    state_key: Option<&'a RawValue>,
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(rename = "type")]
    kind: &'a RawValue,
    sender: &'a RawValue,
    content: &'a RawValue,
    origin_server_ts: &'a RawValue,
    event_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    unsigned: &'a Map<String, Value>,
}

/// The event as JSON for clients. `room_id` is left out where the answer says it already (sync).
///
/// `unsigned` is made by whoever knows the viewer ([`Viewer`](crate::domain::rooms::Viewer)).
pub fn client_event(
    event: &StoredEvent,
    room_id: Option<&RoomId>,
    unsigned: &Map<String, Value>,
) -> serde_json::Result<Box<RawValue>> {
    let signed: Signed<'_> = serde_json::from_str(&event.json)?;
    serde_json::value::to_raw_value(&Shown {
        kind: signed.kind,
        sender: signed.sender,
        content: signed.content,
        origin_server_ts: signed.origin_server_ts,
        event_id: event.event_id.as_str(),
        room_id: room_id.map(RoomId::as_str),
        state_key: signed.state_key,
        redacts: signed.redacts,
        unsigned,
    })
}

#[derive(Serialize)]
struct Stripped<'a> {
    #[serde(rename = "type")]
    kind: &'a RawValue,
    sender: &'a RawValue,
    content: &'a RawValue,
    state_key: Option<&'a RawValue>,
}

/// A state event with the four fields that an invited user may see.
pub fn stripped_event(json: &str) -> serde_json::Result<Box<RawValue>> {
    let signed: Signed<'_> = serde_json::from_str(json)?;
    serde_json::value::to_raw_value(&Stripped {
        kind: signed.kind,
        sender: signed.sender,
        content: signed.content,
        state_key: signed.state_key,
    })
}

/// `redacts` where clients of this room version look for it too: both beside the content and in it.
pub fn mirror_redacts(json: &str, rules: &RoomVersionRules) -> Option<String> {
    let mut event: Map<String, Value> = serde_json::from_str(json).ok()?;
    if rules.redaction.content_field_redacts {
        let redacts = event.get("content")?.get("redacts")?.clone();
        event.insert("redacts".to_owned(), redacts);
    } else {
        let redacts = event.get("redacts")?.clone();
        event.get_mut("content")?.as_object_mut()?.insert("redacts".to_owned(), redacts);
    }
    serde_json::to_string(&event).ok()
}
