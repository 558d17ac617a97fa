//! Rooms: their row, their ends in the event graph.

use ruma::{OwnedRoomId, RoomId, RoomVersionId};

use super::{Db, EventSn, RoomSn, SnapshotSn, StoreError, Tx};

/// What the server keeps of a room besides its events.
#[derive(Clone, Debug)]
pub struct RoomRow {
    pub sn: RoomSn,
    pub room_id: OwnedRoomId,
    pub version: RoomVersionId,
    /// The state now; `None` for a room known by invite or knock alone.
    pub snapshot: Option<SnapshotSn>,
    /// Listed in our directory.
    pub published: bool,
    /// Its members are still to come.
    pub partial: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    room_sn: RoomSn,
    room_id: String,
    version: String,
    snapshot_sn: Option<SnapshotSn>,
    published: bool,
    partial: bool,
}

impl Row {
    fn read(self) -> Result<RoomRow, StoreError> {
        Ok(RoomRow {
            sn: self.room_sn,
            room_id: self.room_id.try_into().map_err(|_| StoreError::Damaged("a room id"))?,
            version: self.version.as_str().try_into().map_err(|_| StoreError::Damaged("a room version"))?,
            snapshot: self.snapshot_sn,
            published: self.published,
            partial: self.partial,
        })
    }
}

impl Db {
    /// The number of a room that was seen before.
    pub async fn room_sn(&mut self, room_id: &RoomId) -> Result<Option<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT room_sn FROM rooms WHERE room_id = $1")
            .bind(room_id.as_str())
            .fetch_optional(&mut self.0)
            .await?)
    }

    pub async fn room_id(&mut self, room: RoomSn) -> Result<OwnedRoomId, StoreError> {
        let id: String = sqlx::query_scalar("SELECT room_id FROM rooms WHERE room_sn = $1")
            .bind(room)
            .fetch_one(&mut self.0)
            .await?;
        id.try_into().map_err(|_| StoreError::Damaged("a room id"))
    }

    pub async fn room(&mut self, room: RoomSn) -> Result<RoomRow, StoreError> {
        let row: Row =
            sqlx::query_as("SELECT room_sn, room_id, version, snapshot_sn, published, partial_via IS NOT NULL AS partial FROM rooms WHERE room_sn = $1")
                .bind(room)
                .fetch_one(&mut self.0)
                .await?;
        row.read()
    }

    /// The room called `room_id`, when it was seen before.
    pub async fn room_by_id(&mut self, room_id: &RoomId) -> Result<Option<RoomRow>, StoreError> {
        let row: Option<Row> =
            sqlx::query_as("SELECT room_sn, room_id, version, snapshot_sn, published, partial_via IS NOT NULL AS partial FROM rooms WHERE room_id = $1")
                .bind(room_id.as_str())
                .fetch_optional(&mut self.0)
                .await?;
        row.map(Row::read).transpose()
    }

    /// Rooms listed in our directory.
    pub async fn published_rooms(&mut self) -> Result<Vec<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT room_sn FROM rooms WHERE published = 1 ORDER BY room_sn")
            .fetch_all(&mut self.0)
            .await?)
    }

    /// The newest events of a room that nothing names as its parent, with their depth.
    pub async fn forward_extremities(&mut self, room: RoomSn) -> Result<Vec<(EventSn, String, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT e.event_sn, e.event_id, e.depth FROM forward_extremities x JOIN events e USING (event_sn)
             WHERE x.room_sn = $1 ORDER BY e.depth DESC, e.event_sn DESC",
        )
        .bind(room)
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Makes the row of a room unless it has one. The version of a room that we were never in is hearsay: the last word counts.
    pub async fn make_room(&mut self, room_id: &RoomId, version: &RoomVersionId) -> Result<RoomSn, StoreError> {
        if let Some(room) = self.room_by_id(room_id).await? {
            if room.snapshot.is_none() && room.version != *version {
                self.set_room_version(room.sn, version).await?;
            }
            return Ok(room.sn);
        }
        let now = self.now_ms();
        Ok(sqlx::query_scalar("INSERT INTO rooms (room_id, version, created_ts) VALUES ($1, $2, $3) RETURNING room_sn")
            .bind(room_id.as_str())
            .bind(version.as_str())
            .bind(now)
            .fetch_one(&mut self.db.0)
            .await?)
    }

    /// Writes what the room's create event says.
    pub async fn set_room_version(&mut self, room: RoomSn, version: &RoomVersionId) -> Result<(), StoreError> {
        sqlx::query("UPDATE rooms SET version = $2 WHERE room_sn = $1")
            .bind(room)
            .bind(version.as_str())
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn set_room_snapshot(&mut self, room: RoomSn, snapshot: SnapshotSn) -> Result<(), StoreError> {
        sqlx::query("UPDATE rooms SET snapshot_sn = $2 WHERE room_sn = $1")
            .bind(room)
            .bind(snapshot)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn set_published(&mut self, room: RoomSn, published: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE rooms SET published = $2 WHERE room_sn = $1")
            .bind(room)
            .bind(published)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// `event` becomes an end of the graph; its parents no longer are.
    pub async fn extend_graph(&mut self, room: RoomSn, event: EventSn, parents: &[EventSn]) -> Result<(), StoreError> {
        for parent in parents {
            sqlx::query("DELETE FROM forward_extremities WHERE room_sn = $1 AND event_sn = $2")
                .bind(room)
                .bind(*parent)
                .execute(&mut self.db.0)
                .await?;
        }
        // An event that a stored, accepted one of the room already names is no end.
        sqlx::query(
            "INSERT INTO forward_extremities (room_sn, event_sn)
             SELECT $1, $2 WHERE NOT EXISTS (
                 SELECT 1 FROM edges g JOIN events c ON c.event_sn = g.event_sn
                 WHERE g.parent_sn = $2 AND g.kind = 0 AND c.room_sn = $1 AND c.standing = 0 AND c.position IS NOT NULL)
             ON CONFLICT DO NOTHING",
        )
        .bind(room)
        .bind(event)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Forgets the ends of the graph, before a join that starts from another server's state.
    pub async fn clear_forward_extremities(&mut self, room: RoomSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM forward_extremities WHERE room_sn = $1").bind(room).execute(&mut self.db.0).await?;
        Ok(())
    }
}
