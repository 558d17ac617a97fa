//! Who comes into a local user's sight and goes out of it, as memberships change.

use super::super::{Position, RoomSn, ServerSn, StoreError, Tx, UserSn};

impl Tx {
    /// `user`, of any server, became joined to `room`: whoever shares a room for the first time now sees the other's device list, and
    /// servers that share a room for the first time are told the devices. To be called after the members were written.
    pub async fn room_shared(&mut self, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
        let position = self.next_position();
        let server = self.server_of(user).await?;
        if server == ServerSn::OURS {
            sqlx::query(
                "INSERT INTO device_list_sightings (user_sn, other_sn, position, gone)
                 SELECT $2, o.user_sn, $3, 0 FROM members o
                 WHERE o.room_sn = $1 AND o.membership = 1 AND o.user_sn <> $2 AND NOT EXISTS (
                     SELECT 1 FROM members a JOIN members b
                       ON b.room_sn = a.room_sn AND b.user_sn = o.user_sn AND b.membership = 1
                     WHERE a.user_sn = $2 AND a.membership = 1 AND a.room_sn <> $1)
                 ON CONFLICT (user_sn, other_sn) DO UPDATE SET position = excluded.position, gone = 0",
            )
            .bind(room)
            .bind(user)
            .bind(position)
            .execute(&mut self.db.0)
            .await?;
            self.wake_user(user);
        }
        let seeing: Vec<UserSn> = sqlx::query_scalar(
            "INSERT INTO device_list_sightings (user_sn, other_sn, position, gone)
             SELECT o.user_sn, $2, $3, 0 FROM members o
             WHERE o.room_sn = $1 AND o.membership = 1 AND o.user_sn <> $2 AND o.server_sn = 1 AND NOT EXISTS (
                 SELECT 1 FROM members a JOIN members b
                   ON b.room_sn = a.room_sn AND b.user_sn = o.user_sn AND b.membership = 1
                 WHERE a.user_sn = $2 AND a.membership = 1 AND a.room_sn <> $1)
             ON CONFLICT (user_sn, other_sn) DO UPDATE SET position = excluded.position, gone = 0
             RETURNING user_sn",
        )
        .bind(room)
        .bind(user)
        .bind(position)
        .fetch_all(&mut self.db.0)
        .await?;
        for other in seeing {
            self.wake_user(other);
        }
        if server == ServerSn::OURS {
            let servers: Vec<ServerSn> = sqlx::query_scalar(
                "SELECT DISTINCT o.server_sn FROM members o
                 WHERE o.room_sn = $1 AND o.membership = 1 AND o.server_sn <> 1 AND NOT EXISTS (
                     SELECT 1 FROM members a JOIN members b
                       ON b.room_sn = a.room_sn AND b.server_sn = o.server_sn AND b.membership = 1
                     WHERE a.user_sn = $2 AND a.membership = 1 AND a.room_sn <> $1)",
            )
            .bind(room)
            .bind(user)
            .fetch_all(&mut self.db.0)
            .await?;
            return self.announce_devices(user, &servers).await;
        }
        let locals: Vec<UserSn> = sqlx::query_scalar(
            "SELECT o.user_sn FROM members o
             WHERE o.room_sn = $1 AND o.membership = 1 AND o.server_sn = 1 AND NOT EXISTS (
                 SELECT 1 FROM members a JOIN members b
                   ON b.room_sn = a.room_sn AND b.server_sn = $3 AND b.membership = 1
                  AND NOT (b.room_sn = $1 AND b.user_sn = $2)
                 WHERE a.user_sn = o.user_sn AND a.membership = 1)",
        )
        .bind(room)
        .bind(user)
        .bind(server)
        .fetch_all(&mut self.db.0)
        .await?;
        for local in locals {
            self.announce_devices(local, &[server]).await?;
        }
        Ok(())
    }

    /// `user`, of any server, is not joined to `room` any more: whoever shares no other room need not follow the other's device list, and
    /// lists of remote users whom no local user sees are forgotten. To be called after the members were written.
    pub async fn room_unshared(&mut self, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
        let position = self.next_position();
        let server = self.server_of(user).await?;
        if server == ServerSn::OURS {
            sqlx::query(
                "INSERT INTO device_list_sightings (user_sn, other_sn, position, gone)
                 SELECT $2, o.user_sn, $3, 1 FROM members o
                 WHERE o.room_sn = $1 AND o.membership = 1 AND o.user_sn <> $2 AND NOT EXISTS (
                     SELECT 1 FROM members a JOIN members b
                       ON b.room_sn = a.room_sn AND b.user_sn = o.user_sn AND b.membership = 1
                     WHERE a.user_sn = $2 AND a.membership = 1)
                 ON CONFLICT (user_sn, other_sn) DO UPDATE SET position = excluded.position, gone = 1",
            )
            .bind(room)
            .bind(user)
            .bind(position)
            .execute(&mut self.db.0)
            .await?;
            self.wake_user(user);
        }
        let losing: Vec<UserSn> = sqlx::query_scalar(
            "INSERT INTO device_list_sightings (user_sn, other_sn, position, gone)
             SELECT o.user_sn, $2, $3, 1 FROM members o
             WHERE o.room_sn = $1 AND o.membership = 1 AND o.user_sn <> $2 AND o.server_sn = 1 AND NOT EXISTS (
                 SELECT 1 FROM members a JOIN members b
                   ON b.room_sn = a.room_sn AND b.user_sn = o.user_sn AND b.membership = 1
                 WHERE a.user_sn = $2 AND a.membership = 1)
             ON CONFLICT (user_sn, other_sn) DO UPDATE SET position = excluded.position, gone = 1
             RETURNING user_sn",
        )
        .bind(room)
        .bind(user)
        .bind(position)
        .fetch_all(&mut self.db.0)
        .await?;
        for other in losing {
            self.wake_user(other);
        }
        self.unfollow_unseen(room, user).await
    }

    /// A local user signed somebody's key: their own other devices must look at it again.
    pub async fn device_list_seen(&mut self, user: UserSn, other: UserSn) -> Result<Position, StoreError> {
        let position = self.next_position();
        sqlx::query(
            "INSERT INTO device_list_sightings (user_sn, other_sn, position, gone) VALUES ($1, $2, $3, 0)
             ON CONFLICT (user_sn, other_sn) DO UPDATE SET position = excluded.position, gone = 0",
        )
        .bind(user)
        .bind(other)
        .bind(position)
        .execute(&mut self.db.0)
        .await?;
        self.wake_user(user);
        Ok(position)
    }

    /// Forgets device lists of remote users among `user` and the members of `room` with whom no local user shares a room.
    async fn unfollow_unseen(&mut self, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
        let unseen: Vec<UserSn> = sqlx::query_scalar(
            "DELETE FROM remote_device_lists
             WHERE (user_sn = $2 OR user_sn IN (SELECT user_sn FROM members WHERE room_sn = $1)) AND NOT EXISTS (
                 SELECT 1 FROM members m JOIN members l
                   ON l.room_sn = m.room_sn AND l.server_sn = 1 AND l.membership = 1
                 WHERE m.user_sn = remote_device_lists.user_sn AND m.membership = 1)
             RETURNING user_sn",
        )
        .bind(room)
        .bind(user)
        .fetch_all(&mut self.db.0)
        .await?;
        for user in unseen {
            self.clear_remote_devices(user).await?;
        }
        Ok(())
    }
}
