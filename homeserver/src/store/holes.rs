//! Holes of timelines: where history is missing, what stands behind it, and where it goes when it comes.

use ruma::EventId;

use super::{Db, EventSn, Position, RoomSn, StoreError, Tx};

/// Positions left free for what is missing in the middle of a timeline.
const ROOM: i64 = 10_000;

/// Room, lowest and highest position, and since when it was not tried in vain.
pub(super) const NEWEST_HOLE: &str =
    "SELECT room_sn, before_position, floor_position, start_position FROM timeline_gaps
     WHERE room_sn = $1 AND before_position > $2 AND floor_position < $3 AND (failed_ts IS NULL OR failed_ts < $4)
     ORDER BY before_position DESC LIMIT 1";
/// Room, the hole's floor and start.
pub(super) const MISSING_IN_HOLE: &str =
    "SELECT DISTINCT e.event_id FROM backward_extremities x JOIN events e ON e.event_sn = x.event_sn
     JOIN events c ON c.event_sn = x.child_sn WHERE x.room_sn = $1 AND c.position > $2 AND c.position <= $3 LIMIT 100";
/// Room.
pub(super) const BACKWARD_EXTREMITIES: &str =
    "SELECT DISTINCT e.event_sn, e.event_id FROM backward_extremities x JOIN events e ON e.event_sn = x.event_sn
     JOIN events c ON c.event_sn = x.child_sn WHERE x.room_sn = $1 AND NOT EXISTS (
         SELECT 1 FROM timeline_gaps g
         WHERE g.room_sn = $1 AND c.position > g.floor_position AND c.position <= g.start_position)
     ORDER BY e.event_sn LIMIT 100";
/// Room and event id.
pub(super) const IS_MISSED: &str =
    "SELECT EXISTS (SELECT 1 FROM events e JOIN backward_extremities x ON x.event_sn = e.event_sn AND x.room_sn = $1
     WHERE e.event_id = $2)";
/// Room.
pub(super) const HAS_TIMELINE: &str =
    "SELECT EXISTS (SELECT 1 FROM events WHERE room_sn = $1 AND position IS NOT NULL)";
/// Room, the hole's floor and start.
pub(super) const LOWEST_IN_HOLE: &str =
    "SELECT min(position) FROM events WHERE room_sn = $1 AND position > $2 AND position <= $3";

/// A hole in the middle of a room's timeline: what is missing goes between `floor` and `before`, both exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Hole {
    #[sqlx(rename = "room_sn")]
    pub room: RoomSn,
    #[sqlx(rename = "before_position")]
    pub before: Position,
    #[sqlx(rename = "floor_position")]
    pub floor: Position,
    /// Where `before` was when the hole was made.
    #[sqlx(rename = "start_position")]
    pub start: Position,
}

impl Db {
    /// The newest hole between two positions that was not tried in vain since `failed_ts`.
    pub async fn newest_hole(
        &mut self,
        room: RoomSn,
        lowest: Position,
        upto: Position,
        failed_ts: i64,
    ) -> Result<Option<Hole>, StoreError> {
        Ok(sqlx::query_as(NEWEST_HOLE)
            .bind(room)
            .bind(lowest)
            .bind(upto)
            .bind(failed_ts)
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// The missing events that those around a hole name.
    pub async fn missing_in_hole(&mut self, hole: &Hole) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(MISSING_IN_HOLE)
            .bind(hole.room)
            .bind(hole.floor)
            .bind(hole.start)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// Events named by ours that we do not have, from before the room's beginning here: where backfill goes on.
    pub async fn backward_extremities(&mut self, room: RoomSn) -> Result<Vec<(EventSn, String)>, StoreError> {
        Ok(sqlx::query_as(BACKWARD_EXTREMITIES).bind(room).fetch_all(&mut self.0).await?)
    }

    /// Whether an event of the room's timeline names this one, which is not here.
    pub async fn is_missed(&mut self, room: RoomSn, event_id: &EventId) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(IS_MISSED).bind(room).bind(event_id.as_str()).fetch_one(&mut self.0).await?)
    }

    /// Whether anything of the room has a place on its timeline.
    pub async fn has_timeline(&mut self, room: RoomSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(HAS_TIMELINE).bind(room).fetch_one(&mut self.0).await?)
    }
}

impl Tx {
    /// Notes that `child` names `missing`, which we do not have.
    pub async fn add_backward_extremity(
        &mut self,
        room: RoomSn,
        missing: EventSn,
        child: EventSn,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO backward_extremities (room_sn, event_sn, child_sn) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(room)
        .bind(missing)
        .bind(child)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// `event` is here now.
    pub async fn remove_backward_extremity(&mut self, room: RoomSn, event: EventSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM backward_extremities WHERE room_sn = $1 AND event_sn = $2")
            .bind(room)
            .bind(event)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Marks that history is missing just before `position`, the first that the room has here.
    pub async fn add_timeline_gap(&mut self, room: RoomSn, position: Position) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO timeline_gaps (room_sn, before_position) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(room)
            .bind(position)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Takes the next position with a hole in the room's timeline before it.
    pub async fn next_position_after_hole(&mut self, room: RoomSn) -> Result<Position, StoreError> {
        let floor = self.next_position();
        let position = self.skip_positions(ROOM);
        sqlx::query(
            "INSERT INTO timeline_gaps (room_sn, before_position, floor_position, start_position) VALUES ($1, $2, $3, $2)",
        )
        .bind(room)
        .bind(position)
        .bind(floor)
        .execute(&mut self.db.0)
        .await?;
        Ok(position)
    }

    /// The next free position in a hole, downwards; `None` when it is full.
    pub async fn position_in_hole(&mut self, hole: &Hole) -> Result<Option<Position>, StoreError> {
        let lowest: Option<i64> = sqlx::query_scalar(LOWEST_IN_HOLE)
            .bind(hole.room)
            .bind(hole.floor)
            .bind(hole.start)
            .fetch_one(&mut self.db.0)
            .await?;
        let next = lowest.unwrap_or(hole.start.0) - 1;
        Ok((next > hole.floor.0).then_some(Position(next)))
    }

    /// The hole ends where the events that came begin, or is none any more.
    pub async fn settle_hole(&mut self, hole: &Hole) -> Result<(), StoreError> {
        let closed = self.missing_in_hole(hole).await?.is_empty();
        let lowest = self.position_in_hole(hole).await?.map(|next| Position(next.0 + 1));
        match lowest {
            Some(lowest) if !closed => {
                sqlx::query(
                    "UPDATE timeline_gaps SET before_position = $3, failed_ts = NULL WHERE room_sn = $1 AND before_position = $2",
                )
                .bind(hole.room)
                .bind(hole.before)
                .bind(lowest)
                .execute(&mut self.db.0)
                .await?;
            }
            _ => {
                sqlx::query("DELETE FROM timeline_gaps WHERE room_sn = $1 AND before_position = $2")
                    .bind(hole.room)
                    .bind(hole.before)
                    .execute(&mut self.db.0)
                    .await?;
            }
        }
        Ok(())
    }

    /// Nobody could help with the hole just now.
    pub async fn hole_failed(&mut self, hole: &Hole) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query("UPDATE timeline_gaps SET failed_ts = $3 WHERE room_sn = $1 AND before_position = $2")
            .bind(hole.room)
            .bind(hole.before)
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}
