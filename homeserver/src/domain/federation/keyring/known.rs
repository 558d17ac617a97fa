//! The keys of one server, and which of them may be used for what.

use std::collections::BTreeMap;

use ruma::{serde::Base64, signatures::PublicKeySet};

use crate::store::SigningKeyRow;

/// What a key is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Self { keys: keys.collect(), asked_ts: None }
    }

    /// The same, with what a newer answer says and when it was asked for.
    pub(super) fn with(&self, rows: Vec<SigningKeyRow>, asked_ts: i64) -> Self {
        let mut keys = self.keys.clone();
        keys.extend(Self::from_rows(rows).keys);
        Self { keys, asked_ts: Some(asked_ts) }
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
