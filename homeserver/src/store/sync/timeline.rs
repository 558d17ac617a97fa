//! Timelines by position, gaps, and when a room was last bumped.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedUserId, RoomVersionId};
use sqlx::{FromRow, QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{EventSn, KeySn, Position, RoomSn, SnapshotSn, UserSn};
use crate::store::{Db, Standing, StoreError, StoredEvent};

/// An accepted event with its body.
#[derive(Clone, Debug)]
pub struct EventRow {
    pub event: EventSn,
    pub event_id: OwnedEventId,
    pub room: RoomSn,
    pub version: RoomVersionId,
    /// None for events that are not on the timeline.
    pub position: Option<Position>,
    pub sender: UserSn,
    pub sender_id: OwnedUserId,
    pub event_type: String,
    /// Set for state events.
    pub key: Option<KeySn>,
    pub depth: i64,
    pub origin_ts: i64,
    pub redacted_by: Option<EventSn>,
    /// The state before the event.
    pub snapshot: Option<SnapshotSn>,
    /// The signed event.
    pub json: String,
}

impl EventRow {
    /// The same without what sync alone needs.
    pub fn stored(&self) -> StoredEvent {
        StoredEvent {
            sn: self.event,
            room: self.room,
            event_id: self.event_id.clone(),
            standing: Standing::Accepted,
            position: self.position,
            depth: self.depth,
            key: self.key,
            sender: self.sender,
            origin_ts: self.origin_ts,
            snapshot: self.snapshot,
            redacted_by: self.redacted_by,
            json: self.json.clone(),
        }
    }
}

impl<'r> FromRow<'r, SqliteRow> for EventRow {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let (event_id, sender_id): (String, String) = (row.try_get("event_id")?, row.try_get("user_id")?);
        let version: String = row.try_get("version")?;
        Ok(Self {
            event: row.try_get("event_sn")?,
            event_id: event_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            room: row.try_get("room_sn")?,
            version: version.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            position: row.try_get("position")?,
            sender: row.try_get("sender_sn")?,
            sender_id: sender_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            event_type: row.try_get("type")?,
            key: row.try_get("key_sn")?,
            depth: row.try_get("depth")?,
            origin_ts: row.try_get("origin_ts")?,
            redacted_by: row.try_get("redacted_by")?,
            snapshot: row.try_get("snapshot_sn")?,
            json: row.try_get("json")?,
        })
    }
}

/// The columns of an [`EventRow`]; as a macro since queries are literals.
macro_rules! columns {
    () => {
        "e.event_sn, e.event_id, e.room_sn, e.position, e.sender_sn, u.user_id, t.type, e.key_sn, e.depth, e.origin_ts, e.redacted_by, e.snapshot_sn, j.json, r.version"
    };
}
pub(super) const COLUMNS: &str = columns!();

pub(super) const TIMELINE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events e JOIN event_json j ON j.event_sn = e.event_sn JOIN rooms r ON r.room_sn = e.room_sn
        JOIN users u ON u.user_sn = e.sender_sn JOIN event_types t ON t.type_sn = e.type_sn
    WHERE e.room_sn = $1 AND e.position > $2 AND e.position <= $3 AND e.standing = 0
    ORDER BY e.position DESC LIMIT $4"
);

/// The event types here and in LAST_BUMP are those that lift a room to the top of the list.
pub(super) const BUMPED_SINCE: &str = "
    SELECT e.room_sn, MAX(e.position) FROM events e WHERE e.position > $1 AND e.position > 0 AND e.standing = 0
        AND +e.type_sn IN (SELECT type_sn FROM event_types WHERE type IN ('m.room.create', 'm.room.message',
        'm.room.encrypted', 'm.sticker', 'm.call.invite', 'm.poll.start', 'org.matrix.msc3381.poll.start', 'm.beacon_info',
        'org.matrix.msc3672.beacon_info'))
    GROUP BY +e.room_sn";

pub(super) const LAST_BUMP: &str = "
    SELECT e.position FROM events e WHERE e.room_sn = $1 AND e.position > 0 AND e.standing = 0
        AND +e.type_sn IN (SELECT type_sn FROM event_types WHERE type IN ('m.room.create', 'm.room.message',
        'm.room.encrypted', 'm.sticker', 'm.call.invite', 'm.poll.start', 'org.matrix.msc3381.poll.start', 'm.beacon_info',
        'org.matrix.msc3672.beacon_info'))
    ORDER BY e.position DESC LIMIT 1";

impl Db {
    /// The newest `limit` accepted events of the room after `after` and up to `upto`, newest first.
    pub async fn timeline(
        &mut self,
        room: RoomSn,
        after: Position,
        upto: Position,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        if let Some(rows) = self.1.timeline(room, after, upto, limit) {
            return Ok(rows);
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(sqlx::query_as(TIMELINE).bind(room).bind(after).bind(upto).bind(limit).fetch_all(&mut self.0).await?)
    }

    /// Events by their numbers, in no order; ones that are not accepted are left out.
    pub async fn event_rows(&mut self, events: &[EventSn]) -> Result<Vec<EventRow>, StoreError> {
        let mut missing = events.to_vec();
        let mut rows = self.1.take_events(&mut missing);
        for chunk in missing.chunks(500) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
            query.push(COLUMNS).push(
                " FROM events e JOIN event_json j ON j.event_sn = e.event_sn JOIN rooms r ON r.room_sn = e.room_sn
                     JOIN users u ON u.user_sn = e.sender_sn JOIN event_types t ON t.type_sn = e.type_sn
                 WHERE e.event_sn IN (",
            );
            let mut list = query.separated(", ");
            for event in chunk {
                list.push_bind(*event);
            }
            query.push(") AND e.standing = 0");
            rows.extend(query.build_query_as::<EventRow>().fetch_all(&mut self.0).await?);
        }
        Ok(rows)
    }

    /// Where the newest hole of the timeline between the two positions ends.
    pub async fn newest_gap(
        &mut self,
        room: RoomSn,
        after: Position,
        upto: Position,
    ) -> Result<Option<Position>, StoreError> {
        if let Some(gap) = self.1.newest_gap(room, after, upto) {
            return Ok(gap);
        }
        Ok(sqlx::query_scalar("SELECT MAX(before_position) FROM timeline_gaps WHERE room_sn = $1 AND before_position > $2 AND before_position <= $3")
            .bind(room)
            .bind(after)
            .bind(upto)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Whether the room has any event at or before `position`.
    pub async fn has_events_upto(&mut self, room: RoomSn, position: Position) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM events WHERE room_sn = $1 AND position <= $2 AND standing = 0)",
        )
        .bind(room)
        .bind(position)
        .fetch_one(&mut self.0)
        .await?)
    }

    /// When each room that was bumped after `since` was last bumped.
    pub async fn bumped_since(&mut self, since: Position) -> Result<BTreeMap<RoomSn, Position>, StoreError> {
        let rows: Vec<(RoomSn, Position)> = sqlx::query_as(BUMPED_SINCE).bind(since).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().collect())
    }

    /// When the room was last bumped by an event that came after we joined it.
    pub async fn last_bump(&mut self, room: RoomSn) -> Result<Option<Position>, StoreError> {
        Ok(sqlx::query_scalar(LAST_BUMP).bind(room).fetch_optional(&mut self.0).await?)
    }
}
