//! Events as a client's sync shows them: timelines in full, state without what nobody reads there.

use ruma::serde::Raw;
use serde_json::{Map, value::to_raw_value};

use crate::{
    domain::{
        events::{client_event::client_event, versions},
        rooms,
    },
    store::{Db, EventRow, StoreError, StoredEvent},
};

use super::Viewer;

/// A timeline's events, with the viewer's own `unsigned` and bundled relations.
pub(super) async fn timeline<T>(
    db: &mut Db,
    viewer: &Viewer,
    rows: &[EventRow],
    now_ms: i64,
) -> Result<Vec<Raw<T>>, StoreError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let rules = versions::rules(&first.version).ok_or(StoreError::Damaged("a room's version"))?;
    let stored: Vec<StoredEvent> = rows.iter().map(EventRow::stored).collect();
    let device_id = Some(&*viewer.device_id);
    let viewer = rooms::Viewer { user: viewer.user, user_id: &viewer.user_id, device_id, now_ms };
    let shown = viewer.show(db, &stored, None, &rules).await?;
    Ok(shown.into_iter().map(Raw::from_json).collect())
}

/// Events as servers send them to each other, with their ids, which those leave out.
pub(super) fn raw<T>(rows: &[EventRow]) -> Result<Vec<Raw<T>>, StoreError> {
    rows.iter()
        .map(|row| {
            let damaged = |_| StoreError::Damaged("an event");
            let mut event: Map<String, serde_json::Value> = serde_json::from_str(&row.json).map_err(damaged)?;
            event.insert("event_id".to_owned(), row.event_id.as_str().into());
            Ok(Raw::from_json(to_raw_value(&event).map_err(damaged)?))
        })
        .collect()
}

/// State events: no more than `age` is said of them.
pub(super) fn state<T>(rows: &[EventRow], now_ms: i64) -> Result<Vec<Raw<T>>, StoreError> {
    rows.iter()
        .map(|row| {
            let age = now_ms.saturating_sub(row.origin_ts).max(0);
            let unsigned = Map::from_iter([("age".to_owned(), age.into())]);
            let shown = client_event(&row.stored(), None, &unsigned).map_err(|_| StoreError::Damaged("an event"))?;
            Ok(Raw::from_json(shown))
        })
        .collect()
}
