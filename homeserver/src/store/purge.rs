//! Taking rooms, or their old history, out of the database.

use super::{Db, EventSn, Position, RoomSn, StoreError, Tx};

/// Tables with rows of a room, in an order in which nothing is left pointing to what is gone; the events' own come before.
pub(super) const ROOM_TABLES: [&str; 18] = [
    "account_data",
    "pending_redactions",
    "relations",
    "event_transactions",
    "notifications",
    "thread_subscriptions",
    "outbox_events",
    "outbox_rooms",
    "receipts",
    "forward_extremities",
    "backward_extremities",
    "timeline_gaps",
    "current_state_changes",
    "current_state",
    "members",
    "local_memberships",
    "aliases",
    "snapshots",
];
/// Tables with rows of an event.
pub(super) const EVENT_TABLES: [&str; 3] = ["event_json", "redacted_originals", "edges"];

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
        for table in EVENT_TABLES {
            let statement =
                format!("DELETE FROM {table} WHERE event_sn IN (SELECT event_sn FROM events WHERE room_sn = $1)");
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(room).execute(&mut self.db.0).await?;
        }
        for table in ROOM_TABLES.into_iter().chain(["events", "rooms"]) {
            let statement = format!("DELETE FROM {table} WHERE room_sn = $1");
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
    use sqlx::AssertSqlSafe;

    use super::{EVENT_TABLES, ROOM_TABLES};
    use crate::{clock::Clock, store::Store};

    #[tokio::test]
    async fn every_table_that_knows_rooms_or_events_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path, server_name!("one.example"), Clock::from_fn(|| 1_000), |_| ()).await?;
        let mut db = store.read().await?;
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut db.0).await?;
        for table in tables {
            let columns: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')")))
                    .fetch_all(&mut db.0)
                    .await?;
            let has = |column: &str| columns.iter().any(|name| name == column);
            let named = ROOM_TABLES.contains(&table.as_str()) || ["events", "rooms"].contains(&table.as_str());
            assert!(!has("room_sn") || named, "{table} has rows of rooms: purge_room must delete them");
            let named = named || EVENT_TABLES.contains(&table.as_str());
            assert!(!has("event_sn") || named, "{table} has rows of events: purge_room must delete them");
        }
        Ok(())
    }
}
