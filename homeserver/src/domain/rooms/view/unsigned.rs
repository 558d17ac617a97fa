//! Events as one user's client sees them, with `unsigned` and bundled relations.

mod bundle;
mod memberships;

use std::collections::{BTreeSet, HashMap, HashSet};

use ruma::{DeviceId, RoomId, UserId, room_version_rules::RoomVersionRules};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    domain::events::client_event::{client_event, mirror_redacts},
    store::{Db, EventSn, Membership, Position, StoreError, StoredEvent, UserSn},
};

use self::memberships::Memberships;
use super::{super::delayed::DELAYED, ignored::ignored_sns};

/// For whom events are shown.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    pub user: UserSn,
    pub user_id: &'a UserId,
    /// Transaction ids go to the device that made them.
    pub device_id: Option<&'a DeviceId>,
    /// Milliseconds since 1970, for `age`.
    pub now_ms: i64,
}

/// What holds for all events of one answer.
struct Showing<'a> {
    room_id: Option<&'a RoomId>,
    rules: &'a RoomVersionRules,
    /// Relations of these users are not told of,
    ignored: BTreeSet<UserSn>,
    /// nor those that came after the viewer left.
    upto: Position,
}

impl Showing<'_> {
    fn reaches(&self, event: &StoredEvent) -> bool {
        event.position.is_some_and(|position| position <= self.upto)
    }
}

impl Viewer<'_> {
    /// The events as JSON for clients; `room_id` is left out where the answer says it already.
    pub async fn show(
        &self,
        db: &mut Db,
        events: &[StoredEvent],
        room_id: Option<&RoomId>,
        rules: &RoomVersionRules,
    ) -> Result<Vec<Box<RawValue>>, StoreError> {
        let ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
        let related = db.related_targets(&ids).await?;
        let ignored = if related.is_empty() { BTreeSet::new() } else { ignored_sns(db, self.user).await? };
        let sent = self.transaction_ids(db, events).await?;
        let mine = match events.first() {
            Some(event) => db.local_membership(self.user, event.room).await?,
            None => None,
        };
        let left = mine.as_ref().and_then(|mine| mine.departure.position);
        let showing = Showing { room_id, rules, ignored, upto: left.unwrap_or(Position(i64::MAX)) };
        let mut memberships = Memberships::of(self.user_id, mine);
        let mut shown = Vec::with_capacity(events.len());
        for event in events {
            let membership = memberships.at(db, event).await?;
            shown.push(self.show_one(db, event, &showing, &related, &sent, membership).await?);
        }
        Ok(shown)
    }

    async fn show_one(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        showing: &Showing<'_>,
        related: &HashSet<(String, String)>,
        sent: &HashMap<EventSn, String>,
        membership: Option<Membership>,
    ) -> Result<Box<RawValue>, StoreError> {
        let mut unsigned = self.unsigned(db, event, sent).await?;
        if let Some(membership) = membership {
            unsigned.insert("membership".to_owned(), membership.as_str().into());
        }
        let relations = self.bundle(db, event, showing, related).await?;
        if !relations.is_empty() {
            unsigned.insert("m.relations".to_owned(), Value::Object(relations));
        }
        if let Some(redaction) = event.redacted_by
            && let Some(redaction) = db.event_by_sn(redaction).await?
        {
            let because = self.plain(db, &redaction, showing, Map::new()).await?;
            unsigned.insert("redacted_because".to_owned(), because);
        }
        written(event, showing, &unsigned)
    }

    /// An event inside another's `unsigned`, with the relations that it has there.
    async fn plain(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        showing: &Showing<'_>,
        relations: Map<String, Value>,
    ) -> Result<Value, StoreError> {
        let sent = self.transaction_ids(db, std::slice::from_ref(event)).await?;
        let mut unsigned = self.unsigned(db, event, &sent).await?;
        if !relations.is_empty() {
            unsigned.insert("m.relations".to_owned(), Value::Object(relations));
        }
        let shown = written(event, showing, &unsigned)?;
        serde_json::from_str(shown.get()).map_err(|_| StoreError::Damaged("an event"))
    }

    /// The transaction ids of the events that this very device sent.
    async fn transaction_ids(
        &self,
        db: &mut Db,
        events: &[StoredEvent],
    ) -> Result<HashMap<EventSn, String>, StoreError> {
        let Some(device_id) = self.device_id else { return Ok(HashMap::new()) };
        let own: Vec<EventSn> = events.iter().filter(|event| event.sender == self.user).map(|event| event.sn).collect();
        db.transaction_ids(&own, self.user, device_id.as_str()).await
    }

    async fn unsigned(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        sent: &HashMap<EventSn, String>,
    ) -> Result<Map<String, Value>, StoreError> {
        let mut unsigned = Map::new();
        if event.position.is_some() {
            unsigned.insert("age".to_owned(), (self.now_ms - event.origin_ts).max(0).into());
        }
        if let Some(txn_id) = sent.get(&event.sn) {
            // One that waited has the server's own transaction id.
            match txn_id.strip_prefix(DELAYED) {
                Some(delay_id) => unsigned.insert("org.matrix.msc4140.delay_id".to_owned(), delay_id.into()),
                None => unsigned.insert("transaction_id".to_owned(), txn_id.as_str().into()),
            };
        }
        if let (Some(key), Some(snapshot)) = (event.key, event.snapshot)
            && let Some(previous) = db.state_entry(snapshot, key).await?
            && let Some(previous) = db.event_by_sn(previous).await?
        {
            let body: Value = serde_json::from_str(&previous.json).map_err(|_| StoreError::Damaged("an event"))?;
            for (name, field) in [("prev_content", "content"), ("prev_sender", "sender")] {
                if let Some(value) = body.get(field) {
                    unsigned.insert(name.to_owned(), value.clone());
                }
            }
            unsigned.insert("replaces_state".to_owned(), previous.event_id.to_string().into());
        }
        Ok(unsigned)
    }
}

/// The event with this `unsigned`; a redaction names what it redacts in both places.
fn written(
    event: &StoredEvent,
    showing: &Showing<'_>,
    unsigned: &Map<String, Value>,
) -> Result<Box<RawValue>, StoreError> {
    let mirrored =
        event.json.contains("\"m.room.redaction\"").then(|| mirror_redacts(&event.json, showing.rules)).flatten();
    let shown = match mirrored {
        Some(json) => client_event(&StoredEvent { json, ..event.clone() }, showing.room_id, unsigned),
        None => client_event(event, showing.room_id, unsigned),
    };
    shown.map_err(|_| StoreError::Damaged("an event"))
}
