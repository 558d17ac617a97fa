//! Authorisation: which state events an event rests on, and whether they allow it.

use std::{collections::HashMap, sync::Arc};

use ruma::{
    CanonicalJsonObject, UserId,
    events::{StateEventType, TimelineEventType},
    room_version_rules::RoomVersionRules,
    state_res::{auth_types_for_event, check_state_dependent_auth_rules},
};
use serde_json::value::to_raw_value;

use super::pdu::Pdu;

/// State by event type and state key, as far as it was loaded.
pub type LoadedState = HashMap<(String, String), Arc<Pdu>>;

/// Types and keys of the state that decides about an event.
pub fn needed_state(
    rules: &RoomVersionRules,
    kind: &TimelineEventType,
    sender: &UserId,
    state_key: Option<&str>,
    content: &CanonicalJsonObject,
) -> Result<Vec<(StateEventType, String)>, String> {
    let content = to_raw_value(content).map_err(|error| error.to_string())?;
    let mut needed = auth_types_for_event(kind, sender, state_key, &content, &rules.authorization)?;
    // Create is not among the auth events from version 12 on, yet decides all the same.
    let create = (StateEventType::RoomCreate, String::new());
    if *kind != TimelineEventType::RoomCreate && !needed.contains(&create) {
        needed.push(create);
    }
    Ok(needed)
}

/// Whether the state allows the event; the reason when not.
pub fn authorise(rules: &RoomVersionRules, event: &Pdu, state: &LoadedState) -> Result<(), String> {
    check_state_dependent_auth_rules(&rules.authorization, event, |kind, state_key| {
        state.get(&(kind.to_string(), state_key.to_owned())).cloned()
    })
}
