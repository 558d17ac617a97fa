//! Threads: which a room has, what is in them, and which a user follows (MSC4306).

use std::collections::BTreeSet;

use ruma::{EventId, OwnedEventId, OwnedRoomId};
use sqlx::{FromRow, QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{Db, EventSn, Position, RoomSn, StoreError, Tx, UserSn};

/// A thread as its root tells of it.
#[derive(Clone, Copy, Debug)]
pub struct ThreadSummary {
    /// Its newest event.
    pub latest: EventSn,
    pub count: i64,
    /// The viewer sent one of its events.
    pub participated: bool,
}

/// A thread that a user follows, or followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadSubscription {
    pub room_id: OwnedRoomId,
    pub root: OwnedEventId,
    pub subscribed: bool,
    /// A client followed it by itself, not because its user asked for it.
    pub automatic: bool,
    pub position: Position,
}

impl<'r> FromRow<'r, SqliteRow> for ThreadSubscription {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let (room_id, root): (String, String) = (row.try_get("room_id")?, row.try_get("root_event_id")?);
        Ok(Self {
            room_id: room_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            root: root.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            subscribed: row.try_get("subscribed")?,
            automatic: row.try_get("automatic")?,
            position: row.try_get("position")?,
        })
    }
}

impl Db {
    /// What a thread root tells of its thread; none when nobody but ignored users said anything.
    pub async fn thread_summary(
        &mut self,
        room: RoomSn,
        root: &EventId,
        user: UserSn,
        ignored: &BTreeSet<UserSn>,
    ) -> Result<Option<ThreadSummary>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT count(*), coalesce(max(e.sender_sn = ");
        query.push_bind(user);
        query.push("), 0), max(e.position) FROM relations r JOIN events e ON e.event_sn = r.event_sn WHERE r.target_event_id = ");
        query.push_bind(root.as_str().to_owned());
        query.push(" AND r.rel_type = 'm.thread' AND r.room_sn = ").push_bind(room);
        query.push(" AND e.standing = 0 AND e.position IS NOT NULL");
        push_ignored(&mut query, ignored);
        let (count, participated, newest): (i64, bool, Option<Position>) =
            query.build_query_as().fetch_one(&mut self.0).await?;
        let Some(newest) = newest else { return Ok(None) };
        let latest: Option<EventSn> =
            sqlx::query_scalar("SELECT event_sn FROM events WHERE room_sn = $1 AND position = $2")
                .bind(room)
                .bind(newest)
                .fetch_optional(&mut self.0)
                .await?;
        Ok(latest.map(|latest| ThreadSummary { latest, count, participated }))
    }

    /// Roots of the room's threads with the position of each one's newest event, newest first, from below `before`.
    pub async fn thread_roots(
        &mut self,
        room: RoomSn,
        before: Option<Position>,
        participant: Option<UserSn>,
        ignored: &BTreeSet<UserSn>,
        limit: i64,
    ) -> Result<Vec<(OwnedEventId, Position)>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT r.target_event_id, max(e.position) AS newest FROM relations r JOIN events e ON e.event_sn = r.event_sn
             WHERE r.rel_type = 'm.thread' AND e.standing = 0 AND e.position IS NOT NULL AND r.room_sn = ",
        );
        query.push_bind(room);
        push_ignored(&mut query, ignored);
        if let Some(user) = participant {
            query.push(
                " AND (EXISTS (SELECT 1 FROM events root WHERE root.event_id = r.target_event_id AND root.sender_sn = ",
            );
            query.push_bind(user);
            query.push(
                ") OR EXISTS (SELECT 1 FROM relations o JOIN events said ON said.event_sn = o.event_sn
                 WHERE o.target_event_id = r.target_event_id AND o.rel_type = 'm.thread' AND said.standing = 0 AND said.sender_sn = ",
            );
            query.push_bind(user);
            query.push("))");
        }
        query.push(" GROUP BY r.target_event_id HAVING max(e.position) < ");
        query.push_bind(before.unwrap_or(Position(i64::MAX)));
        query.push(" ORDER BY newest DESC LIMIT ").push_bind(limit);
        let rows: Vec<(String, Position)> = query.build_query_as().fetch_all(&mut self.0).await?;
        let read = |(root, newest): (String, Position)| {
            Ok((root.try_into().map_err(|_| StoreError::Damaged("an event id"))?, newest))
        };
        rows.into_iter().map(read).collect()
    }

    /// Whether the user follows a thread, and whether a client did it by itself; none when they never did.
    pub async fn thread_subscription(
        &mut self,
        user: UserSn,
        room: RoomSn,
        root: &EventId,
    ) -> Result<Option<ThreadSubscription>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT r.room_id, s.root_event_id, s.subscribed, s.automatic, s.position
             FROM thread_subscriptions s JOIN rooms r ON r.room_sn = s.room_sn
             WHERE s.user_sn = $1 AND s.room_sn = $2 AND s.root_event_id = $3",
        )
        .bind(user)
        .bind(room)
        .bind(root.as_str())
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// How the user's subscriptions changed after `after` and up to `upto`, newest first.
    pub async fn thread_subscription_changes(
        &mut self,
        user: UserSn,
        after: Position,
        upto: Position,
        limit: i64,
    ) -> Result<Vec<ThreadSubscription>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT r.room_id, s.root_event_id, s.subscribed, s.automatic, s.position
             FROM thread_subscriptions s JOIN rooms r ON r.room_sn = s.room_sn
             WHERE s.user_sn = $1 AND s.position > $2 AND s.position <= $3 ORDER BY s.position DESC LIMIT $4",
        )
        .bind(user)
        .bind(after)
        .bind(upto)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?)
    }
}

fn push_ignored(query: &mut QueryBuilder<Sqlite>, ignored: &BTreeSet<UserSn>) {
    if ignored.is_empty() {
        return;
    }
    query.push(" AND e.sender_sn NOT IN (");
    let mut list = query.separated(", ");
    for user in ignored {
        list.push(user.0);
    }
    query.push(")");
}

impl Tx {
    /// The user follows a thread from now on, or no longer.
    pub async fn set_thread_subscription(
        &mut self,
        user: UserSn,
        room: RoomSn,
        root: &EventId,
        subscribed: bool,
        automatic: bool,
    ) -> Result<(), StoreError> {
        let position = self.next_position();
        sqlx::query(
            "INSERT INTO thread_subscriptions (user_sn, room_sn, root_event_id, subscribed, automatic, position)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_sn, room_sn, root_event_id)
             DO UPDATE SET subscribed = excluded.subscribed, automatic = excluded.automatic, position = excluded.position",
        )
        .bind(user)
        .bind(room)
        .bind(root.as_str())
        .bind(subscribed)
        .bind(automatic)
        .bind(position)
        .execute(&mut self.db.0)
        .await?;
        self.wake_user(user);
        Ok(())
    }
}
