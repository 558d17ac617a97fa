//! What each query finds of what was read ahead; `None`: it must ask the database.

use std::collections::{HashMap, HashSet};

use super::{Ahead, MEMBER};
use crate::store::{
    EventRow, EventSn, KeySn, LocalMembership, Position, Receipt, RoomSn, StateChange, StateEntry, UserSn,
};

impl Ahead {
    pub(in crate::store::sync) fn timeline(
        &mut self,
        room: RoomSn,
        after: Position,
        upto: Position,
        limit: usize,
    ) -> Option<Vec<EventRow>> {
        if upto != self.upto || limit > self.limit {
            return None;
        }
        // Whoever asks again asks the database.
        let mut rows = self.timelines.remove(&room)?;
        rows.retain(|row| row.position.is_some_and(|position| position > after));
        rows.truncate(limit);
        Some(rows)
    }

    pub(in crate::store::sync) fn newest_gap(
        &self,
        room: RoomSn,
        after: Position,
        upto: Position,
    ) -> Option<Option<Position>> {
        (self.rooms.contains(&room) && upto == self.upto)
            .then(|| self.gaps.get(&room).copied().filter(|gap| *gap > after))
    }

    /// Only what came after the timelines' beginnings is here.
    pub(in crate::store::sync) fn state_changes(&self, room: RoomSn, after: Position) -> Option<Vec<StateChange>> {
        let (known, changes) = self.changes.get(&room)?;
        (after >= *known).then(|| changes.iter().filter(|change| change.position > after).cloned().collect())
    }

    /// All receipts of a room, as the user may see them.
    pub(in crate::store) fn receipts(&self, room: RoomSn, since: Position, me: UserSn) -> Option<Vec<Receipt>> {
        if me == self.user && since <= Position(0) { self.receipts.get(&room).cloned() } else { None }
    }

    pub(in crate::store) fn membership(&self, user: UserSn, room: RoomSn) -> Option<LocalMembership> {
        if user == self.user { self.memberships.get(&room).cloned() } else { None }
    }

    pub(in crate::store::sync) fn face(&self, room: RoomSn) -> Option<Vec<(String, String)>> {
        self.rooms.contains(&room).then(|| self.faces.get(&room).cloned().unwrap_or_default())
    }

    pub(in crate::store::sync) fn counts(&self, room: RoomSn) -> Option<(u32, u32)> {
        self.rooms.contains(&room).then(|| self.counts.get(&room).copied().unwrap_or_default())
    }

    /// Whether it is known that the user has no notification in the room.
    pub(in crate::store) fn is_silent(&self, user: UserSn, room: RoomSn) -> bool {
        user == self.user && self.rooms.contains(&room) && !self.notified.contains(&room)
    }

    pub(in crate::store) fn key(&self, event_type: &str, state_key: &str) -> Option<KeySn> {
        self.own_key.filter(|_| event_type == MEMBER && state_key == self.user_id)
    }

    pub(in crate::store::sync) fn member_events(&self, room: RoomSn, users: &[UserSn]) -> Option<Vec<EventSn>> {
        let known: Option<Vec<Option<EventSn>>> =
            users.iter().map(|user| self.members.get(&(room, *user)).copied()).collect();
        Some(known?.into_iter().flatten().collect())
    }

    pub(in crate::store::sync) fn entries(
        &self,
        room: RoomSn,
        types: &[&str],
        state_key: &str,
    ) -> Option<Vec<StateEntry>> {
        if let Some(key) = self.own_key.filter(|_| types == [MEMBER] && state_key == self.user_id)
            && self.rooms.contains(&room)
        {
            let entry =
                |event| StateEntry { key, event_type: MEMBER.to_owned(), state_key: state_key.to_owned(), event };
            return Some(self.own_entries.get(&room).copied().map(entry).into_iter().collect());
        }
        let known = state_key.is_empty()
            && self.rooms.contains(&room)
            && types.iter().all(|event_type| self.types.contains(*event_type));
        let wanted = |entry: &&StateEntry| types.contains(&entry.event_type.as_str());
        known.then(|| self.entries.get(&room).into_iter().flatten().filter(wanted).cloned().collect())
    }

    /// Takes the events that are here out of the list.
    pub(in crate::store::sync) fn take_events(&mut self, events: &mut Vec<EventSn>) -> Vec<EventRow> {
        if self.events.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        events.retain(|event| match self.events.get(event) {
            Some(row) => {
                found.push(row.clone());
                false
            }
            None => true,
        });
        found
    }

    pub(in crate::store) fn related(&self, event_ids: &[&str]) -> Option<HashSet<(String, String)>> {
        if self.shown.is_empty() || !event_ids.iter().all(|id| self.shown.contains(*id)) {
            return None;
        }
        if self.related.is_empty() {
            return Some(HashSet::new());
        }
        let wanted: HashSet<&str> = event_ids.iter().copied().collect();
        Some(self.related.iter().filter(|(target, _)| wanted.contains(target.as_str())).cloned().collect())
    }

    pub(in crate::store) fn sent(
        &self,
        events: &[EventSn],
        user: UserSn,
        device_id: &str,
    ) -> Option<HashMap<EventSn, String>> {
        let known = user == self.user && device_id == self.device_id && events.iter().all(|sn| self.own.contains(sn));
        let sent = |sn: &EventSn| self.sent.get(sn).map(|txn_id| (*sn, txn_id.clone()));
        known.then(|| events.iter().filter_map(sent).collect())
    }
}
