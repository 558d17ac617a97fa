//! Rooms that were joined without their members: these arrive afterwards.

use ruma::{OwnedServerName, ServerName};

use super::{Db, EventSn, RoomSn, ServerSn, Standing, StoreError, Tx};

/// A room whose members are still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialRoom {
    pub room: RoomSn,
    /// The server through which we joined.
    pub via: OwnedServerName,
    /// Our join.
    pub join: EventSn,
}

impl Db {
    /// All rooms whose members are still to come.
    pub async fn partial_rooms(&mut self) -> Result<Vec<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT room_sn FROM rooms WHERE partial_via IS NOT NULL ORDER BY partial_since_ts")
            .fetch_all(&mut self.0)
            .await?)
    }

    /// What is known of a room whose members are still to come; `None` when they are here.
    pub async fn partial_room(&mut self, room: RoomSn) -> Result<Option<PartialRoom>, StoreError> {
        let row: Option<(String, EventSn)> = sqlx::query_as(
            "SELECT partial_via, partial_join_sn FROM rooms
             WHERE room_sn = $1 AND partial_via IS NOT NULL AND partial_join_sn IS NOT NULL",
        )
        .bind(room)
        .fetch_optional(&mut self.0)
        .await?;
        row.map(|(via, join)| {
            let via = via.try_into().map_err(|_| StoreError::Damaged("a server name"))?;
            Ok(PartialRoom { room, via, join })
        })
        .transpose()
    }

    pub async fn is_partial(&mut self, room: RoomSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM rooms WHERE room_sn = $1 AND partial_via IS NOT NULL)")
            .bind(room)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Events of the room whose state before was found without its members, with their standing.
    pub async fn partial_events(&mut self, room: RoomSn) -> Result<Vec<(EventSn, Standing)>, StoreError> {
        Ok(sqlx::query_as("SELECT event_sn, standing FROM events WHERE room_sn = $1 AND partial_state = 1")
            .bind(room)
            .fetch_all(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// The room is entered without its members, through `via`, which named `servers` as those in it.
    pub async fn begin_partial(
        &mut self,
        room: RoomSn,
        via: &ServerName,
        join: EventSn,
        servers: &[OwnedServerName],
    ) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query(
            "UPDATE rooms SET partial_via = $2, partial_since_ts = $3, partial_join_sn = $4 WHERE room_sn = $1",
        )
        .bind(room)
        .bind(via.as_str())
        .bind(now)
        .bind(join)
        .execute(&mut self.db.0)
        .await?;
        sqlx::query("DELETE FROM partial_servers WHERE room_sn = $1").bind(room).execute(&mut self.db.0).await?;
        for server in servers {
            let server = self.make_server_sn(server).await?;
            if server != ServerSn::OURS {
                sqlx::query("INSERT INTO partial_servers (room_sn, server_sn) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(room)
                    .bind(server)
                    .execute(&mut self.db.0)
                    .await?;
            }
        }
        Ok(())
    }

    /// The members are here, or nobody of ours is in the room any more.
    pub async fn end_partial(&mut self, room: RoomSn) -> Result<(), StoreError> {
        for query in [
            "UPDATE rooms SET partial_via = NULL, partial_since_ts = NULL, partial_join_sn = NULL WHERE room_sn = $1",
            "DELETE FROM partial_servers WHERE room_sn = $1",
            "UPDATE events SET partial_state = 0 WHERE room_sn = $1 AND partial_state = 1",
        ] {
            sqlx::query(query).bind(room).execute(&mut self.db.0).await?;
        }
        Ok(())
    }

    pub async fn set_standing(&mut self, event: EventSn, standing: Standing) -> Result<(), StoreError> {
        sqlx::query("UPDATE events SET standing = $2 WHERE event_sn = $1")
            .bind(event)
            .bind(standing)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// An event that was shown is not any more: with everything known, the rules do not allow it. Where it was an end of the graph, its
    /// parents that nothing else follows are ends again.
    pub async fn reject_again(&mut self, room: RoomSn, event: EventSn) -> Result<(), StoreError> {
        sqlx::query("UPDATE events SET standing = 2, position = NULL WHERE event_sn = $1")
            .bind(event)
            .execute(&mut self.db.0)
            .await?;
        let was_end = sqlx::query("DELETE FROM forward_extremities WHERE room_sn = $1 AND event_sn = $2")
            .bind(room)
            .bind(event)
            .execute(&mut self.db.0)
            .await?;
        if was_end.rows_affected() > 0 {
            sqlx::query(
                "INSERT INTO forward_extremities (room_sn, event_sn)
                 SELECT $1, p.event_sn FROM edges g JOIN events p ON p.event_sn = g.parent_sn
                 WHERE g.event_sn = $2 AND g.kind = 0 AND p.room_sn = $1 AND p.standing = 0 AND p.snapshot_sn IS NOT NULL
                   AND NOT EXISTS (
                     SELECT 1 FROM edges o JOIN events c ON c.event_sn = o.event_sn
                     WHERE o.parent_sn = p.event_sn AND o.kind = 0 AND c.room_sn = $1 AND c.standing = 0 AND c.position IS NOT NULL)
                 ON CONFLICT DO NOTHING",
            )
            .bind(room)
            .bind(event)
            .execute(&mut self.db.0)
            .await?;
        }
        Ok(())
    }
}
