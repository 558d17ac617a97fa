//! Building events of our own: from what a user wants to say to a signed PDU.

use crypto::identity::ServerIdentity;
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedUserId, RoomId, ServerName, events::TimelineEventType,
    room_version_rules::RoomVersionRules, signatures::hash_and_sign_event,
};

use super::pdu::{Pdu, PduError};

/// What a local user wants to send.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: TimelineEventType,
    pub sender: OwnedUserId,
    pub state_key: Option<String>,
    pub content: CanonicalJsonObject,
    /// Set for redactions of rooms before version 11.
    pub redacts: Option<OwnedEventId>,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

/// Where in the room's graph the event goes.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// `None` for a create event from room version 12 on.
    pub room_id: Option<&'a RoomId>,
    pub prev_events: &'a [OwnedEventId],
    pub auth_events: &'a [OwnedEventId],
    pub depth: i64,
}

/// The event before it is signed.
pub fn unsigned(draft: &Draft, place: &Place<'_>) -> CanonicalJsonObject {
    let ids = |ids: &[OwnedEventId]| CanonicalJsonValue::Array(ids.iter().map(|id| id.to_string().into()).collect());
    let integer = |number: i64| CanonicalJsonValue::Integer(ruma::Int::new(number).unwrap_or(ruma::Int::MAX));
    let mut object = CanonicalJsonObject::new();
    if let Some(room_id) = place.room_id {
        object.insert("room_id".to_owned(), room_id.to_string().into());
    }
    object.insert("type".to_owned(), draft.kind.to_string().into());
    object.insert("sender".to_owned(), draft.sender.to_string().into());
    object.insert("content".to_owned(), CanonicalJsonValue::Object(draft.content.clone()));
    object.insert("origin_server_ts".to_owned(), integer(draft.timestamp));
    object.insert("depth".to_owned(), integer(place.depth));
    object.insert("prev_events".to_owned(), ids(place.prev_events));
    object.insert("auth_events".to_owned(), ids(place.auth_events));
    if let Some(state_key) = &draft.state_key {
        object.insert("state_key".to_owned(), state_key.clone().into());
    }
    if let Some(redacts) = &draft.redacts {
        object.insert("redacts".to_owned(), redacts.to_string().into());
    }
    object
}

/// Hashes and signs the event in our name and parses the result.
pub fn sign(
    mut object: CanonicalJsonObject,
    rules: &RoomVersionRules,
    server_name: &ServerName,
    identity: &ServerIdentity,
) -> Result<Pdu, PduError> {
    hash_and_sign_event(server_name.as_str(), identity, &mut object, &rules.redaction)
        .map_err(PduError::from_signing)?;
    Pdu::parse(&object, rules)
}

/// JSON from a client as canonical JSON: numbers with fractions and out of range are refused.
pub fn canonical(content: &str) -> Result<CanonicalJsonObject, PduError> {
    let value: serde_json::Value = serde_json::from_str(content)?;
    match CanonicalJsonValue::try_from(value) {
        Ok(CanonicalJsonValue::Object(object)) => Ok(object),
        Ok(_) => Err(PduError::Format("the content is not an object".to_owned())),
        Err(error) => Err(PduError::Format(error.to_string())),
    }
}
