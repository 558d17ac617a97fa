//! Taking rooms, or their old history, out of the database.

use super::{Db, EventSn, Position, RoomSn, StoreError, Tx};

impl Db {
    /// Whether nobody may enter the room any more.
    pub async fn is_blocked(&mut self, room_id: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM blocked_rooms WHERE room_id = $1)")
            .bind(room_id)
            .fetch_one(&mut self.0)
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

    /// Deletes everything of a room, and what sliding syncs remember of rooms: numbers of deleted rows are given out again.
    pub async fn purge_room(&mut self, room: RoomSn) -> Result<(), StoreError> {
        let room_id = self.room_id(room).await?;
        self.unindex_room(room).await?;
        let of_events = self.tables_with("event_sn").await?;
        let of_rooms = self.tables_with("room_sn").await?;
        let mut statements = Vec::new();
        for table in of_events.iter().filter(|table| !of_rooms.contains(table)) {
            let events = "(SELECT event_sn FROM events WHERE room_sn = $1)";
            statements.push(format!("DELETE FROM {table} WHERE event_sn IN {events}"));
        }
        // Nothing is left pointing to events and the room when these go.
        let last = ["events", "rooms"];
        let others = of_rooms.iter().map(String::as_str).filter(|table| !last.contains(table));
        statements.extend(others.chain(last).map(|table| format!("DELETE FROM {table} WHERE room_sn = $1")));
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(room).execute(&mut self.db.0).await?;
        }
        sqlx::query("DELETE FROM staging WHERE room_id = $1").bind(room_id.as_str()).execute(&mut self.db.0).await?;
        sqlx::query("DELETE FROM sync_connections").execute(&mut self.db.0).await?;
        Ok(())
    }

    /// Deletes messages of a room before a position, but never state, nor the newest events; with `local`, our users' too.
    /// Answers how many.
    pub async fn purge_history(&mut self, room: RoomSn, before: Position, local: bool) -> Result<u64, StoreError> {
        let mut purged = 0;
        // Redactions go last: an event that stays must find the one that redacted it. Children go before their parents, so that of a
        // whole stretch only the newest is still named by something.
        for redactions in [false, true] {
            let gone: Vec<EventSn> = sqlx::query_scalar(
                "SELECT e.event_sn FROM events e JOIN users u ON u.user_sn = e.sender_sn
                 WHERE e.room_sn = $1 AND e.position < $2 AND e.key_sn IS NULL AND e.standing <> 3
                   AND ($3 OR u.server_sn <> 1)
                   AND (e.type_sn IN (SELECT type_sn FROM event_types WHERE type = 'm.room.redaction')) = $4
                   AND NOT EXISTS (SELECT 1 FROM events r WHERE r.room_sn = e.room_sn AND r.redacted_by = e.event_sn)
                   AND NOT EXISTS (SELECT 1 FROM forward_extremities x WHERE x.room_sn = e.room_sn AND x.event_sn = e.event_sn)
                 ORDER BY e.position DESC",
            )
            .bind(room)
            .bind(before)
            .bind(local)
            .bind(redactions)
            .fetch_all(&mut self.db.0)
            .await?;
            for event in &gone {
                self.purge_event(room, *event).await?;
            }
            purged += u64::try_from(gone.len()).unwrap_or(u64::MAX);
        }
        Ok(purged)
    }

    /// Deletes an event; what others that stay name is known by its id alone, and history is missing there.
    async fn purge_event(&mut self, room: RoomSn, event: EventSn) -> Result<(), StoreError> {
        self.unindex_event(event).await?;
        for statement in [
            "DELETE FROM event_json WHERE event_sn = $1",
            "DELETE FROM redacted_originals WHERE event_sn = $1",
            "DELETE FROM relations WHERE event_sn = $1",
            "DELETE FROM event_transactions WHERE event_sn = $1",
            "DELETE FROM notifications WHERE event_sn = $1",
            "DELETE FROM outbox_events WHERE event_sn = $1",
            "DELETE FROM appservice_events WHERE event_sn = $1",
            "DELETE FROM pending_redactions WHERE redaction_sn = $1",
            "DELETE FROM edges WHERE event_sn = $1",
        ] {
            sqlx::query(statement).bind(event).execute(&mut self.db.0).await?;
        }
        sqlx::query("DELETE FROM backward_extremities WHERE room_sn = $1 AND child_sn = $2")
            .bind(room)
            .bind(event)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query(
            "INSERT INTO backward_extremities (room_sn, event_sn, child_sn)
             SELECT $1, g.parent_sn, g.event_sn FROM edges g JOIN events c ON c.event_sn = g.event_sn
             WHERE g.parent_sn = $2 AND g.kind = 0 AND c.position IS NOT NULL ON CONFLICT DO NOTHING",
        )
        .bind(room)
        .bind(event)
        .execute(&mut self.db.0)
        .await?;
        sqlx::query(
            "INSERT INTO timeline_gaps (room_sn, before_position)
             SELECT $1, c.position FROM edges g JOIN events c ON c.event_sn = g.event_sn
             WHERE g.parent_sn = $2 AND g.kind = 0 AND c.position IS NOT NULL ON CONFLICT DO NOTHING",
        )
        .bind(room)
        .bind(event)
        .execute(&mut self.db.0)
        .await?;
        let named = sqlx::query(
            "UPDATE events SET standing = 3, position = NULL, snapshot_sn = NULL, redacted_by = NULL
             WHERE event_sn = $1 AND EXISTS (SELECT 1 FROM edges WHERE parent_sn = $1)",
        )
        .bind(event)
        .execute(&mut self.db.0)
        .await?;
        if named.rows_affected() == 0 {
            sqlx::query("DELETE FROM events WHERE event_sn = $1").bind(event).execute(&mut self.db.0).await?;
        }
        Ok(())
    }
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
        let of_events = db.tables_with("event_sn").await?;
        for table in ["appservice_events", "edges", "event_json", "redacted_originals", "relations"] {
            assert!(of_events.iter().any(|found| found == table), "{table}");
        }
        Ok(())
    }
}
