//! Check 4: the event's auth events are the right ones, none of them was rejected, and they allow it.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{EventId, OwnedEventId, room_version_rules::RoomVersionRules, state_res};

use crate::domain::events::{
    Pdu,
    auth::{LoadedState, authorise},
};

use super::Verdict;

pub(in crate::domain::rooms) fn check(
    rules: &RoomVersionRules,
    event: &Pdu,
    auth: &BTreeMap<OwnedEventId, Arc<Pdu>>,
) -> Verdict {
    state_res::check_state_independent_auth_rules(&rules.authorization, event, |event_id: &EventId| {
        auth.get(event_id).cloned()
    })?;
    let mut state = LoadedState::new();
    for event in auth.values() {
        if let Some(state_key) = &event.state_key {
            state.insert((event.kind.to_string(), state_key.clone()), event.clone());
        }
    }
    authorise(rules, event, &state)
}
