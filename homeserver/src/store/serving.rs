//! Reads for other servers' questions about rooms.

use ruma::OwnedEventId;
use sqlx::{QueryBuilder, Sqlite};

use super::{
    Db, EventSn, RoomSn, ServerSn, StoreError, StoredEvent, UserSn,
    events::{EventRow, event_columns},
};

/// Values of one statement.
const PART: usize = 500;

impl Db {
    /// The server of a user.
    pub async fn server_sn_of_user(&mut self, user: UserSn) -> Result<ServerSn, StoreError> {
        Ok(sqlx::query_scalar("SELECT server_sn FROM users WHERE user_sn = $1")
            .bind(user)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Ids of a server's users of whom the room's state says anything.
    pub async fn members_of_server(&mut self, room: RoomSn, server: ServerSn) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT u.user_id FROM members m JOIN users u USING (user_sn) WHERE m.room_sn = $1 AND m.server_sn = $2",
        )
        .bind(room)
        .bind(server)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Ids of these events, in any order.
    pub async fn event_ids(&mut self, events: &[EventSn]) -> Result<Vec<OwnedEventId>, StoreError> {
        let mut found = Vec::with_capacity(events.len());
        for part in events.chunks(PART) {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT event_id FROM events WHERE event_sn IN (");
            let mut list = query.separated(", ");
            for event in part {
                list.push_bind(*event);
            }
            query.push(")");
            let ids: Vec<String> = query.build_query_scalar().fetch_all(&mut self.0).await?;
            for id in ids {
                found.push(id.try_into().map_err(|_| StoreError::Damaged("an event id"))?);
            }
        }
        Ok(found)
    }

    /// The accepted event of a room's timeline nearest to a time (milliseconds since 1970), at or after it or at or before it.
    pub async fn event_near_time(
        &mut self,
        room: RoomSn,
        ts: i64,
        forwards: bool,
    ) -> Result<Option<(OwnedEventId, i64)>, StoreError> {
        let query = if forwards {
            "SELECT event_id, origin_ts FROM events WHERE room_sn = $1 AND position IS NOT NULL AND standing = 0
             AND origin_ts >= $2 ORDER BY origin_ts, position LIMIT 1"
        } else {
            "SELECT event_id, origin_ts FROM events WHERE room_sn = $1 AND position IS NOT NULL AND standing = 0
             AND origin_ts <= $2 ORDER BY origin_ts DESC, position DESC LIMIT 1"
        };
        let found: Option<(String, i64)> =
            sqlx::query_as(query).bind(room).bind(ts).fetch_optional(&mut self.0).await?;
        found.map(|(id, ts)| Ok((id.try_into().map_err(|_| StoreError::Damaged("an event id"))?, ts))).transpose()
    }

    /// Events of the timeline at and after a time, or at and before it, the nearest first.
    pub async fn events_near_time(
        &mut self,
        room: RoomSn,
        ts: i64,
        forwards: bool,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let query = if forwards {
            concat!(
                "SELECT ",
                event_columns!(),
                " FROM events e JOIN event_json j USING (event_sn) WHERE e.room_sn = $1 AND e.position IS NOT NULL AND e.standing = 0
                 AND e.origin_ts >= $2 ORDER BY e.origin_ts, e.position LIMIT $3"
            )
        } else {
            concat!(
                "SELECT ",
                event_columns!(),
                " FROM events e JOIN event_json j USING (event_sn) WHERE e.room_sn = $1 AND e.position IS NOT NULL AND e.standing = 0
                 AND e.origin_ts <= $2 ORDER BY e.origin_ts DESC, e.position DESC LIMIT $3"
            )
        };
        let rows: Vec<EventRow> = sqlx::query_as(query).bind(room).bind(ts).bind(limit).fetch_all(&mut self.0).await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// Whether we lack what stands just before an event.
    pub async fn follows_hole(&mut self, room: RoomSn, event: EventSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM backward_extremities WHERE room_sn = $1 AND child_sn = $2)",
        )
        .bind(room)
        .bind(event)
        .fetch_one(&mut self.0)
        .await?)
    }
}
