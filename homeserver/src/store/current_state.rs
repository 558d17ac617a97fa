//! The state of rooms now, as plain rows: ordinary requests never touch a snapshot.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Sqlite};

use super::{
    Db, EventSn, KeySn, Position, RoomSn, StoreError, StoredEvent, Tx,
    events::{EventRow, event_columns},
};

impl Db {
    /// One state event of the room now.
    pub async fn current_state_event(
        &mut self,
        room: RoomSn,
        event_type: &str,
        state_key: &str,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let row: Option<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM event_types t JOIN state_keys k USING (type_sn) JOIN current_state s ON s.key_sn = k.key_sn AND s.room_sn = $1
             JOIN events e ON e.event_sn = s.event_sn JOIN event_json j ON j.event_sn = e.event_sn
             WHERE t.type = $2 AND k.state_key = $3"
        ))
        .bind(room)
        .bind(event_type)
        .bind(state_key)
        .fetch_optional(&mut self.0)
        .await?;
        row.map(EventRow::read).transpose()
    }

    /// The state events that stand at these places now, with type and state key; places where nothing stands are left out.
    pub async fn current_state_events(
        &mut self,
        room: RoomSn,
        places: &[(String, String)],
    ) -> Result<Vec<(String, String, StoredEvent)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Standing {
            #[sqlx(rename = "type")]
            event_type: String,
            state_key: String,
            #[sqlx(flatten)]
            event: EventRow,
        }
        let mut found = Vec::with_capacity(places.len());
        for part in places.chunks(200) {
            let mut query = QueryBuilder::<Sqlite>::new("WITH places (type, state_key) AS (");
            query.push_values(part, |mut row, (event_type, state_key)| {
                row.push_bind(event_type.as_str()).push_bind(state_key.as_str());
            });
            query.push(concat!(
                ") SELECT t.type, k.state_key, ",
                event_columns!(),
                " FROM places p CROSS JOIN event_types t ON t.type = p.type CROSS JOIN state_keys k ON k.type_sn = t.type_sn AND k.state_key = p.state_key
                 CROSS JOIN current_state s ON s.key_sn = k.key_sn JOIN events e ON e.event_sn = s.event_sn
                 JOIN event_json j ON j.event_sn = e.event_sn WHERE s.room_sn = "
            ));
            query.push_bind(room);
            for row in query.build_query_as::<Standing>().fetch_all(&mut self.0).await? {
                found.push((row.event_type, row.state_key, row.event.read()?));
            }
        }
        Ok(found)
    }

    /// The whole state of the room now.
    pub async fn current_state(&mut self, room: RoomSn) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM current_state s JOIN events e ON e.event_sn = s.event_sn JOIN event_json j ON j.event_sn = e.event_sn
             WHERE s.room_sn = $1"
        ))
        .bind(room)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// State events of one type, whatever their state key.
    pub async fn current_state_of_type(
        &mut self,
        room: RoomSn,
        event_type: &str,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM event_types t JOIN state_keys k USING (type_sn) JOIN current_state s ON s.key_sn = k.key_sn AND s.room_sn = $1
             JOIN events e ON e.event_sn = s.event_sn JOIN event_json j ON j.event_sn = e.event_sn WHERE t.type = $2"
        ))
        .bind(room)
        .bind(event_type)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// The state of the room now, by numbers.
    pub async fn current_state_map(&mut self, room: RoomSn) -> Result<BTreeMap<KeySn, EventSn>, StoreError> {
        let rows: Vec<(KeySn, EventSn)> =
            sqlx::query_as("SELECT key_sn, event_sn FROM current_state WHERE room_sn = $1")
                .bind(room)
                .fetch_all(&mut self.0)
                .await?;
        Ok(rows.into_iter().collect())
    }
}

impl Tx {
    /// One entry of the state changes at `position`; `None` takes it away. Answers what stood there before.
    pub async fn change_current_state(
        &mut self,
        room: RoomSn,
        position: Position,
        key: KeySn,
        event: Option<EventSn>,
    ) -> Result<Option<EventSn>, StoreError> {
        let previous: Option<EventSn> =
            sqlx::query_scalar("SELECT event_sn FROM current_state WHERE room_sn = $1 AND key_sn = $2")
                .bind(room)
                .bind(key)
                .fetch_optional(&mut self.db.0)
                .await?;
        match event {
            Some(event) => {
                sqlx::query(
                    "INSERT INTO current_state (room_sn, key_sn, event_sn, position) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (room_sn, key_sn) DO UPDATE SET event_sn = excluded.event_sn, position = excluded.position",
                )
                .bind(room)
                .bind(key)
                .bind(event)
                .bind(position)
                .execute(&mut self.db.0)
                .await?;
            }
            None => {
                sqlx::query("DELETE FROM current_state WHERE room_sn = $1 AND key_sn = $2")
                    .bind(room)
                    .bind(key)
                    .execute(&mut self.db.0)
                    .await?;
            }
        }
        sqlx::query(
            "INSERT INTO current_state_changes (room_sn, position, key_sn, event_sn, previous_sn) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (room_sn, position, key_sn) DO UPDATE SET event_sn = excluded.event_sn",
        )
        .bind(room)
        .bind(position)
        .bind(key)
        .bind(event)
        .bind(previous)
        .execute(&mut self.db.0)
        .await?;
        Ok(previous)
    }
}
