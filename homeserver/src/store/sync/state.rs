//! The state of rooms now, and how it changed.

use std::collections::BTreeSet;

use sqlx::{FromRow, QueryBuilder, Sqlite};

use super::{EventSn, KeySn, Position, RoomSn, UserSn};
use crate::store::{Db, StoreError};

/// One entry of a room's state.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StateEntry {
    #[sqlx(rename = "key_sn")]
    pub key: KeySn,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub state_key: String,
    #[sqlx(rename = "event_sn")]
    pub event: EventSn,
}

/// One change of one entry.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StateChange {
    pub position: Position,
    #[sqlx(rename = "key_sn")]
    pub key: KeySn,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub state_key: String,
    /// None when the entry went away.
    #[sqlx(rename = "event_sn")]
    pub event: Option<EventSn>,
    /// None when there was no entry.
    #[sqlx(rename = "previous_sn")]
    pub previous: Option<EventSn>,
}

pub(super) const CHANGES: &str = "
    SELECT c.position, c.key_sn, t.type, k.state_key, c.event_sn, c.previous_sn
    FROM current_state_changes c JOIN state_keys k ON k.key_sn = c.key_sn JOIN event_types t ON t.type_sn = k.type_sn
    WHERE c.room_sn = $1 AND c.position > $2 ORDER BY c.position, c.key_sn";

const STATE_OF_TYPES: &str = "
    SELECT c.key_sn, t.type, k.state_key, c.event_sn
    FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn CROSS JOIN current_state c ON c.key_sn = k.key_sn
    WHERE c.room_sn = ";

pub(super) const STATE_ENTRY: &str = "
    SELECT c.key_sn, t.type, k.state_key, c.event_sn
    FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn CROSS JOIN current_state c ON c.room_sn = $1 AND c.key_sn = k.key_sn
    WHERE t.type = $2 AND k.state_key = $3";

pub(super) const FACE: &str = "
    SELECT t.type, j.json
    FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn
        CROSS JOIN current_state c ON c.room_sn = $1 AND c.key_sn = k.key_sn CROSS JOIN event_json j ON j.event_sn = c.event_sn
    WHERE t.type IN ('m.room.name', 'm.room.canonical_alias', 'm.room.avatar') AND k.state_key = ''";

impl Db {
    /// Those of the state events that are no member events, or of one of these users.
    pub async fn without_members(
        &mut self,
        events: &[EventSn],
        users: &BTreeSet<UserSn>,
    ) -> Result<Vec<EventSn>, StoreError> {
        let mut kept = Vec::new();
        for part in events.chunks(500) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT e.event_sn FROM events e JOIN state_keys k ON k.key_sn = e.key_sn JOIN event_types t ON t.type_sn = e.type_sn
                 LEFT JOIN users u ON u.user_id = k.state_key
                 WHERE e.event_sn IN (",
            );
            let mut list = query.separated(", ");
            for event in part {
                list.push_bind(*event);
            }
            query.push(") AND (t.type <> 'm.room.member' OR u.user_sn IN (");
            let mut list = query.separated(", ");
            for user in users {
                list.push_bind(*user);
            }
            query.push("))");
            kept.extend(query.build_query_scalar::<EventSn>().fetch_all(&mut self.0).await?);
        }
        Ok(kept)
    }

    /// How the room's state changed after `after`, oldest first.
    pub async fn state_changes(&mut self, room: RoomSn, after: Position) -> Result<Vec<StateChange>, StoreError> {
        if let Some(changes) = self.1.state_changes(room, after) {
            return Ok(changes);
        }
        Ok(sqlx::query_as(CHANGES).bind(room).bind(after).fetch_all(&mut self.0).await?)
    }

    /// The whole state of the room now.
    pub async fn state_entries(&mut self, room: RoomSn) -> Result<Vec<StateEntry>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT c.key_sn, t.type, k.state_key, c.event_sn
             FROM current_state c JOIN state_keys k ON k.key_sn = c.key_sn JOIN event_types t ON t.type_sn = k.type_sn
             WHERE c.room_sn = $1",
        )
        .bind(room)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// The state of the room now without its members. Walks the server's few state keys that are not members.
    pub async fn state_entries_but_members(&mut self, room: RoomSn) -> Result<Vec<StateEntry>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT c.key_sn, t.type, k.state_key, c.event_sn
             FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn
                 CROSS JOIN current_state c ON c.room_sn = $1 AND c.key_sn = k.key_sn
             WHERE t.type <> 'm.room.member'",
        )
        .bind(room)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// The entries of these types.
    pub async fn state_entries_of_types(
        &mut self,
        room: RoomSn,
        types: &[&str],
    ) -> Result<Vec<StateEntry>, StoreError> {
        if types.is_empty() {
            return Ok(Vec::new());
        }
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(STATE_OF_TYPES);
        query.push_bind(room);
        push_types(&mut query, types);
        Ok(query.build_query_as().fetch_all(&mut self.0).await?)
    }

    /// The entries of these types with one state key.
    pub async fn state_entries_with_key(
        &mut self,
        room: RoomSn,
        types: &[&str],
        state_key: &str,
    ) -> Result<Vec<StateEntry>, StoreError> {
        if types.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.1.entries(room, types, state_key) {
            return Ok(entries);
        }
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(STATE_OF_TYPES);
        query.push_bind(room);
        push_types(&mut query, types);
        query.push(" AND k.state_key = ").push_bind(state_key.to_owned());
        Ok(query.build_query_as().fetch_all(&mut self.0).await?)
    }

    /// The events that stand now under these keys.
    pub async fn state_events_by_keys(&mut self, room: RoomSn, keys: &[KeySn]) -> Result<Vec<EventSn>, StoreError> {
        let mut events = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(500) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("SELECT event_sn FROM current_state WHERE room_sn = ");
            query.push_bind(room).push(" AND key_sn IN (");
            let mut list = query.separated(", ");
            for key in chunk {
                list.push_bind(*key);
            }
            query.push(")");
            events.extend(query.build_query_scalar::<EventSn>().fetch_all(&mut self.0).await?);
        }
        Ok(events)
    }

    /// One entry.
    pub async fn sync_state_entry(
        &mut self,
        room: RoomSn,
        event_type: &str,
        state_key: &str,
    ) -> Result<Option<StateEntry>, StoreError> {
        Ok(sqlx::query_as(STATE_ENTRY).bind(room).bind(event_type).bind(state_key).fetch_optional(&mut self.0).await?)
    }

    /// The signed events that say what a room is called and how it looks: type and event.
    pub async fn face_events(&mut self, room: RoomSn) -> Result<Vec<(String, String)>, StoreError> {
        if let Some(face) = self.1.face(room) {
            return Ok(face);
        }
        Ok(sqlx::query_as(FACE).bind(room).fetch_all(&mut self.0).await?)
    }

    /// The signed event of one entry.
    pub async fn state_json(
        &mut self,
        room: RoomSn,
        event_type: &str,
        state_key: &str,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT j.json
             FROM event_types t CROSS JOIN state_keys k ON k.type_sn = t.type_sn
                 CROSS JOIN current_state c ON c.room_sn = $1 AND c.key_sn = k.key_sn CROSS JOIN event_json j ON j.event_sn = c.event_sn
             WHERE t.type = $2 AND k.state_key = $3",
        )
        .bind(room)
        .bind(event_type)
        .bind(state_key)
        .fetch_optional(&mut self.0)
        .await?)
    }
}

fn push_types(query: &mut QueryBuilder<Sqlite>, types: &[&str]) {
    query.push(" AND t.type IN (");
    let mut list = query.separated(", ");
    for event_type in types {
        list.push_bind((*event_type).to_owned());
    }
    query.push(")");
}
