//! Timelines by position, gaps, and when a room was last bumped.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedUserId, RoomVersionId};
use sqlx::{QueryBuilder, Sqlite};

use super::{
    EventSn, KeySn, Position, RoomSn, SnapshotSn, UserSn,
    packed::{line, packed, unpack},
};
use crate::store::{Db, Standing, StoreError, StoredEvent};

/// Events that one text holds: each may have 64 KiB.
const PACKED: usize = 200;

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

/// Walks along the index and stops at the limit; an `IN (SELECT … LIMIT)` would be made anew for each event wherever it depends on an outer query.
pub(super) const TIMELINE: &str = concat!(
    "SELECT ",
    packed!("line"),
    " FROM (SELECT ",
    line!(),
    " AS line FROM events e CROSS JOIN event_json j ON j.event_sn = e.event_sn CROSS JOIN rooms r ON r.room_sn = e.room_sn
        WHERE e.room_sn = $1 AND e.position > $2 AND e.position <= $3 AND e.standing = 0 ORDER BY e.position DESC LIMIT $4) AS few_lines"
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
        let query = sqlx::query_scalar(TIMELINE).bind(room).bind(after).bind(upto).bind(limit);
        let mut rows = unpack(query.fetch_one(&mut self.0).await?)?;
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.position));
        Ok(rows)
    }

    /// Events by their numbers, in no order; ones that are not accepted are left out.
    pub async fn event_rows(&mut self, events: &[EventSn]) -> Result<Vec<EventRow>, StoreError> {
        let mut missing = events.to_vec();
        let mut rows = self.1.take_events(&mut missing);
        for chunk in missing.chunks(PACKED) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(concat!(
                "SELECT ",
                packed!(line!()),
                " FROM events e JOIN event_json j ON j.event_sn = e.event_sn JOIN rooms r ON r.room_sn = e.room_sn WHERE e.event_sn IN ("
            ));
            let mut list = query.separated(", ");
            for event in chunk {
                list.push_bind(*event);
            }
            query.push(") AND e.standing = 0");
            rows.extend(unpack(query.build_query_scalar().fetch_one(&mut self.0).await?)?);
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
