//! Receipts: one per room, user, type and thread.

use ruma::{OwnedEventId, OwnedUserId};
use sqlx::{FromRow, QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{Db, Position, RoomSn, StoreError, Tx, UserSn};

/// A receipt as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    /// m.read or m.read.private.
    pub receipt_type: String,
    /// Empty for an unthreaded receipt; otherwise `main` or the thread's root.
    pub thread_id: String,
    pub event_id: OwnedEventId,
    /// The receipt's JSON object: `ts` and perhaps `thread_id`.
    pub data: String,
    pub position: Position,
}

impl<'r> FromRow<'r, SqliteRow> for Receipt {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let (user_id, event_id): (String, String) = (row.try_get("user_id")?, row.try_get("event_id")?);
        Ok(Self {
            user: row.try_get("user_sn")?,
            user_id: user_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            receipt_type: row.try_get("type")?,
            thread_id: row.try_get("thread_id")?,
            event_id: event_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            data: row.try_get("data")?,
            position: row.try_get("position")?,
        })
    }
}

pub(super) const RECEIPTS_SINCE: &str = "
    SELECT r.user_sn, u.user_id, r.type, r.thread_id, r.event_id, r.data, r.position
    FROM receipts r JOIN users u ON u.user_sn = r.user_sn
    WHERE r.room_sn = $1 AND r.position > $2 AND (r.type = 'm.read' OR r.user_sn = $3)";

impl Db {
    /// Receipts of the room that changed after `since`, as `me` may see them: private ones are one's own only.
    pub async fn receipts_since(
        &mut self,
        room: RoomSn,
        since: Position,
        me: UserSn,
    ) -> Result<Vec<Receipt>, StoreError> {
        if let Some(receipts) = self.1.receipts(room, since, me) {
            return Ok(receipts);
        }
        Ok(sqlx::query_as(RECEIPTS_SINCE).bind(room).bind(since).bind(me).fetch_all(&mut self.0).await?)
    }

    /// Whether the user's own receipts in the room changed after `since`.
    pub async fn own_receipt_changed(
        &mut self,
        room: RoomSn,
        user: UserSn,
        since: Position,
    ) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM receipts WHERE room_sn = $1 AND user_sn = $2 AND position > $3)",
        )
        .bind(room)
        .bind(user)
        .bind(since)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// Receipts on any of these events, and all of one's own.
    pub async fn receipts_on(&mut self, room: RoomSn, events: &[&str], me: UserSn) -> Result<Vec<Receipt>, StoreError> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT r.user_sn, u.user_id, r.type, r.thread_id, r.event_id, r.data, r.position
             FROM receipts r JOIN users u ON u.user_sn = r.user_sn WHERE r.room_sn = ",
        );
        query
            .push_bind(room)
            .push(" AND (r.user_sn = ")
            .push_bind(me)
            .push(" OR (r.type = 'm.read' AND r.event_id IN (");
        let mut list = query.separated(", ");
        for event in events {
            list.push_bind((*event).to_owned());
        }
        query.push(")))");
        Ok(query.build_query_as().fetch_all(&mut self.0).await?)
    }

    /// The event that the user's receipt of this type and thread points to.
    pub async fn receipt(
        &mut self,
        room: RoomSn,
        user: UserSn,
        receipt_type: &str,
        thread_id: &str,
    ) -> Result<Option<OwnedEventId>, StoreError> {
        let event_id: Option<String> = sqlx::query_scalar(
            "SELECT event_id FROM receipts WHERE room_sn = $1 AND user_sn = $2 AND type = $3 AND thread_id = $4",
        )
        .bind(room)
        .bind(user)
        .bind(receipt_type)
        .bind(thread_id)
        .fetch_optional(&mut self.0)
        .await?;
        event_id.map(|id| id.try_into().map_err(|_| StoreError::Damaged("an event id"))).transpose()
    }

    /// Where an event stands on the room's timeline.
    pub async fn timeline_position(&mut self, room: RoomSn, event_id: &str) -> Result<Option<Position>, StoreError> {
        Ok(sqlx::query_scalar("SELECT position FROM events WHERE event_id = $1 AND room_sn = $2")
            .bind(event_id)
            .bind(room)
            .fetch_optional(&mut self.0)
            .await?
            .flatten())
    }

    /// Up to where the user has read in each thread of the room; '' is the unthreaded receipt. The further of the public and the private one.
    pub async fn read_positions(&mut self, room: RoomSn, user: UserSn) -> Result<Vec<(String, Position)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT r.thread_id, MAX(e.position) FROM receipts r JOIN events e ON e.event_id = r.event_id
             WHERE r.room_sn = $1 AND r.user_sn = $2 AND r.type IN ('m.read', 'm.read.private') AND e.room_sn = r.room_sn
                 AND e.position IS NOT NULL GROUP BY r.thread_id",
        )
        .bind(room)
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Writes a receipt under a new position.
    pub async fn set_receipt(
        &mut self,
        room: RoomSn,
        user: UserSn,
        receipt_type: &str,
        thread_id: &str,
        event_id: &str,
        data: &str,
    ) -> Result<Position, StoreError> {
        let position = self.next_position();
        sqlx::query(
            "INSERT INTO receipts (room_sn, user_sn, type, thread_id, event_id, data, position) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (room_sn, user_sn, type, thread_id)
             DO UPDATE SET event_id = excluded.event_id, data = excluded.data, position = excluded.position",
        )
        .bind(room)
        .bind(user)
        .bind(receipt_type)
        .bind(thread_id)
        .bind(event_id)
        .bind(data)
        .bind(position)
        .execute(&mut self.db.0)
        .await?;
        Ok(position)
    }
}
