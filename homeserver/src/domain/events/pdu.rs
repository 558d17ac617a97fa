//! A signed event, parsed.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId,
    OwnedUserId, RoomId, UserId,
    events::TimelineEventType,
    room_version_rules::RoomVersionRules,
    signatures::reference_hash,
    state_res::{Event, check_pdu_format},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::{Standing, StoreError, StoredEvent};

/// An event of a room version that we know, well-formed. Whether its signatures hold is its maker's promise: events of our own, of the
/// database, and of other servers after `Keyring::verify_event`.
#[derive(Debug)]
pub struct Pdu {
    pub event_id: OwnedEventId,
    pub room_id: OwnedRoomId,
    pub sender: OwnedUserId,
    pub kind: TimelineEventType,
    pub state_key: Option<String>,
    pub content: Box<RawValue>,
    pub origin_server_ts: MilliSecondsSinceUnixEpoch,
    pub prev_events: Vec<OwnedEventId>,
    pub auth_events: Vec<OwnedEventId>,
    pub redacts: Option<OwnedEventId>,
    pub depth: i64,
    pub rejected: bool,
    /// Canonical JSON without `unsigned`.
    pub json: String,
    /// From room version 12 on, a create event does not name its room.
    names_room: bool,
}

/// Whether an event must keep to the bounds of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    New,
    /// It may name more parents than events may today (Server-Server API, "Backfilling").
    History,
}

/// Not an event of this room version.
#[derive(Debug, thiserror::Error)]
pub enum PduError {
    #[error("{0}")]
    Format(String),
    #[error("the event's id cannot be computed: {0}")]
    Hash(String),
    #[error("the event has a field of the wrong type: {0}")]
    Field(#[from] serde_json::Error),
    #[error("the event names no room")]
    NoRoom,
    #[error("the event is larger than 65,535 bytes")]
    TooLarge,
}

impl PduError {
    /// Why an event could not be hashed or signed.
    pub(super) fn from_signing(error: ruma::signatures::JsonError) -> Self {
        match error {
            ruma::signatures::JsonError::PduTooLarge => Self::TooLarge,
            other => Self::Hash(other.to_string()),
        }
    }
}

/// The event with no more parents than events may have.
fn with_fewer_parents(object: &CanonicalJsonObject) -> CanonicalJsonObject {
    let mut object = object.clone();
    for (field, most) in [("prev_events", 20), ("auth_events", 10)] {
        if let Some(CanonicalJsonValue::Array(parents)) = object.get_mut(field) {
            parents.truncate(most);
        }
    }
    object
}

#[derive(Deserialize)]
struct Fields {
    room_id: Option<OwnedRoomId>,
    sender: OwnedUserId,
    #[serde(rename = "type")]
    kind: TimelineEventType,
    state_key: Option<String>,
    content: Box<RawValue>,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    #[serde(default)]
    prev_events: Vec<OwnedEventId>,
    #[serde(default)]
    auth_events: Vec<OwnedEventId>,
    redacts: Option<OwnedEventId>,
    #[serde(default)]
    depth: i64,
}

impl Pdu {
    /// Parses an event that came from outside or was just signed: format, size and id are checked and made here.
    pub fn parse(object: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Self, PduError> {
        Self::parse_of(Age::New, object, rules)
    }

    /// The same for an event of that age.
    pub fn parse_of(age: Age, object: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Self, PduError> {
        let mut object = object.clone();
        object.remove("unsigned");
        object.remove("event_id");
        match age {
            Age::New => check_pdu_format(&object, &rules.event_format),
            Age::History => check_pdu_format(&with_fewer_parents(&object), &rules.event_format),
        }
        .map_err(PduError::Format)?;
        let hash = reference_hash(&object, rules).map_err(|error| PduError::Hash(error.to_string()))?;
        let event_id = EventId::parse(format!("${hash}")).map_err(|error| PduError::Hash(error.to_string()))?;
        let json = serde_json::to_string(&object)?;
        Self::assemble(event_id, None, json, false)
    }

    /// An event as the store has it.
    pub fn from_stored(stored: &StoredEvent, room_id: &RoomId) -> Result<Self, StoreError> {
        let rejected = stored.standing == Standing::Rejected;
        Self::assemble(stored.event_id.clone(), Some(room_id), stored.json.clone(), rejected)
            .map_err(|_| StoreError::Damaged("an event"))
    }

    fn assemble(
        event_id: OwnedEventId,
        room_id: Option<&RoomId>,
        json: String,
        rejected: bool,
    ) -> Result<Self, PduError> {
        let fields: Fields = serde_json::from_str(&json)?;
        let names_room = fields.room_id.is_some();
        let room_id = match (fields.room_id, room_id) {
            (Some(room_id), _) => room_id,
            (None, Some(room_id)) => room_id.to_owned(),
            // The room's id is the hash of its create event.
            (None, None) if fields.kind == TimelineEventType::RoomCreate => {
                let room_id = event_id.as_str().replacen('$', "!", 1);
                RoomId::parse(&room_id).map_err(|_| PduError::NoRoom)?
            }
            (None, None) => return Err(PduError::NoRoom),
        };
        Ok(Self {
            event_id,
            room_id,
            sender: fields.sender,
            kind: fields.kind,
            state_key: fields.state_key,
            content: fields.content,
            origin_server_ts: fields.origin_server_ts,
            prev_events: fields.prev_events,
            auth_events: fields.auth_events,
            redacts: fields.redacts,
            depth: fields.depth,
            rejected,
            json,
            names_room,
        })
    }

    /// The signed event as JSON, for sending.
    pub fn object(&self) -> Result<CanonicalJsonObject, serde_json::Error> {
        serde_json::from_str(&self.json)
    }

    /// Whether it is the state event of this type with this key.
    pub fn is_state(&self, kind: &TimelineEventType, state_key: &str) -> bool {
        self.kind == *kind && self.state_key.as_deref() == Some(state_key)
    }

    /// The content as a type; `None` when it does not fit.
    pub fn content_as<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_str(self.content.get()).ok()
    }

    /// The event that a redaction names: in the content from room version 11 on, beside it before.
    pub fn redaction_target(&self, rules: &RoomVersionRules) -> Option<OwnedEventId> {
        #[derive(Deserialize)]
        struct Content {
            redacts: OwnedEventId,
        }
        if self.kind != TimelineEventType::RoomRedaction {
            return None;
        }
        if rules.redaction.content_field_redacts {
            self.content_as::<Content>().map(|content| content.redacts)
        } else {
            self.redacts.clone()
        }
    }

    /// Bytes that it takes in a cache, about.
    pub fn weight(&self) -> usize {
        2 * self.json.len() + 512
    }
}

impl Event for Pdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.event_id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.names_room.then_some(&*self.room_id)
    }

    fn sender(&self) -> &UserId {
        &self.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.origin_server_ts
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }

    fn content(&self) -> &RawValue {
        &self.content
    }

    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        self.rejected
    }
}
