//! The state that comes with an invite or a knock: what of it can be believed.

use std::time::Duration;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, RoomId, RoomVersionId, events::TimelineEventType,
    room_version_rules::RoomVersionRules,
};

use crate::domain::{
    events::{Pdu, pdu::Age},
    federation::VerifyError,
    rooms::{Rooms, RoomsError, accept::checks},
};

use super::StrippedOrPdu;

/// Events that are looked at, and bytes of one and of all.
const EVENTS: usize = 50;
const BYTES_OF_ONE: usize = 65_536;
const BYTES: usize = 256 * 1024;
/// How long it takes at most to fetch the keys that the events are signed with.
const KEYS: Duration = Duration::from_secs(5);

/// What is left of such a state, and what is wrong with the rest.
pub(super) struct Offered {
    pub state: Vec<StrippedOrPdu>,
    /// Why it is not what a server has to send from version 1.16 of the specification on.
    pub fault: Option<&'static str>,
    /// The room's create event speaks of another version.
    pub wrong_version: bool,
}

impl Rooms {
    /// Leaves out what is too large, of another room or falsely signed. What older servers send, events without signatures, stays.
    pub(super) async fn offered_state(
        &self,
        rules: &RoomVersionRules,
        version: &RoomVersionId,
        room_id: &RoomId,
        state: Vec<StrippedOrPdu>,
    ) -> Result<Offered, RoomsError> {
        let mut offered = Offered { state: Vec::new(), fault: None, wrong_version: false };
        let mut objects = Vec::new();
        let mut bytes = 0;
        for entry in state.into_iter().take(EVENTS) {
            bytes += entry.0.get().len();
            match serde_json::from_str::<CanonicalJsonObject>(entry.0.get()) {
                Ok(object) if entry.0.get().len() <= BYTES_OF_ONE && bytes <= BYTES => objects.push((entry, object)),
                _ => offered.fault = Some("The state beside it is no state"),
            }
        }
        let signed: Vec<CanonicalJsonObject> = objects.iter().map(|(_, object)| object.clone()).collect();
        let fetching = self.federation.keyring.prepare(rules, &signed, &[]);
        if tokio::time::timeout(KEYS, fetching).await.is_err() {
            tracing::info!(%room_id, "The keys of an invite's state could not be fetched in time.");
        }
        let mut created = false;
        for (entry, object) in objects {
            offered.wrong_version |= names_another_version(&object, version);
            if !object.contains_key("signatures") {
                offered.fault = Some("The state beside it is not signed");
                offered.state.push(entry);
                continue;
            }
            let Some(event) = self.offered_event(rules, room_id, &object).await? else {
                offered.fault = Some("The state beside it is not of this room, or falsely signed");
                continue;
            };
            created |= event.is_state(&TimelineEventType::RoomCreate, "");
            offered.state.push(entry);
        }
        if !created {
            offered.fault.get_or_insert("The state beside it lacks the create event");
        }
        Ok(offered)
    }

    /// The event, when it is one of this room and nothing is wrong with its signatures as far as keys are known.
    async fn offered_event(
        &self,
        rules: &RoomVersionRules,
        room_id: &RoomId,
        object: &CanonicalJsonObject,
    ) -> Result<Option<Pdu>, RoomsError> {
        let Ok(event) = checks::format::check(rules, object, Age::New) else { return Ok(None) };
        if event.room_id != *room_id {
            return Ok(None);
        }
        match self.federation.keyring.verify_at_hand(rules, object).await {
            Ok(_) => Ok(Some(event)),
            Err(VerifyError::Store(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }
}

/// Whether it is a create event, of a room of another version.
fn names_another_version(object: &CanonicalJsonObject, version: &RoomVersionId) -> bool {
    let text = |object: &CanonicalJsonObject, field: &str| {
        object.get(field).and_then(CanonicalJsonValue::as_str).map(ToOwned::to_owned)
    };
    let content = object.get("content").and_then(CanonicalJsonValue::as_object);
    let named = content.and_then(|content| text(content, "room_version"));
    text(object, "type").as_deref() == Some("m.room.create") && named.as_deref().unwrap_or("1") != version.as_str()
}
