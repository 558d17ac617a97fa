//! Bundled aggregations (Client-Server API, "Aggregations of child events"): edits, threads, references.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::store::{Db, StoreError, StoredEvent};

use super::{Showing, Viewer};

/// Edits of one event that are looked at, newest first, and references of which it is told.
const EDITS: i64 = 20;
const REFERENCES: i64 = 100;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "m.relates_to")]
    relates_to: Option<Relation>,
    #[serde(rename = "m.new_content")]
    new_content: Option<Value>,
}

#[derive(Deserialize)]
struct Relation {
    rel_type: Option<String>,
}

impl Viewer<'_> {
    /// What others made of the event. `related` says of which (event id, type) there are relations at all.
    pub(super) async fn bundle(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        showing: &Showing<'_>,
        related: &HashSet<(String, String)>,
    ) -> Result<Map<String, Value>, StoreError> {
        let mut relations = Map::new();
        if event.key.is_some() || event.redacted_by.is_some() {
            return Ok(relations);
        }
        let has = |rel_type: &str| related.contains(&(event.event_id.to_string(), rel_type.to_owned()));
        if has("m.replace")
            && let Some(edit) = self.newest_edit(db, event, showing).await?
        {
            relations.insert("m.replace".to_owned(), self.plain(db, &edit, showing, Map::new()).await?);
        }
        if has("m.reference") {
            relations.extend(references(db, event, showing).await?);
        }
        if has("m.thread")
            && let Some(thread) = self.thread(db, event, showing).await?
        {
            relations.insert("m.thread".to_owned(), thread);
        }
        Ok(relations)
    }

    /// The most recent valid edit (Client-Server API, "Validity of replacement events").
    async fn newest_edit(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        showing: &Showing<'_>,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let Ok(original) = serde_json::from_str::<Event>(&event.json) else { return Ok(None) };
        let is_edit = original
            .content
            .relates_to
            .as_ref()
            .is_some_and(|relation| relation.rel_type.as_deref() == Some("m.replace"));
        if is_edit || showing.ignored.contains(&event.sender) {
            return Ok(None);
        }
        let edits = db.edits(event.room, &event.event_id, event.sender, EDITS).await?;
        let valid = |edit: &StoredEvent| {
            let body = serde_json::from_str::<Event>(&edit.json);
            body.is_ok_and(|body| {
                let encrypted = body.kind == "m.room.encrypted";
                body.kind == original.kind && (encrypted || body.content.new_content.is_some_and(|new| new.is_object()))
            })
        };
        Ok(edits.into_iter().find(|edit| edit.key.is_none() && showing.reaches(edit) && valid(edit)))
    }

    async fn thread(
        &self,
        db: &mut Db,
        event: &StoredEvent,
        showing: &Showing<'_>,
    ) -> Result<Option<Value>, StoreError> {
        let Some(summary) =
            db.thread_summary(event.room, &event.event_id, self.user, &showing.ignored, showing.upto).await?
        else {
            return Ok(None);
        };
        let Some(latest) = db.event_by_sn(summary.latest).await? else { return Ok(None) };
        // Nothing may start a thread off an event of a thread, so that this goes one level deep.
        let mut relations = Map::new();
        if let Some(edit) = self.newest_edit(db, &latest, showing).await? {
            relations.insert("m.replace".to_owned(), self.plain(db, &edit, showing, Map::new()).await?);
        }
        relations.extend(references(db, &latest, showing).await?);
        Ok(Some(json!({
            "latest_event": self.plain(db, &latest, showing, relations).await?,
            "count": summary.count,
            "current_user_participated": summary.participated || event.sender == self.user,
        })))
    }
}

/// The events that refer to this one, oldest first.
async fn references(
    db: &mut Db,
    event: &StoredEvent,
    showing: &Showing<'_>,
) -> Result<Option<(String, Value)>, StoreError> {
    let references = db.relations(event.room, &event.event_id, "m.reference", REFERENCES).await?;
    let told =
        references.into_iter().rev().filter(|child| !showing.ignored.contains(&child.sender) && showing.reaches(child));
    let chunk: Vec<Value> = told.map(|child| json!({ "event_id": child.event_id })).collect();
    Ok((!chunk.is_empty()).then(|| ("m.reference".to_owned(), json!({ "chunk": chunk }))))
}
