//! State as sync sends it, worked out from the state now and how it changed: plain functions of rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::{KeySn, Position, StateChange, StateEntry};

/// A state by keys.
pub(super) type StateByKey = BTreeMap<KeySn, StateEntry>;

/// What the state was before the changes at and after `start`, given what it is now and those changes (oldest first).
/// Only keys that `wanted` names are looked at.
pub(super) fn rewind(
    now: Vec<StateEntry>,
    changes: &[StateChange],
    start: Position,
    wanted: impl Fn(&StateChange) -> bool,
) -> StateByKey {
    let mut state: StateByKey = now.into_iter().map(|entry| (entry.key, entry)).collect();
    let mut seen = BTreeSet::new();
    for change in changes.iter().filter(|change| change.position >= start && wanted(change)) {
        if seen.insert(change.key) {
            put(&mut state, change, change.previous);
        }
    }
    state
}

/// The newest value of each key that changed before `end`; keys that went away are left out.
pub(super) fn changed_before(changes: &[StateChange], end: Position) -> StateByKey {
    let mut state = StateByKey::new();
    for change in changes.iter().filter(|change| change.position < end) {
        put(&mut state, change, change.event);
    }
    state
}

/// What `state` of an incremental sync holds for a client that takes the timeline's state events on top of it: the changes before the
/// timeline, and those within it that no event of the timeline tells (they came by state resolution).
pub(super) fn delta_before_timeline(
    changes: &[StateChange],
    start: Position,
    told_by_timeline: &BTreeSet<KeySn>,
) -> StateByKey {
    let mut state = changed_before(changes, start);
    add_untold(&mut state, changes, start, told_by_timeline, |_| true);
    state
}

/// Brings a state before the timeline up to date with the changes that no event of the timeline tells.
pub(super) fn add_untold(
    state: &mut StateByKey,
    changes: &[StateChange],
    start: Position,
    told_by_timeline: &BTreeSet<KeySn>,
    wanted: impl Fn(&StateChange) -> bool,
) {
    let untold = |change: &&StateChange| change.position >= start && !told_by_timeline.contains(&change.key);
    for change in changes.iter().filter(untold).filter(|change| wanted(change)) {
        put(state, change, change.event);
    }
}

fn put(state: &mut StateByKey, change: &StateChange, event: Option<crate::store::EventSn>) {
    match event {
        Some(event) => {
            let (event_type, state_key) = (change.event_type.clone(), change.state_key.clone());
            state.insert(change.key, StateEntry { key: change.key, event_type, state_key, event });
        }
        None => {
            state.remove(&change.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StateByKey, changed_before, delta_before_timeline, rewind};
    use crate::store::{EventSn, KeySn, Position, StateChange, StateEntry};

    fn entry(key: i64, event: i64) -> StateEntry {
        StateEntry { key: KeySn(key), event_type: "t".to_owned(), state_key: key.to_string(), event: EventSn(event) }
    }

    fn change(position: i64, key: i64, event: Option<i64>, previous: Option<i64>) -> StateChange {
        StateChange {
            position: Position(position),
            key: KeySn(key),
            event_type: "t".to_owned(),
            state_key: key.to_string(),
            event: event.map(EventSn),
            previous: previous.map(EventSn),
        }
    }

    fn pairs(state: StateByKey) -> Vec<(i64, i64)> {
        state.into_values().map(|entry| (entry.key.0, entry.event.0)).collect()
    }

    #[test]
    fn rewinding_takes_the_value_before_the_first_change_of_each_key() {
        let now = vec![entry(1, 13), entry(2, 20), entry(4, 41)];
        let changes = [
            change(5, 1, Some(11), Some(10)),
            change(7, 1, Some(12), Some(11)),
            change(8, 3, None, Some(30)),
            change(9, 1, Some(13), Some(12)),
            change(9, 4, Some(41), None),
        ];
        assert_eq!(pairs(rewind(now.clone(), &changes, Position(6), |_| true)), [(1, 11), (2, 20), (3, 30)]);
        assert_eq!(pairs(rewind(now.clone(), &changes, Position(10), |_| true)), [(1, 13), (2, 20), (4, 41)]);
        assert_eq!(pairs(rewind(now, &changes, Position(6), |c| c.key != KeySn(1))), [(1, 13), (2, 20), (3, 30)]);
    }

    #[test]
    fn a_delta_before_the_timeline_leaves_to_the_timeline_what_it_tells() {
        let changes = [
            change(5, 1, Some(11), Some(10)),
            change(6, 2, Some(21), None),
            change(8, 1, Some(12), Some(11)),
            // Came by state resolution: no event of the timeline has this key.
            change(8, 3, Some(31), Some(30)),
            change(9, 2, None, Some(21)),
        ];
        let told = [KeySn(1)].into();
        assert_eq!(pairs(delta_before_timeline(&changes, Position(8), &told)), [(1, 11), (3, 31)]);
        assert_eq!(pairs(changed_before(&changes, Position(i64::MAX))), [(1, 12), (3, 31)]);
    }
}
