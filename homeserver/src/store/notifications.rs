//! What push rules decided for local users, and unread counts.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId};
use sqlx::{FromRow, Row, sqlite::SqliteRow};

use super::{Db, EventSn, Position, RoomSn, Standing, StoreError, StoredEvent, Tx, UserSn};

/// Read notifications that are kept for `GET /notifications`, per user.
const KEPT: i64 = 1000;

/// A decision to be written.
#[derive(Clone, Debug)]
pub struct NewNotification<'a> {
    pub user: UserSn,
    pub room: RoomSn,
    pub position: Position,
    pub event: EventSn,
    /// The root of the event's thread; empty on the main timeline.
    pub thread_id: &'a str,
    pub notify: bool,
    pub highlight: bool,
    /// JSON array of push actions.
    pub actions: &'a str,
}

/// A decision of the past.
#[derive(Clone, Debug)]
pub struct Notification {
    pub room: RoomSn,
    pub room_id: OwnedRoomId,
    pub position: Position,
    pub event: EventSn,
    pub thread_id: String,
    pub actions: String,
    pub received_ts: i64,
}

impl<'r> FromRow<'r, SqliteRow> for Notification {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let room_id: String = row.try_get("room_id")?;
        Ok(Self {
            room: row.try_get("room_sn")?,
            room_id: room_id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            position: row.try_get("position")?,
            event: row.try_get("event_sn")?,
            thread_id: row.try_get("thread_id")?,
            actions: row.try_get("actions")?,
            received_ts: row.try_get("received_ts")?,
        })
    }
}

/// Unread notifications and highlights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    pub notifications: u32,
    pub highlights: u32,
}

/// Up to where a user has read a room.
#[derive(Clone, Debug, Default)]
pub struct ReadMarks {
    /// By the unthreaded receipt, or since joining.
    all: Option<Position>,
    /// By receipts of one thread; `main` is the main timeline.
    threads: BTreeMap<String, Position>,
}

impl ReadMarks {
    fn new(rows: Vec<(String, Position)>, joined: Option<Position>) -> Self {
        let mut marks = Self { all: joined, threads: BTreeMap::new() };
        for (thread, position) in rows {
            if thread.is_empty() {
                marks.all = marks.all.max(Some(position));
            } else {
                marks.threads.insert(thread, position);
            }
        }
        marks
    }

    /// Whether an event at `position` of this thread ('' = main timeline) was read.
    pub fn is_read(&self, thread_id: &str, position: Position) -> bool {
        let thread = if thread_id.is_empty() { "main" } else { thread_id };
        self.all.is_some_and(|read| position <= read) || self.threads.get(thread).is_some_and(|read| position <= *read)
    }
}

/// A call that a user was notified of.
#[derive(Clone, Debug, FromRow)]
pub struct NotifiedCall {
    pub thread_id: String,
    pub position: Position,
    /// The signed m.call.invite.
    pub json: String,
    /// The user answered or refused a call in the room since.
    pub answered: bool,
}

pub(super) const NEXT: &str = "
    SELECT n.room_sn, r.room_id, n.position, n.event_sn, n.thread_id, n.actions, e.received_ts
    FROM notifications n JOIN rooms r ON r.room_sn = n.room_sn JOIN events e ON e.event_sn = n.event_sn
    WHERE n.user_sn = $1 AND n.position > $2 AND n.notify = 1
        AND NOT EXISTS (SELECT 1 FROM purging_rooms p WHERE p.room_sn = n.room_sn) ORDER BY n.position LIMIT 1";

pub(super) const UNREAD: &str = "
    SELECT thread_id, position, notify, highlight FROM notifications WHERE user_sn = $1 AND room_sn = $2 AND position > $3";

impl Db {
    /// What a user was notified of: an event, or an invite to a room that this server is not in. `None` when it is gone.
    pub async fn notified_event(
        &mut self,
        user: UserSn,
        notification: &Notification,
    ) -> Result<Option<StoredEvent>, StoreError> {
        if let Some(event) = self.event_by_sn(notification.event).await? {
            return Ok(Some(event));
        }
        let mine = self.local_membership(user, notification.room).await?;
        let mine = mine.filter(|mine| mine.position == notification.position);
        let Some(json) = mine.and_then(|mine| mine.invite_event) else { return Ok(None) };
        #[derive(serde::Deserialize)]
        struct Invite {
            sender: OwnedUserId,
            origin_server_ts: i64,
        }
        let invite: Invite = serde_json::from_str(&json).map_err(|_| StoreError::Damaged("an invite"))?;
        Ok(Some(StoredEvent {
            sn: notification.event,
            room: notification.room,
            event_id: self.event_id(notification.event).await?,
            standing: Standing::Accepted,
            position: None,
            depth: 0,
            key: None,
            sender: self.user_sn(&invite.sender).await?.unwrap_or_default(),
            origin_ts: invite.origin_server_ts,
            snapshot: None,
            redacted_by: None,
            json,
        }))
    }

    /// Up to where the user has read the room.
    pub async fn read_marks(&mut self, user: UserSn, room: RoomSn) -> Result<ReadMarks, StoreError> {
        let joined: Option<Position> =
            sqlx::query_scalar("SELECT joined_position FROM local_memberships WHERE user_sn = $1 AND room_sn = $2")
                .bind(user)
                .bind(room)
                .fetch_optional(&mut self.0)
                .await?
                .flatten();
        Ok(ReadMarks::new(self.read_positions(room, user).await?, joined))
    }

    /// Unread counts of the room by thread; '' is the main timeline.
    pub async fn unread(&mut self, user: UserSn, room: RoomSn) -> Result<BTreeMap<String, Unread>, StoreError> {
        if self.1.is_silent(user, room) {
            return Ok(BTreeMap::new());
        }
        let Some((joined, true)) = sqlx::query_as::<_, (Option<Position>, bool)>(
            "SELECT joined_position, EXISTS (SELECT 1 FROM notifications WHERE user_sn = $1 AND room_sn = $2)
             FROM local_memberships WHERE user_sn = $1 AND room_sn = $2",
        )
        .bind(user)
        .bind(room)
        .fetch_optional(&mut self.0)
        .await?
        else {
            return Ok(BTreeMap::new());
        };
        let marks = ReadMarks::new(self.read_positions(room, user).await?, joined);
        let after = marks.all.unwrap_or(Position(i64::MIN));
        let rows: Vec<(String, Position, bool, bool)> =
            sqlx::query_as(UNREAD).bind(user).bind(room).bind(after).fetch_all(&mut self.0).await?;
        let mut unread: BTreeMap<String, Unread> = BTreeMap::new();
        for (thread, position, notify, highlight) in rows {
            if !marks.is_read(&thread, position) {
                let count = unread.entry(thread).or_default();
                count.notifications += u32::from(notify);
                count.highlights += u32::from(highlight);
            }
        }
        Ok(unread)
    }

    /// The user's notifications before a position, newest first.
    pub async fn notifications_before(
        &mut self,
        user: UserSn,
        before: Option<Position>,
        highlights_only: bool,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT n.room_sn, r.room_id, n.position, n.event_sn, n.thread_id, n.actions, e.received_ts
             FROM notifications n JOIN rooms r ON r.room_sn = n.room_sn JOIN events e ON e.event_sn = n.event_sn
             WHERE n.user_sn = $1 AND n.position < $2 AND n.notify = 1 AND n.highlight >= $3
                AND NOT EXISTS (SELECT 1 FROM purging_rooms p WHERE p.room_sn = n.room_sn) ORDER BY n.position DESC LIMIT $4",
        )
        .bind(user)
        .bind(before.unwrap_or(Position(i64::MAX)))
        .bind(highlights_only)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// The user's first notification after a position.
    pub async fn notification_after(
        &mut self,
        user: UserSn,
        after: Position,
    ) -> Result<Option<Notification>, StoreError> {
        Ok(sqlx::query_as(NEXT).bind(user).bind(after).fetch_optional(&mut self.0).await?)
    }

    /// Rooms that the user is in or invited to and has notifications of.
    pub async fn rooms_with_notifications(&mut self, user: UserSn) -> Result<Vec<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT m.room_sn FROM local_memberships m WHERE m.user_sn = $1 AND m.membership IN (1, 2)
                AND EXISTS (SELECT 1 FROM notifications n WHERE n.user_sn = $1 AND n.room_sn = m.room_sn)",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Calls in a room that the user was notified of, newest first, with the thread and whether the user sent an answer since.
    pub async fn notified_calls(&mut self, user: UserSn, room: RoomSn) -> Result<Vec<NotifiedCall>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT n.thread_id, n.position, j.json, EXISTS (
                SELECT 1 FROM events a JOIN event_types at ON at.type_sn = a.type_sn
                WHERE a.room_sn = n.room_sn AND a.position > n.position AND a.sender_sn = $1
                    AND at.type IN ('m.call.answer', 'm.call.reject')) AS answered
             FROM notifications n JOIN events e ON e.event_sn = n.event_sn JOIN event_types t ON t.type_sn = e.type_sn
                JOIN event_json j ON j.event_sn = e.event_sn
             WHERE n.user_sn = $1 AND n.room_sn = $2 AND t.type = 'm.call.invite' ORDER BY n.position DESC LIMIT 100",
        )
        .bind(user)
        .bind(room)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// When the user's push rules were last changed; none when never.
    pub async fn push_rules_position(&mut self, user: UserSn) -> Result<Option<Position>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT position FROM account_data WHERE user_sn = $1 AND room_sn = 0 AND type = 'm.push_rules'",
        )
        .bind(user)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// The root of the thread that the event belongs to, through at most three relations.
    pub async fn thread_of(&mut self, event_id: &str) -> Result<Option<OwnedEventId>, StoreError> {
        let mut at = event_id.to_owned();
        for _ in 0..3 {
            let relation: Option<(String, String)> = sqlx::query_as(
                "SELECT r.rel_type, r.target_event_id FROM events e JOIN relations r ON r.event_sn = e.event_sn WHERE e.event_id = $1",
            )
            .bind(&at)
            .fetch_optional(&mut self.0)
            .await?;
            match relation {
                Some((rel_type, target)) if rel_type == "m.thread" => return Ok(target.try_into().ok()),
                Some((_, target)) => at = target,
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

impl Tx {
    /// A number for an invite that came from outside and is kept beside its user's membership only: nobody checked it against the room.
    pub async fn number_of_invite(&mut self, room: RoomSn, event_id: &EventId) -> Result<EventSn, StoreError> {
        let sn = self.make_event_sn(room, event_id).await?;
        let now = self.now_ms();
        sqlx::query("UPDATE events SET received_ts = $2 WHERE event_sn = $1 AND standing = 3")
            .bind(sn)
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        Ok(sn)
    }

    /// Writes what push rules decided.
    pub async fn add_notification(&mut self, new: NewNotification<'_>) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO notifications (user_sn, room_sn, position, event_sn, thread_id, notify, highlight, actions)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(new.user)
        .bind(new.room)
        .bind(new.position)
        .bind(new.event)
        .bind(new.thread_id)
        .bind(new.notify)
        .bind(new.highlight)
        .bind(new.actions)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Forgets notifications of the room that were read long ago.
    pub async fn prune_notifications(
        &mut self,
        user: UserSn,
        room: RoomSn,
        read_upto: Position,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM notifications WHERE user_sn = $1 AND room_sn = $2 AND position <= $3 AND position <
                (SELECT position FROM notifications WHERE user_sn = $1 ORDER BY position DESC LIMIT 1 OFFSET $4)",
        )
        .bind(user)
        .bind(room)
        .bind(read_upto)
        .bind(KEPT)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
