//! What directories, previews and space trees tell of rooms: a few state events at once.

use super::{Db, RoomSn, ServerSn, StoreError};

pub(super) const DIRECTORY: &str = "
    SELECT r.room_sn, (SELECT count(*) FROM members m WHERE m.room_sn = r.room_sn AND m.membership = 1) AS joined
    FROM rooms r WHERE r.published = 1
        AND r.partial_via IS NULL
        AND EXISTS (SELECT 1 FROM members m WHERE m.server_sn = 1 AND m.membership = 1 AND m.room_sn = r.room_sn)
    ORDER BY joined DESC, r.room_sn";

impl Db {
    /// Published rooms that somebody of ours is in, with the number of their members; the largest first.
    pub async fn directory(&mut self) -> Result<Vec<(RoomSn, i64)>, StoreError> {
        Ok(sqlx::query_as(DIRECTORY).fetch_all(&mut self.0).await?)
    }

    /// Types and bodies of the state events of which a room's summary is made.
    pub async fn summary_state(&mut self, room: RoomSn) -> Result<Vec<(String, String)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT t.type, j.json FROM event_types t JOIN state_keys k USING (type_sn)
             JOIN current_state s ON s.key_sn = k.key_sn AND s.room_sn = $1 JOIN event_json j ON j.event_sn = s.event_sn
             WHERE k.state_key = '' AND t.type IN ('m.room.create', 'm.room.name', 'm.room.topic', 'm.room.avatar',
                 'm.room.canonical_alias', 'm.room.join_rules', 'm.room.history_visibility', 'm.room.guest_access',
                 'm.room.encryption')",
        )
        .bind(room)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Whether a user of the server is joined or invited.
    pub async fn server_may_enter(&mut self, room: RoomSn, server: ServerSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members WHERE server_sn = $2 AND membership IN (1, 2) AND room_sn = $1)",
        )
        .bind(room)
        .bind(server)
        .fetch_one(&mut self.0)
        .await?)
    }
}
