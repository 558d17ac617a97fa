//! The keys of one server, and which of them may be used for what.

use std::collections::BTreeMap;

use ruma::{serde::Base64, signatures::PublicKeySet};

use crate::{domain::federation::own_keys::Keys, store::SigningKeyRow};

/// What a key is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// A request: the key must be valid now.
    Now,
    /// An event of this time (milliseconds since 1970), in a room version that looks at it.
    At(i64),
    /// An event of a room version that does not look at the time.
    Ever,
}

/// All keys that a server ever showed us.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    keys: BTreeMap<String, Key>,
    /// When the server was asked last, whatever came of it.
    pub(super) asked_ts: Option<i64>,
    /// How often in a row it did not answer.
    pub(super) failures: u32,
}

#[derive(Clone, Debug)]
struct Key {
    key: Base64,
    valid_until_ts: i64,
    expired_ts: Option<i64>,
}

impl KnownKeys {
    pub(super) fn from_rows(rows: Vec<SigningKeyRow>) -> Self {
        let keys = rows.into_iter().filter_map(|row| {
            let key = Base64::parse(&row.key).ok()?;
            Some((row.key_id, Key { key, valid_until_ts: row.valid_until_ts, expired_ts: row.expired_ts }))
        });
        Self { keys: keys.collect(), asked_ts: None, failures: 0 }
    }

    /// Our own.
    pub(super) fn of_own(keys: &Keys) -> Self {
        let row = |key_id: String, key: String, expired_ts: Option<i64>| {
            let valid_until_ts = expired_ts.unwrap_or(i64::MAX);
            SigningKeyRow { key_id, key, valid_until_ts, expired_ts, fetched_ts: 0 }
        };
        let now = row(keys.identity.key_id().to_string(), keys.identity.public_key_base64().encode(), None);
        let old = keys.old.iter().map(|old| row(old.key_id.clone(), old.key.clone(), Some(old.expired_ts)));
        Self::from_rows(old.chain([now]).collect())
    }

    /// The same, with what a newer answer says and when it was asked for.
    pub(super) fn with(&self, rows: Vec<SigningKeyRow>, asked_ts: i64) -> Self {
        let mut keys = self.keys.clone();
        keys.extend(Self::from_rows(rows).keys);
        Self { keys, asked_ts: Some(asked_ts), failures: 0 }
    }

    /// The same, after the server was asked in vain.
    pub(super) fn after_failure(&self, silent: bool, asked_ts: i64) -> Self {
        let failures = self.failures.saturating_add(silent.into());
        Self { keys: self.keys.clone(), asked_ts: Some(asked_ts), failures }
    }

    /// The same, as if the server had never been asked.
    pub(super) fn unasked(&self) -> Self {
        Self { keys: self.keys.clone(), asked_ts: None, failures: 0 }
    }

    /// The keys that most of these name.
    pub(super) fn agreed(told: &[Self]) -> Self {
        let mut keys: BTreeMap<String, Key> = BTreeMap::new();
        for (id, key) in told.iter().flat_map(|known| &known.keys) {
            let named =
                told.iter().filter(|known| known.keys.get(id).is_some_and(|other| other.key == key.key)).count();
            let newest = keys.get(id).is_none_or(|known| known.valid_until_ts < key.valid_until_ts);
            if named * 2 > told.len() && newest {
                keys.insert(id.clone(), key.clone());
            }
        }
        Self { keys, asked_ts: None, failures: 0 }
    }

    pub(super) fn usable(&self, key_ids: &[String], when: When, now: i64) -> PublicKeySet {
        let usable = |key: &Key| match (when, key.expired_ts) {
            (When::Ever, _) => true,
            (When::Now, expired) => expired.is_none() && now <= key.valid_until_ts,
            (When::At(ts), Some(expired)) => ts <= expired,
            (When::At(ts), None) => ts <= key.valid_until_ts,
        };
        let found = key_ids.iter().filter_map(|id| self.keys.get_key_value(id)).filter(|(_, key)| usable(key));
        found.map(|(id, key)| (id.clone(), key.key.clone())).collect()
    }
}
