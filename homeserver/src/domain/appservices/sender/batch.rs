//! What goes into a service's next transaction.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{
        appservices::{Appservice, Appservices},
        ephemeral::Ephemeral,
        events::{
            client_event::{client_event, mirror_redacts},
            versions,
        },
    },
    store::{Db, EventSn, Position, StoreError, StoredEvent},
};

use super::passing::Passing;

/// Events in one transaction.
const EVENTS: u32 = 100;
/// Bytes of events in one transaction; the first always goes.
const BYTES: usize = 4 << 20;

/// A transaction and how far it reaches.
pub(super) struct Batch {
    /// `None`: what happened since concerns the service not at all.
    pub body: Option<String>,
    pub events: Position,
    pub stream: Position,
}

/// The next transaction; `None` when nothing has happened since the last.
pub(super) async fn next(
    appservices: &Appservices,
    ephemeral: &Ephemeral,
    service: &Appservice,
    since: Position,
) -> Result<Option<Batch>, StoreError> {
    let store = &appservices.0.store;
    let now = store.position();
    let mut db = store.read().await?;
    let owed = db.appservice_events(service.sn, EVENTS).await?;
    if owed.is_empty() && now <= since {
        return Ok(None);
    }
    let (mut events, mut up_to, mut bytes) = (Vec::new(), Position(0), 0);
    for owed in owed {
        let json = match (owed.event, owed.json) {
            (Some(event), _) => shown(&mut db, event).await?,
            (None, json) => json.and_then(|json| RawValue::from_string(json).ok()),
        };
        bytes += json.as_ref().map_or(0, |json| json.get().len());
        if bytes > BYTES && !events.is_empty() {
            break;
        }
        events.extend(json);
        up_to = owed.position;
    }
    let passing = Passing::between(&mut db, appservices, ephemeral, service, since, now).await?;
    if events.is_empty() && passing.is_empty() && up_to == Position(0) {
        // Most commits concern no service: those are passed over in steps, each being a write.
        const STEP: i64 = 1000;
        let far = passing.up_to.0 - since.0 >= STEP || passing.up_to < now;
        return Ok(far.then_some(Batch { body: None, events: up_to, stream: passing.up_to }));
    }
    let mut body = Map::new();
    body.insert("events".to_owned(), json!(events));
    let stream = passing.up_to;
    let empty = events.is_empty() && passing.is_empty();
    passing.write(&mut body);
    let body = (!empty).then(|| Value::Object(body).to_string());
    Ok(Some(Batch { body, events: up_to, stream }))
}

/// The same for the same content as long as it is not acknowledged, and another for any other content.
pub(super) fn transaction_id(counter: i64, body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    format!("{counter}-{}", HEXLOWER.encode(digest.get(..8).unwrap_or_default()))
}

/// The event as the Client-Server API shows it; `None` when it is gone.
async fn shown(db: &mut Db, event: EventSn) -> Result<Option<Box<RawValue>>, StoreError> {
    let Some(event) = db.event_by_sn(event).await? else { return Ok(None) };
    let room = db.room(event.room).await?;
    let unsigned = unsigned(db, &event).await?;
    let mirrored = match versions::rules(&room.version) {
        Some(rules) if event.json.contains("\"m.room.redaction\"") => mirror_redacts(&event.json, &rules),
        _ => None,
    };
    let event = StoredEvent { json: mirrored.unwrap_or_else(|| event.json.clone()), ..event };
    client_event(&event, Some(&room.room_id), &unsigned).map(Some).map_err(|_| StoreError::Damaged("an event"))
}

/// What a state event took the place of: bridges tell a join from a changed name by it.
async fn unsigned(db: &mut Db, event: &StoredEvent) -> Result<Map<String, Value>, StoreError> {
    let mut unsigned = Map::new();
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
