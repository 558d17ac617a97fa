//! Events as one user's client sees them, with `unsigned` and bundled relations.

use std::collections::HashSet;

use ruma::{DeviceId, OwnedEventId, RoomId, UserId, room_version_rules::RoomVersionRules};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    domain::events::client_event::{client_event, mirror_redacts},
    store::{Db, StoreError, StoredEvent, UserSn},
};

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

/// Relations that are bundled with the event they name.
const BUNDLED: [&str; 3] = ["m.replace", "m.thread", "m.reference"];

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
        let mut shown = Vec::with_capacity(events.len());
        for event in events {
            shown.push(self.show_one(db, event, room_id, rules, &related).await?);
        }
        Ok(shown)
    }

    async fn show_one(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        room_id: Option<&RoomId>,
        rules: &RoomVersionRules,
        related: &HashSet<(String, String)>,
    ) -> Result<Box<RawValue>, StoreError> {
        let damaged = |_| StoreError::Damaged("an event");
        let mut unsigned = self.unsigned(db, event).await?;
        if event.redacted_by.is_none() {
            let relations = self.bundle(db, event, room_id, rules, related).await?;
            if !relations.is_empty() {
                unsigned.insert("m.relations".to_owned(), Value::Object(relations));
            }
        }
        if let Some(redaction) = event.redacted_by
            && let Some(redaction) = db.event_by_sn(redaction).await?
        {
            let because = self.plain(db, &redaction, room_id, rules).await?;
            unsigned.insert("redacted_because".to_owned(), serde_json::from_str(because.get()).map_err(damaged)?);
        }
        if event.json.contains("\"m.room.redaction\"")
            && let Some(json) = mirror_redacts(&event.json, rules)
        {
            let event = StoredEvent { json, ..event.clone() };
            return client_event(&event, room_id, &unsigned).map_err(damaged);
        }
        client_event(event, room_id, &unsigned).map_err(damaged)
    }

    /// An event inside another's `unsigned`: without relations of its own.
    async fn plain(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        room_id: Option<&RoomId>,
        rules: &RoomVersionRules,
    ) -> Result<Box<RawValue>, StoreError> {
        let unsigned = self.unsigned(db, event).await?;
        let json = mirror_redacts(&event.json, rules).unwrap_or_else(|| event.json.clone());
        client_event(&StoredEvent { json, ..event.clone() }, room_id, &unsigned)
            .map_err(|_| StoreError::Damaged("an event"))
    }

    async fn unsigned(&self, db: &mut Db, event: &StoredEvent) -> Result<Map<String, Value>, StoreError> {
        let mut unsigned = Map::new();
        if event.position.is_some() {
            unsigned.insert("age".to_owned(), (self.now_ms - event.origin_ts).max(0).into());
        }
        if event.sender == self.user
            && let Some(device_id) = self.device_id
            && let Some(txn_id) = db.transaction_id(event.sn, self.user, device_id.as_str()).await?
        {
            unsigned.insert("transaction_id".to_owned(), txn_id.into());
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

    /// Bundled aggregations (Client-Server API, "Aggregations of child events").
    async fn bundle(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        room_id: Option<&RoomId>,
        rules: &RoomVersionRules,
        related: &HashSet<(String, String)>,
    ) -> Result<Map<String, Value>, StoreError> {
        let damaged = |_| StoreError::Damaged("an event");
        let mut relations = Map::new();
        for rel_type in BUNDLED {
            if !related.contains(&(event.event_id.to_string(), rel_type.to_owned())) {
                continue;
            }
            let children = db.relations(&event.event_id, rel_type, 50).await?;
            match rel_type {
                // The newest edit by the author, of the same type.
                "m.replace" => {
                    if let Some(edit) = children.iter().find(|edit| edit.sender == event.sender && edit.key.is_none()) {
                        let edit = self.plain(db, edit, room_id, rules).await?;
                        relations.insert(rel_type.to_owned(), serde_json::from_str(edit.get()).map_err(damaged)?);
                    }
                }
                "m.thread" => {
                    if let Some(latest) = children.first() {
                        let (count, participated) = db.relation_count(&event.event_id, rel_type, self.user).await?;
                        let latest = self.plain(db, latest, room_id, rules).await?;
                        let mut thread = Map::new();
                        thread.insert("latest_event".to_owned(), serde_json::from_str(latest.get()).map_err(damaged)?);
                        thread.insert("count".to_owned(), count.into());
                        let participated = participated || event.sender == self.user;
                        thread.insert("current_user_participated".to_owned(), participated.into());
                        relations.insert(rel_type.to_owned(), Value::Object(thread));
                    }
                }
                _ => {
                    let ids: Vec<OwnedEventId> = children.into_iter().map(|child| child.event_id).collect();
                    let chunk = ids.iter().map(|id| serde_json::json!({ "event_id": id })).collect::<Vec<_>>();
                    relations.insert(rel_type.to_owned(), serde_json::json!({ "chunk": chunk }));
                }
            }
        }
        Ok(relations)
    }
}
