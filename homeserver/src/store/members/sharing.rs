//! Who shares a room with whom: decides who hears of key and profile changes.

use super::super::{Db, RoomSn, ServerSn, StoreError, UserSn};

impl Db {
    /// Rooms that a user of any server is joined to, as far as we are in them.
    pub async fn joined_rooms(&mut self, user: UserSn) -> Result<Vec<RoomSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT room_sn FROM members WHERE user_sn = $1 AND membership = 1 ORDER BY room_sn")
            .bind(user)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// Local users who share a joined room with `user`, and `user` when local.
    pub async fn local_users_sharing_rooms(&mut self, user: UserSn) -> Result<Vec<UserSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT l.user_sn FROM members m JOIN local_memberships l ON l.room_sn = m.room_sn AND l.membership = 1
             WHERE m.user_sn = $1 AND m.membership = 1
             UNION SELECT user_sn FROM users WHERE user_sn = $1 AND server_sn = 1",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Servers with a user who shares a joined room with `user`, ours left out; with those of rooms whose members are still to come.
    pub async fn servers_sharing_rooms(&mut self, user: UserSn) -> Result<Vec<ServerSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT o.server_sn FROM members m JOIN members o ON o.room_sn = m.room_sn AND o.membership = 1
             WHERE m.user_sn = $1 AND m.membership = 1 AND o.server_sn <> 1
             UNION SELECT p.server_sn FROM members m JOIN partial_servers p ON p.room_sn = m.room_sn
             WHERE m.user_sn = $1 AND m.membership = 1",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Everybody who shares a joined room with `user`, of all servers.
    pub async fn users_sharing_rooms(&mut self, user: UserSn) -> Result<Vec<UserSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT o.user_sn FROM members m JOIN members o ON o.room_sn = m.room_sn AND o.membership = 1
             WHERE m.user_sn = $1 AND m.membership = 1",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Whether two users are joined to a common room.
    pub async fn share_a_room(&mut self, one: UserSn, other: UserSn) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members m JOIN members o ON o.room_sn = m.room_sn AND o.membership = 1 AND o.user_sn = $2
             WHERE m.user_sn = $1 AND m.membership = 1)",
        )
        .bind(one)
        .bind(other)
        .fetch_one(&mut self.0)
        .await?)
    }
}
