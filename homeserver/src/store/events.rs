//! Events: the columns, the bodies, the edges between them.

use std::collections::HashMap;

use ruma::{EventId, OwnedEventId};
use sqlx::{QueryBuilder, Sqlite};

use super::{Db, EventSn, KeySn, Position, RoomSn, SnapshotSn, StoreError, Tx, TypeSn, UserSn};

mod edges;

pub use self::edges::EdgeKind;

/// How an event fared in the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum Standing {
    Accepted = 0,
    /// Allowed by the state before it, not by the room's state now: kept, not shown.
    SoftFailed = 1,
    Rejected = 2,
    /// Only the id is known: an edge names it.
    Unknown = 3,
}

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub sn: EventSn,
    pub room: RoomSn,
    pub event_id: OwnedEventId,
    pub standing: Standing,
    /// `None` for events that are not on the timeline.
    pub position: Option<Position>,
    pub depth: i64,
    /// Set for state events.
    pub key: Option<KeySn>,
    pub sender: UserSn,
    pub origin_ts: i64,
    /// State before the event; `None` for outliers.
    pub snapshot: Option<SnapshotSn>,
    pub redacted_by: Option<EventSn>,
    /// The signed PDU, or what redaction left of it.
    pub json: String,
}

/// One row of `SELECT {COLUMNS} FROM events e JOIN event_json j USING (event_sn)`.
#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
    event_sn: EventSn,
    room_sn: RoomSn,
    event_id: String,
    standing: Standing,
    position: Option<Position>,
    depth: i64,
    key_sn: Option<KeySn>,
    sender_sn: UserSn,
    origin_ts: i64,
    snapshot_sn: Option<SnapshotSn>,
    redacted_by: Option<EventSn>,
    json: String,
}

/// The columns of an [`EventRow`], for queries of other files; as a macro since queries are literals.
macro_rules! event_columns {
    () => {
        "e.event_sn, e.room_sn, e.event_id, e.standing, e.position, e.depth, e.key_sn, e.sender_sn, e.origin_ts, e.snapshot_sn, e.redacted_by, j.json"
    };
}
pub(super) use event_columns;

impl EventRow {
    pub(super) fn read(self) -> Result<StoredEvent, StoreError> {
        Ok(StoredEvent {
            sn: self.event_sn,
            room: self.room_sn,
            event_id: self.event_id.try_into().map_err(|_| StoreError::Damaged("an event id"))?,
            standing: self.standing,
            position: self.position,
            depth: self.depth,
            key: self.key_sn,
            sender: self.sender_sn,
            origin_ts: self.origin_ts,
            snapshot: self.snapshot_sn,
            redacted_by: self.redacted_by,
            json: self.json,
        })
    }
}

/// A new event's columns.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub room: RoomSn,
    pub event_id: &'a EventId,
    pub standing: Standing,
    pub position: Option<Position>,
    pub depth: i64,
    pub event_type: &'a str,
    pub state_key: Option<&'a str>,
    pub sender: UserSn,
    pub origin_ts: i64,
    pub snapshot: Option<SnapshotSn>,
    pub json: &'a str,
    pub prev_events: &'a [OwnedEventId],
    pub auth_events: &'a [OwnedEventId],
}

/// What became of an event that was stored.
#[derive(Clone, Debug)]
pub struct PutEvent {
    pub sn: EventSn,
    /// Nothing was known of it, not even that there is one.
    pub new: bool,
    /// Its `prev_events`.
    pub parents: Vec<EventSn>,
}

impl Db {
    /// An event with its body, whatever its standing.
    pub async fn event(&mut self, event_id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        let row: Option<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e JOIN event_json j USING (event_sn) WHERE e.event_id = $1"
        ))
        .bind(event_id.as_str())
        .fetch_optional(&mut self.0)
        .await?;
        row.map(EventRow::read).transpose()
    }

    pub async fn event_by_sn(&mut self, event: EventSn) -> Result<Option<StoredEvent>, StoreError> {
        let row: Option<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e JOIN event_json j USING (event_sn) WHERE e.event_sn = $1"
        ))
        .bind(event)
        .fetch_optional(&mut self.0)
        .await?;
        row.map(EventRow::read).transpose()
    }

    pub async fn event_id(&mut self, event: EventSn) -> Result<OwnedEventId, StoreError> {
        let id: String = sqlx::query_scalar("SELECT event_id FROM events WHERE event_sn = $1")
            .bind(event)
            .fetch_one(&mut self.0)
            .await?;
        id.try_into().map_err(|_| StoreError::Damaged("an event id"))
    }

    /// Number and standing of an event id, when it was seen before.
    pub async fn event_sn(&mut self, event_id: &EventId) -> Result<Option<(EventSn, Standing)>, StoreError> {
        Ok(sqlx::query_as("SELECT event_sn, standing FROM events WHERE event_id = $1")
            .bind(event_id.as_str())
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// Events of a room's timeline after `after` and up to `upto`, newest first, at most `limit`.
    pub async fn timeline_backwards(
        &mut self,
        room: RoomSn,
        after: Position,
        upto: Position,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e JOIN event_json j USING (event_sn)
             WHERE e.room_sn = $1 AND e.position > $2 AND e.position <= $3 AND e.standing = 0 ORDER BY e.position DESC LIMIT $4"
        ))
        .bind(room)
        .bind(after)
        .bind(upto)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// The same, oldest first.
    pub async fn timeline_forwards(
        &mut self,
        room: RoomSn,
        after: Position,
        upto: Position,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e JOIN event_json j USING (event_sn)
             WHERE e.room_sn = $1 AND e.position > $2 AND e.position <= $3 AND e.standing = 0 ORDER BY e.position LIMIT $4"
        ))
        .bind(room)
        .bind(after)
        .bind(upto)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// The smallest depth of the events that came while we were in the room, in contrast to its history.
    pub async fn oldest_live_depth(&mut self, room: RoomSn) -> Result<i64, StoreError> {
        let depth: Option<i64> =
            sqlx::query_scalar("SELECT min(depth) FROM events WHERE room_sn = $1 AND position > 0")
                .bind(room)
                .fetch_one(&mut self.0)
                .await?;
        Ok(depth.unwrap_or_default())
    }

    /// The event that a device sent with this transaction id.
    pub async fn sent_event(
        &mut self,
        user: UserSn,
        device_id: &str,
        room: RoomSn,
        event_type: &str,
        txn_id: &str,
    ) -> Result<Option<OwnedEventId>, StoreError> {
        let id: Option<String> = sqlx::query_scalar(
            "SELECT e.event_id FROM event_transactions t JOIN events e USING (event_sn)
             WHERE t.user_sn = $1 AND t.device_id = $2 AND t.room_sn = $3 AND t.type = $4 AND t.txn_id = $5",
        )
        .bind(user)
        .bind(device_id)
        .bind(room)
        .bind(event_type)
        .bind(txn_id)
        .fetch_optional(&mut self.0)
        .await?;
        id.map(|id| id.try_into().map_err(|_| StoreError::Damaged("an event id"))).transpose()
    }

    /// The transaction ids of those of these events that the device sent.
    pub async fn transaction_ids(
        &mut self,
        events: &[EventSn],
        user: UserSn,
        device_id: &str,
    ) -> Result<HashMap<EventSn, String>, StoreError> {
        if let Some(ids) = self.1.sent(events, user, device_id) {
            return Ok(ids);
        }
        let mut ids = HashMap::new();
        for chunk in events.chunks(500) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("SELECT event_sn, txn_id FROM event_transactions WHERE event_sn IN (");
            let mut list = query.separated(", ");
            for event in chunk {
                list.push_bind(*event);
            }
            query.push(") AND user_sn = ").push_bind(user);
            query.push(" AND device_id = ").push_bind(device_id.to_owned());
            ids.extend(query.build_query_as::<(EventSn, String)>().fetch_all(&mut self.0).await?);
        }
        Ok(ids)
    }
}

impl Tx {
    /// Number for an event id; a row that knows only the id is made when there is none.
    pub async fn make_event_sn(&mut self, room: RoomSn, event_id: &EventId) -> Result<EventSn, StoreError> {
        if let Some((sn, _)) = self.event_sn(event_id).await? {
            return Ok(sn);
        }
        Ok(sqlx::query_scalar("INSERT INTO events (room_sn, event_id, standing) VALUES ($1, $2, 3) RETURNING event_sn")
            .bind(room)
            .bind(event_id.as_str())
            .fetch_one(&mut self.db.0)
            .await?)
    }

    /// Stores an event with its edges. An outlier, or a row that only had the id, becomes what `event` says; the number stays.
    pub async fn put_event(&mut self, event: &NewEvent<'_>) -> Result<PutEvent, StoreError> {
        let type_sn: TypeSn = self.make_type_sn(event.event_type).await?;
        let key = match event.state_key {
            Some(state_key) => Some(self.make_key_sn(event.event_type, state_key).await?),
            None => None,
        };
        let before: Option<(RoomSn, bool)> =
            sqlx::query_as("SELECT room_sn, standing = 3 FROM events WHERE event_id = $1")
                .bind(event.event_id.as_str())
                .fetch_optional(&mut self.db.0)
                .await?;
        let now = self.now_ms();
        let sn: EventSn = sqlx::query_scalar(
            "INSERT INTO events (room_sn, event_id, standing, position, depth, type_sn, key_sn, sender_sn, origin_ts, received_ts, snapshot_sn, partial_state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                 $11 IS NOT NULL AND EXISTS (SELECT 1 FROM rooms WHERE room_sn = $1 AND partial_via IS NOT NULL))
             ON CONFLICT (event_id) DO UPDATE SET room_sn = CASE WHEN standing = 3 THEN excluded.room_sn ELSE room_sn END,
                 standing = excluded.standing, position = excluded.position, depth = excluded.depth,
                 type_sn = excluded.type_sn, key_sn = excluded.key_sn, sender_sn = excluded.sender_sn, origin_ts = excluded.origin_ts,
                 received_ts = excluded.received_ts, snapshot_sn = excluded.snapshot_sn, partial_state = excluded.partial_state
             RETURNING event_sn",
        )
        .bind(event.room)
        .bind(event.event_id.as_str())
        .bind(event.standing)
        .bind(event.position)
        .bind(event.depth)
        .bind(type_sn)
        .bind(key)
        .bind(event.sender)
        .bind(event.origin_ts)
        .bind(now)
        .bind(event.snapshot)
        .fetch_one(&mut self.db.0)
        .await?;
        sqlx::query("INSERT INTO event_json (event_sn, json) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(sn)
            .bind(event.json)
            .execute(&mut self.db.0)
            .await?;
        // Whoever named it before it came may have been in another room.
        if let Some((namer, true)) = before
            && namer != event.room
        {
            self.remove_backward_extremity(namer, sn).await?;
        }
        let parents = self.put_edges(event.room, sn, event.prev_events, event.auth_events).await?;
        Ok(PutEvent { sn, new: before.is_none(), parents })
    }

    /// The state before an event is another than was thought.
    pub async fn set_state_before(&mut self, event: EventSn, snapshot: SnapshotSn) -> Result<(), StoreError> {
        sqlx::query("UPDATE events SET snapshot_sn = $2 WHERE event_sn = $1")
            .bind(event)
            .bind(snapshot)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// A position before everything of the room's timeline; backfilled events have negative ones.
    pub async fn position_before_all(&mut self, room: RoomSn) -> Result<Position, StoreError> {
        let first: Option<i64> =
            sqlx::query_scalar("SELECT min(position) FROM events WHERE room_sn = $1 AND position IS NOT NULL")
                .bind(room)
                .fetch_one(&mut self.db.0)
                .await?;
        Ok(Position(first.unwrap_or(0).min(0) - 1))
    }

    /// Remembers that a device sent `event` with this transaction id.
    pub async fn put_transaction_id(
        &mut self,
        event: EventSn,
        user: UserSn,
        device_id: &str,
        room: RoomSn,
        event_type: &str,
        txn_id: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO event_transactions (event_sn, user_sn, device_id, room_sn, type, txn_id) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(event)
        .bind(user)
        .bind(device_id)
        .bind(room)
        .bind(event_type)
        .bind(txn_id)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Puts what redaction left in the place of the original, which is kept apart for a while.
    pub async fn redact(&mut self, target: EventSn, redaction: EventSn, redacted_json: &str) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "INSERT INTO redacted_originals (event_sn, json, redacted_ts)
             SELECT event_sn, json, $2 FROM event_json WHERE event_sn = $1 ON CONFLICT DO NOTHING",
        )
        .bind(target)
        .bind(now)
        .execute(&mut self.db.0)
        .await?;
        sqlx::query("UPDATE event_json SET json = $2 WHERE event_sn = $1")
            .bind(target)
            .bind(redacted_json)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("UPDATE events SET redacted_by = $2 WHERE event_sn = $1")
            .bind(target)
            .bind(redaction)
            .execute(&mut self.db.0)
            .await?;
        self.unindex_event(target).await?;
        // A redacted event relates to nothing any more (thread roots and edits are counted anew).
        self.remove_relation(target).await
    }
}
