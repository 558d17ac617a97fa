//! What can be searched for: the texts of messages, room names and topics. What was just said is indexed a moment later, many texts at
//! once: by itself each would cost its sender as much as a fifth of the message. A search first indexes what waits.

use std::{error::Error, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{events::Pdu, notifier::Notifier},
    store::{Durability, EventSn, PutEvent, SearchText, StoreError, Tx},
};

use super::{Rooms, summary};

/// How long texts wait for others, which are indexed with them.
const WAIT: Duration = Duration::from_secs(1);
/// After an error, indexing is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// Texts of one transaction.
const AT_ONCE: i64 = 200;
/// Positions without a text that each search may look through again.
const FAR: i64 = 1000;

#[derive(Deserialize)]
struct Event {
    content: Value,
}

/// Whether events like this one have a text.
pub(super) fn has_text(event: &Pdu) -> bool {
    is_searched(&event.kind.to_string(), event.state_key.is_some())
}

fn is_searched(event_type: &str, is_state: bool) -> bool {
    matches!((event_type, is_state), ("m.room.message", false) | ("m.room.name" | "m.room.topic", true))
}

/// Indexes an event that is no news: part of a state, or of a room's history.
pub(super) async fn index(tx: &mut Tx, put: &PutEvent, event: &Pdu) -> Result<(), StoreError> {
    match event.content_as::<Value>() {
        Some(content) if has_text(event) => index_text(tx, put.sn, put.new, &event.kind.to_string(), &content).await,
        _ => Ok(()),
    }
}

/// `new`: it cannot have been indexed before.
async fn index_text(
    tx: &mut Tx,
    event: EventSn,
    new: bool,
    event_type: &str,
    content: &Value,
) -> Result<(), StoreError> {
    let text = |field: &str| content.get(field).and_then(Value::as_str);
    let topic;
    let text = match event_type {
        "m.room.message" => text("body").map(SearchText::Body),
        "m.room.name" => text("name").map(SearchText::Name),
        _ => {
            topic = summary::topic(content);
            topic.as_deref().map(SearchText::Topic)
        }
    };
    let Some(text) = text else { return Ok(()) };
    // It may have been written before, as part of the state that another server gave.
    if !new {
        tx.unindex_event(event).await?;
    }
    tx.index_event(event, text).await
}

impl Rooms {
    /// Indexes what is said, until `stop`.
    pub async fn index_texts(self, notifier: Notifier, stop: CancellationToken) {
        let mut texts = notifier.watch_texts();
        loop {
            texts.borrow_and_update();
            let indexed = self.index_now().await;
            if let Err(error) = &indexed {
                tracing::warn!(error = error as &dyn Error, "What was said could not be indexed.");
            }
            let news = async {
                if indexed.is_err() {
                    tokio::time::sleep(AGAIN).await;
                    return Ok(());
                }
                let changed = texts.changed().await;
                tokio::time::sleep(WAIT).await;
                changed
            };
            if !matches!(stop.run_until_cancelled(news).await, Some(Ok(()))) {
                return;
            }
        }
    }

    /// Indexes everything that waits.
    pub(super) async fn index_now(&self) -> Result<(), StoreError> {
        loop {
            let now = self.store.position();
            let mut db = self.store.read().await?;
            let behind = now.0.saturating_sub(db.indexed_position().await?.0);
            if behind < FAR && db.unindexed(1).await?.is_empty() {
                return Ok(());
            }
            drop(db);
            if self.store.write::<_, StoreError, _>(Durability::Normal, |tx| Box::pin(index_waiting(tx))).await? {
                return Ok(());
            }
        }
    }
}

/// Indexes the oldest of what waits; answers whether that was all.
async fn index_waiting(tx: &mut Tx) -> Result<bool, StoreError> {
    let waiting = tx.unindexed(AT_ONCE).await?;
    for event in &waiting {
        if is_searched(&event.event_type, event.is_state)
            && let Ok(Event { content }) = serde_json::from_str(&event.json)
        {
            index_text(tx, event.event, false, &event.event_type, &content).await?;
        }
    }
    let last = waiting.last().filter(|_| i64::try_from(waiting.len()).is_ok_and(|count| count >= AT_ONCE));
    let upto = last.map_or(tx.position(), |last| last.position);
    tx.set_indexed_position(upto).await?;
    Ok(last.is_none())
}
