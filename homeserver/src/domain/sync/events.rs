//! Events as a client's sync shows them: without federation's fields, with `unsigned` of the viewer's own.

use std::collections::BTreeMap;

use ruma::serde::Raw;
use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};

use crate::store::{Db, EventRow, EventSn, StoreError};

use super::Viewer;

/// Formats events, in the order given.
pub(super) async fn format<T>(
    db: &mut Db,
    viewer: &Viewer,
    rows: &[EventRow],
    now_ms: i64,
) -> Result<Vec<Raw<T>>, StoreError> {
    let own: Vec<EventSn> = rows.iter().filter(|row| row.sender == viewer.user).map(|row| row.event).collect();
    let transactions = db.own_transaction_ids(viewer.user, viewer.device_id.as_str(), &own).await?;
    let redactions: Vec<EventSn> = rows.iter().filter_map(|row| row.redacted_by).collect();
    let redactions: BTreeMap<EventSn, EventRow> =
        db.event_rows(&redactions).await?.into_iter().map(|row| (row.event, row)).collect();
    let mut formatted = Vec::with_capacity(rows.len());
    for row in rows {
        let mut unsigned = Map::new();
        unsigned.insert("age".to_owned(), now_ms.saturating_sub(row.origin_ts).max(0).into());
        if let Some(txn_id) = transactions.get(&row.event) {
            unsigned.insert("transaction_id".to_owned(), txn_id.as_str().into());
        }
        if let Some(redaction) = row.redacted_by.and_then(|event| redactions.get(&event)) {
            let because = client_event(redaction, &Map::new())?;
            unsigned.insert("redacted_because".to_owned(), json!(because));
        }
        formatted.push(Raw::from_json(client_event(row, &unsigned)?));
    }
    Ok(formatted)
}

fn client_event(row: &EventRow, unsigned: &Map<String, Value>) -> Result<Box<RawValue>, StoreError> {
    const FEDERATION_ONLY: [&str; 8] =
        ["auth_events", "prev_events", "depth", "hashes", "signatures", "origin", "room_id", "unsigned"];
    let damaged = |_| StoreError::Damaged("an event");
    let mut event: BTreeMap<&str, &RawValue> = serde_json::from_str(&row.json).map_err(damaged)?;
    event.retain(|field, _| !FEDERATION_ONLY.contains(field));
    let event_id = to_raw_value(&row.event_id).map_err(damaged)?;
    event.insert("event_id", &event_id);
    let unsigned = to_raw_value(unsigned).map_err(damaged)?;
    event.insert("unsigned", &unsigned);
    to_raw_value(&event).map_err(damaged)
}
