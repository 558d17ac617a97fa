//! Rooms that a local user shares with somebody.

use ruma::OwnedRoomId;

use super::{Db, RoomSn, StoreError, UserSn};

pub(super) const MUTUAL: &str = "
    SELECT m.room_sn, r.room_id FROM local_memberships m
    JOIN members o ON o.room_sn = m.room_sn AND o.user_sn = $2 AND o.membership = 1
    JOIN rooms r ON r.room_sn = m.room_sn
    WHERE m.user_sn = $1 AND m.membership = 1 AND m.room_sn > $3 ORDER BY m.room_sn LIMIT $4";

impl Db {
    /// At most `limit` rooms after `after` in which both are joined.
    pub async fn mutual_rooms(
        &mut self,
        user: UserSn,
        other: UserSn,
        after: RoomSn,
        limit: i64,
    ) -> Result<Vec<(RoomSn, OwnedRoomId)>, StoreError> {
        let rows: Vec<(RoomSn, String)> =
            sqlx::query_as(MUTUAL).bind(user).bind(other).bind(after).bind(limit).fetch_all(&mut self.0).await?;
        rows.into_iter()
            .map(|(room, id)| Ok((room, id.try_into().map_err(|_| StoreError::Damaged("a room id"))?)))
            .collect()
    }

    /// How many rooms both are joined to.
    pub async fn mutual_room_count(&mut self, user: UserSn, other: UserSn) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM local_memberships m JOIN members o ON o.room_sn = m.room_sn AND o.user_sn = $2
             AND o.membership = 1 WHERE m.user_sn = $1 AND m.membership = 1",
        )
        .bind(user)
        .bind(other)
        .fetch_one(&mut self.0)
        .await?)
    }
}
