//! Taking rooms, or their old history, out of the database.

use ruma::RoomId;
use sqlx::{QueryBuilder, Sqlite};

use super::{Db, EventSn, Position, RoomSn, StoreError, Tx};

impl Db {
    /// Whether nobody may enter the room: for good, or as long as it is being purged.
    pub async fn is_blocked(&mut self, room_id: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM blocked_rooms WHERE room_id = $1)
                 OR EXISTS (SELECT 1 FROM purging_rooms WHERE room_id = $1)",
        )
        .bind(room_id)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// Rooms whose purge was begun and is not over, with the ids that they had.
    pub async fn purging_rooms(&mut self) -> Result<Vec<(RoomSn, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT room_sn, room_id FROM purging_rooms ORDER BY room_sn").fetch_all(&mut self.0).await?)
    }

    /// All events of a room, on its timeline or not.
    pub async fn all_events(&mut self, room: RoomSn) -> Result<Vec<EventSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT event_sn FROM events WHERE room_sn = $1")
            .bind(room)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// Who blocked the room; the outer `None` when nobody did.
    pub async fn blocked_by(&mut self, room_id: &str) -> Result<Option<Option<String>>, StoreError> {
        Ok(sqlx::query_scalar("SELECT blocked_by FROM blocked_rooms WHERE room_id = $1")
            .bind(room_id)
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// Tables that have such a column, whichever migration made them. Asking the schema is SQLite's alone.
    async fn tables_with(&mut self, column: &str) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND c.name = $1 ORDER BY m.name",
        )
        .bind(column)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Tables that point to events, with the columns that do.
    async fn tables_of_events(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let mut tables: Vec<(String, String)> = sqlx::query_as(
            "SELECT m.name, f.\"from\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
             WHERE m.type = 'table' AND f.\"table\" = 'events' ORDER BY m.name",
        )
        .fetch_all(&mut self.0)
        .await?;
        let of_rooms = self.tables_with("room_sn").await?;
        for table in self.tables_with("event_sn").await? {
            if !of_rooms.contains(&table) && tables.iter().all(|(known, _)| *known != table) {
                tables.push((table, "event_sn".to_owned()));
            }
        }
        Ok(tables)
    }

    /// The columns of a table's primary key.
    async fn primary_key(&mut self, table: &str) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk")
            .bind(table)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// The newest event of a room's timeline that was sent at `ts` or before.
    pub async fn last_position_at(&mut self, room: RoomSn, ts: i64) -> Result<Option<Position>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT MAX(position) FROM events WHERE room_sn = $1 AND position IS NOT NULL AND origin_ts <= $2",
        )
        .bind(room)
        .bind(ts)
        .fetch_one(&mut self.0)
        .await?)
    }
}

impl Tx {
    pub async fn block_room(&mut self, room_id: &str, by: Option<&str>) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO blocked_rooms (room_id, blocked_by, blocked_ts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(room_id)
        .bind(by)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    pub async fn unblock_room(&mut self, room_id: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM blocked_rooms WHERE room_id = $1").bind(room_id).execute(&mut self.db.0).await?;
        Ok(())
    }

    /// From now on nobody finds the room, and what people have of it is gone: the purge of the rest has begun. False when there is no
    /// such room.
    pub async fn begin_purge(&mut self, room: RoomSn, nowhere: &RoomId) -> Result<bool, StoreError> {
        let Some(room_id) = sqlx::query_scalar::<_, String>("SELECT room_id FROM rooms WHERE room_sn = $1")
            .bind(room)
            .fetch_optional(&mut self.db.0)
            .await?
        else {
            return Ok(false);
        };
        sqlx::query("INSERT INTO purging_rooms (room_sn, room_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(room)
            .bind(&room_id)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("UPDATE rooms SET room_id = $2, snapshot_sn = NULL, published = 0 WHERE room_sn = $1")
            .bind(room)
            .bind(nowhere.as_str())
            .execute(&mut self.db.0)
            .await?;
        for statement in [
            "DELETE FROM local_memberships WHERE room_sn = $1",
            "DELETE FROM members WHERE room_sn = $1 AND server_sn = 1",
            "DELETE FROM aliases WHERE room_sn = $1",
            "DELETE FROM appservice_rooms WHERE room_sn = $1",
            "DELETE FROM account_data WHERE room_sn = $1",
            "DELETE FROM delayed_events WHERE room_sn = $1",
            "DELETE FROM thread_subscriptions WHERE room_sn = $1",
            "DELETE FROM outbox_rooms WHERE room_sn = $1",
            "DELETE FROM reports WHERE room_sn = $1",
            "DELETE FROM forward_extremities WHERE room_sn = $1",
            // What everybody might read is read by nobody any more.
            "DELETE FROM current_state WHERE room_sn = $1 AND key_sn IN (SELECT k.key_sn FROM event_types t
                 JOIN state_keys k ON k.type_sn = t.type_sn WHERE t.type = 'm.room.history_visibility')",
        ] {
            sqlx::query(statement).bind(room).execute(&mut self.db.0).await?;
        }
        sqlx::query("DELETE FROM staging WHERE room_id = $1").bind(room_id).execute(&mut self.db.0).await?;
        Ok(true)
    }

    /// Deletes some events of a room that is being purged, with all that points to them.
    pub async fn purge_events(&mut self, events: &[EventSn]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut tables = self.tables_of_events().await?;
        tables.insert(0, ("event_search".to_owned(), "rowid".to_owned()));
        // Nothing is left pointing to the events when these go.
        tables.push(("events".to_owned(), "event_sn".to_owned()));
        for (table, column) in tables {
            let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM ");
            query.push(table).push(" WHERE ").push(column).push(" IN (");
            let mut list = query.separated(", ");
            for event in events {
                list.push(event.0);
            }
            query.push(")");
            query.build().execute(&mut self.db.0).await?;
        }
        Ok(())
    }

    /// Deletes some rows of a room that is being purged and has no events any more; false when none were left.
    pub async fn purge_rows(&mut self, room: RoomSn, most: usize) -> Result<bool, StoreError> {
        let mut left = i64::try_from(most).unwrap_or(i64::MAX);
        for table in self.tables_with("room_sn").await? {
            if matches!(table.as_str(), "rooms" | "events" | "purging_rooms") {
                continue;
            }
            let key = self.primary_key(&table).await?.join(", ");
            let statement =
                format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE room_sn = $1 LIMIT $2)");
            let done =
                sqlx::query(sqlx::AssertSqlSafe(statement)).bind(room).bind(left).execute(&mut self.db.0).await?;
            left = left.saturating_sub_unsigned(done.rows_affected());
            if left <= 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The purge of a room is over. What sliding syncs remember of rooms goes with it: numbers of deleted rows are given out again.
    pub async fn end_purge(&mut self, room: RoomSn) -> Result<(), StoreError> {
        for statement in ["DELETE FROM rooms WHERE room_sn = $1", "DELETE FROM purging_rooms WHERE room_sn = $1"] {
            sqlx::query(statement).bind(room).execute(&mut self.db.0).await?;
        }
        sqlx::query("DELETE FROM sync_connections").execute(&mut self.db.0).await?;
        Ok(())
    }

    /// Deletes the newest messages of a room before a position, but never state, nor the newest events of all; with `local`, our users'
    /// too. Answers where those that are left begin; `None` when there are none.
    ///
    /// Redactions are to go last, by calls of their own: an event that stays must find the one that redacted it. Children go before or with
    /// their parents, so that of a whole stretch only the newest is still named by something.
    pub async fn purge_history(
        &mut self,
        room: RoomSn,
        before: Position,
        (local, redactions): (bool, bool),
        most: i64,
    ) -> Result<Option<Position>, StoreError> {
        let gone: Vec<(EventSn, Position)> = sqlx::query_as(
            "SELECT e.event_sn, e.position FROM events e JOIN users u ON u.user_sn = e.sender_sn
             WHERE e.room_sn = $1 AND e.position < $2 AND e.key_sn IS NULL AND e.standing <> 3
               AND ($3 OR u.server_sn <> 1)
               AND (e.type_sn IN (SELECT type_sn FROM event_types WHERE type = 'm.room.redaction')) = $4
               AND NOT EXISTS (SELECT 1 FROM events r WHERE r.redacted_by = e.event_sn)
               AND NOT EXISTS (SELECT 1 FROM forward_extremities x WHERE x.room_sn = e.room_sn AND x.event_sn = e.event_sn)
             ORDER BY e.position DESC LIMIT $5",
        )
        .bind(room)
        .bind(before)
        .bind(local)
        .bind(redactions)
        .bind(most)
        .fetch_all(&mut self.db.0)
        .await?;
        let events: Vec<EventSn> = gone.iter().map(|(event, _)| *event).collect();
        self.purge_messages(room, &events).await?;
        let full = i64::try_from(gone.len()).is_ok_and(|count| count >= most);
        Ok(gone.last().map(|(_, position)| *position).filter(|_| full))
    }

    /// Deletes events, children with their parents; what others that stay name is known by its id alone, and history is missing there.
    async fn purge_messages(&mut self, room: RoomSn, events: &[EventSn]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let related: Vec<EventSn> = of_these("SELECT event_sn FROM relations WHERE event_sn", events)
            .build_query_scalar()
            .fetch_all(&mut self.db.0)
            .await?;
        for event in related {
            self.remove_relation(event).await?;
        }
        for statement in [
            "DELETE FROM event_search WHERE rowid",
            "DELETE FROM event_json WHERE event_sn",
            "DELETE FROM redacted_originals WHERE event_sn",
            "DELETE FROM event_transactions WHERE event_sn",
            "DELETE FROM notifications WHERE event_sn",
            "DELETE FROM outbox_events WHERE event_sn",
            "DELETE FROM appservice_events WHERE event_sn",
            "DELETE FROM pending_redactions WHERE redaction_sn",
            "DELETE FROM edges WHERE event_sn",
        ] {
            of_these(statement, events).build().execute(&mut self.db.0).await?;
        }
        let mut query = of_these("DELETE FROM backward_extremities WHERE child_sn", events);
        query.push(" AND room_sn = ").push_bind(room);
        query.build().execute(&mut self.db.0).await?;
        for head in [
            "INSERT INTO backward_extremities (event_sn, child_sn, room_sn)
             SELECT g.parent_sn, g.event_sn, c.room_sn FROM edges g JOIN events c ON c.event_sn = g.event_sn
             WHERE g.kind = 0 AND c.position IS NOT NULL AND g.parent_sn",
            "INSERT INTO timeline_gaps (room_sn, before_position)
             SELECT c.room_sn, c.position FROM edges g JOIN events c ON c.event_sn = g.event_sn
             WHERE g.kind = 0 AND c.position IS NOT NULL AND g.parent_sn",
        ] {
            let mut query = of_these(head, events);
            query.push(" ON CONFLICT DO NOTHING");
            query.build().execute(&mut self.db.0).await?;
        }
        for (head, named) in [
            (
                "UPDATE events SET standing = 3, position = NULL, snapshot_sn = NULL, redacted_by = NULL WHERE event_sn",
                " AND EXISTS (SELECT 1 FROM edges WHERE parent_sn = events.event_sn)",
            ),
            (
                "DELETE FROM events WHERE event_sn",
                " AND NOT EXISTS (SELECT 1 FROM edges WHERE parent_sn = events.event_sn)",
            ),
        ] {
            let mut query = of_these(head, events);
            query.push(named);
            query.build().execute(&mut self.db.0).await?;
        }
        Ok(())
    }
}

/// A statement about these events alone.
fn of_these(head: &'static str, events: &[EventSn]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(head);
    query.push(" IN (");
    let mut list = query.separated(", ");
    for event in events {
        list.push(event.0);
    }
    query.push(")");
    query
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use crate::{clock::Clock, store::Store};

    #[tokio::test]
    async fn tables_of_rooms_and_events_are_found_in_the_schema() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path, server_name!("one.example"), Clock::from_fn(|| 1_000), |_| ()).await?;
        let mut db = store.read().await?;
        let of_rooms = db.tables_with("room_sn").await?;
        for table in
            ["account_data", "aliases", "delayed_events", "events", "members", "receipts", "rooms", "snapshots"]
        {
            assert!(of_rooms.iter().any(|found| found == table), "{table}");
        }
        let of_events = db.tables_of_events().await?;
        for table in ["appservice_events", "edges", "event_json", "notifications", "redacted_originals", "relations"] {
            assert!(of_events.contains(&(table.to_owned(), "event_sn".to_owned())), "{table}");
        }
        assert!(of_events.contains(&("pending_redactions".to_owned(), "redaction_sn".to_owned())));
        assert_eq!(db.primary_key("members").await?, ["room_sn", "user_sn"]);
        assert_eq!(db.primary_key("events").await?, ["event_sn"]);
        Ok(())
    }
}
