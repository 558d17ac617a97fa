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
    /// What a thread root tells of its thread up to a position; none when nobody but ignored users said anything.
    pub async fn thread_summary(
        &mut self,
        room: RoomSn,
        root: &EventId,
        user: UserSn,
        ignored: &BTreeSet<UserSn>,
        upto: Position,
    ) -> Result<Option<ThreadSummary>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT count(*), coalesce(max(e.sender_sn = ");
        query.push_bind(user);
        query.push("), 0), max(e.position) FROM relations r JOIN events e ON e.event_sn = r.event_sn WHERE r.target_event_id = ");
        query.push_bind(root.as_str().to_owned());
        query.push(" AND r.rel_type = 'm.thread' AND r.room_sn = ").push_bind(room);
        query.push(" AND e.standing = 0 AND e.position <= ").push_bind(upto);
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

    /// Roots of the room's threads with the position of each one's newest event, newest first, from below `before`. Threads in which
    /// nobody but ignored users said anything are left out.
    pub async fn thread_roots(
        &mut self,
        room: RoomSn,
        before: Option<Position>,
        participant: Option<UserSn>,
        ignored: &BTreeSet<UserSn>,
        limit: i64,
    ) -> Result<Vec<(OwnedEventId, Position)>, StoreError> {
        let mut query = roots_query(room, before, participant, ignored, limit);
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

/// Walks the room's threads from the newest on; of each, at most as much is read as shows that it is wanted.
pub(super) fn roots_query(
    room: RoomSn,
    before: Option<Position>,
    participant: Option<UserSn>,
    ignored: &BTreeSet<UserSn>,
    limit: i64,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT t.root_event_id, t.newest_position FROM threads t WHERE t.room_sn = ");
    query.push_bind(room);
    query.push(" AND t.newest_position < ").push_bind(before.unwrap_or(Position(i64::MAX)));
    let said = " EXISTS (SELECT 1 FROM relations r JOIN events e ON e.event_sn = r.event_sn
         WHERE r.target_event_id = t.root_event_id AND r.rel_type = 'm.thread' AND e.standing = 0 AND e.room_sn = t.room_sn";
    if !ignored.is_empty() {
        query.push(" AND").push(said);
        push_ignored(&mut query, ignored);
        query.push(")");
    }
    if let Some(user) = participant {
        query.push(
            " AND (EXISTS (SELECT 1 FROM events root WHERE root.event_id = t.root_event_id AND root.sender_sn = ",
        );
        query.push_bind(user);
        query.push(") OR").push(said).push(" AND e.sender_sn = ").push_bind(user).push("))");
    }
    query.push(" ORDER BY t.newest_position DESC LIMIT ").push_bind(limit);
    query
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
    /// A thread has an event more.
    pub(super) async fn add_to_thread(
        &mut self,
        room: RoomSn,
        root: &EventId,
        event: EventSn,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO threads (room_sn, root_event_id, newest_position)
             SELECT $1, $2, position FROM events WHERE event_sn = $3 AND standing = 0 AND position IS NOT NULL
             ON CONFLICT (room_sn, root_event_id)
             DO UPDATE SET newest_position = max(threads.newest_position, excluded.newest_position)",
        )
        .bind(room)
        .bind(root.as_str())
        .bind(event)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// The event relates to nothing any more; its thread ends with the one before it.
    pub(super) async fn remove_relation(&mut self, event: EventSn) -> Result<(), StoreError> {
        let thread: Option<(RoomSn, String)> = sqlx::query_as(
            "SELECT t.room_sn, t.root_event_id FROM relations r
             JOIN threads t ON t.room_sn = r.room_sn AND t.root_event_id = r.target_event_id
             JOIN events e ON e.event_sn = r.event_sn
             WHERE r.event_sn = $1 AND r.rel_type = 'm.thread' AND t.newest_position = e.position",
        )
        .bind(event)
        .fetch_optional(&mut self.db.0)
        .await?;
        sqlx::query("DELETE FROM relations WHERE event_sn = $1").bind(event).execute(&mut self.db.0).await?;
        let Some((room, root)) = thread else { return Ok(()) };
        let newest: Option<Position> = sqlx::query_scalar(
            "SELECT max(e.position) FROM relations r JOIN events e ON e.event_sn = r.event_sn
             WHERE r.target_event_id = $2 AND r.rel_type = 'm.thread' AND r.room_sn = $1 AND e.standing = 0",
        )
        .bind(room)
        .bind(&root)
        .fetch_one(&mut self.db.0)
        .await?;
        let statement = match newest {
            Some(_) => "UPDATE threads SET newest_position = $3 WHERE room_sn = $1 AND root_event_id = $2",
            None => "DELETE FROM threads WHERE room_sn = $1 AND root_event_id = $2",
        };
        sqlx::query(statement).bind(room).bind(&root).bind(newest).execute(&mut self.db.0).await?;
        Ok(())
    }

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
