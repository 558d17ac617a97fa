//! Which state events a client asks for: pairs of type and key with wildcards, `$ME` and `$LAZY`.

use std::collections::BTreeSet;

use ruma::{UserId, events::StateEventType};
use serde::{Deserialize, Serialize};

use crate::store::{Db, RoomSn, StateEntry, StoreError};

const MEMBER: &str = "m.room.member";

/// A set of (type, state key) patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequiredState(BTreeSet<(String, String)>);

impl RequiredState {
    pub(super) fn new(pairs: &[(StateEventType, String)]) -> Self {
        Self(pairs.iter().map(|(event_type, state_key)| (event_type.to_string(), state_key.clone())).collect())
    }

    pub(super) const fn nothing() -> Self {
        Self(BTreeSet::new())
    }

    /// Asks for what `other` asks for too.
    pub(super) fn extend(&mut self, other: &Self) {
        let whole = self.is_whole() || other.is_whole();
        self.0.extend(other.0.iter().cloned());
        if whole {
            self.0.remove(&lazy());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `self` asks for and `told` did not.
    pub(super) fn beyond(&self, told: &Self) -> Self {
        let mut new: BTreeSet<_> = self.0.difference(&told.0).cloned().collect();
        if told.is_whole() {
            new.remove(&lazy());
        } else if self.is_whole() {
            // Beside `$LAZY` the wildcard for all types did not mean the members.
            new.insert(("*".to_owned(), "*".to_owned()));
        }
        Self(new)
    }

    /// Whether all state is asked for, all members too.
    fn is_whole(&self) -> bool {
        self.has("*", "*") && !self.lazy_members()
    }

    /// The types that are asked for with the empty state key.
    pub(super) fn unkeyed_types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(event_type, key)| key.is_empty() && event_type != "*").map(|(kind, _)| kind.as_str())
    }

    /// Whether members are wanted as they appear: of those who write, and when they change.
    pub(super) fn lazy_members(&self) -> bool {
        self.has(MEMBER, "$LAZY")
    }

    /// Whether the entry is asked for. Beside `$LAZY`, the wildcard for all types does not mean all members.
    pub(super) fn wants(&self, event_type: &str, state_key: &str, me: &UserId) -> bool {
        let everything = self.has("*", "*") && !(event_type == MEMBER && self.lazy_members());
        everything
            || self.has(event_type, state_key)
            || self.has(event_type, "*")
            || self.has("*", state_key)
            || (state_key == me.as_str() && (self.has(event_type, "$ME") || self.has("*", "$ME")))
    }

    /// Reads the entries of a room's state that are asked for. Lazily loaded members are not among them.
    pub(super) async fn read(&self, db: &mut Db, room: RoomSn, me: &UserId) -> Result<Vec<StateEntry>, StoreError> {
        if self.0.iter().any(|(event_type, _)| event_type == "*") {
            let all = if self.lazy_members() && !self.has(MEMBER, "*") {
                let mut all = db.state_entries_but_members(room).await?;
                all.extend(db.sync_state_entry(room, MEMBER, me.as_str()).await?);
                all
            } else {
                db.state_entries(room).await?
            };
            return Ok(all.into_iter().filter(|entry| self.wants(&entry.event_type, &entry.state_key, me)).collect());
        }
        let mut entries = Vec::new();
        let of_key = |key: &str| -> Vec<&str> {
            self.0.iter().filter(|(_, state_key)| state_key == key).map(|(event_type, _)| event_type.as_str()).collect()
        };
        entries.extend(db.state_entries_with_key(room, &of_key(""), "").await?);
        entries.extend(db.state_entries_with_key(room, &of_key("$ME"), me.as_str()).await?);
        entries.extend(db.state_entries_of_types(room, &of_key("*")).await?);
        for (event_type, state_key) in &self.0 {
            if !["", "*", "$ME", "$LAZY"].contains(&state_key.as_str()) {
                entries.extend(db.sync_state_entry(room, event_type, state_key).await?);
            }
        }
        let mut seen = BTreeSet::new();
        entries.retain(|entry| seen.insert(entry.key));
        Ok(entries)
    }

    fn has(&self, event_type: &str, state_key: &str) -> bool {
        // A set of pairs of strings cannot be asked by pairs of slices without making them.
        self.0.contains(&(event_type.to_owned(), state_key.to_owned()))
    }
}

fn lazy() -> (String, String) {
    (MEMBER.to_owned(), "$LAZY".to_owned())
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::{MEMBER, RequiredState};

    fn required(pairs: &[(&str, &str)]) -> RequiredState {
        RequiredState(pairs.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect())
    }

    #[test]
    fn patterns_choose_entries() {
        let me = user_id!("@me:one.example");
        let asked = required(&[("m.room.name", ""), (MEMBER, "$ME"), (MEMBER, "$LAZY"), ("m.space.child", "*")]);
        assert!(asked.wants("m.room.name", "", me));
        assert!(!asked.wants("m.room.topic", "", me));
        assert!(asked.wants(MEMBER, "@me:one.example", me));
        assert!(!asked.wants(MEMBER, "@you:one.example", me));
        assert!(asked.wants("m.space.child", "!a:one.example", me));
        assert!(asked.lazy_members());
    }

    #[test]
    fn all_types_beside_lazy_members_are_all_but_members() {
        let me = user_id!("@me:one.example");
        let all = required(&[("*", "*")]);
        assert!(all.wants(MEMBER, "@you:one.example", me));
        let lazy = required(&[("*", "*"), (MEMBER, "$LAZY")]);
        assert!(!lazy.wants(MEMBER, "@you:one.example", me));
        assert!(lazy.wants("m.room.topic", "", me));
    }

    #[test]
    fn what_is_asked_anew_is_told_apart() {
        let told = required(&[("m.room.name", "")]);
        let asked = required(&[("m.room.name", ""), ("m.room.topic", "")]);
        assert_eq!(asked.beyond(&told), required(&[("m.room.topic", "")]));
        assert!(told.beyond(&asked).is_empty());
        let (all, lazy) = (required(&[("*", "*")]), required(&[("*", "*"), (MEMBER, "$LAZY")]));
        assert_eq!(all.beyond(&lazy), all);
        let mut told = lazy.clone();
        told.extend(&all);
        assert_eq!(told, all);
        assert!(all.beyond(&told).is_empty());
        assert!(lazy.beyond(&told).is_empty());
    }
}
