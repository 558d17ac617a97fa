//! What tests write without going through a room or an account.

use ruma::{DeviceId, RoomId, RoomVersionId, UserId};
use sqlx::AssertSqlSafe;

use super::{
    Db, Departure, EventSn, LocalMembership, Membership, RoomSn, ServerSn, StoreError, Tx, UserSn, token_hash,
};

impl Db {
    /// How many rows each table has.
    pub async fn test_row_counts(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
                .fetch_all(&mut self.0)
                .await?;
        let mut counts = Vec::new();
        for table in tables {
            let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
            counts.push((table, count.fetch_one(&mut self.0).await?));
        }
        Ok(counts)
    }

    /// How many originals of redacted events are kept.
    pub async fn test_redacted_originals(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM redacted_originals").fetch_one(&mut self.0).await?)
    }
}

impl Tx {
    /// An account with a device and the device's access token.
    pub async fn put_test_device(
        &mut self,
        user_id: &UserId,
        device: &DeviceId,
        token: &str,
    ) -> Result<UserSn, StoreError> {
        let user = self.make_user_sn(user_id).await?;
        for statement in [
            "INSERT INTO accounts (user_sn, created_ts) VALUES ($1, 0) ON CONFLICT DO NOTHING",
            "INSERT INTO devices (user_sn, device_id, display_name, created_ts) VALUES ($1, $2, 'A device', 0)",
            "INSERT INTO access_tokens (user_sn, device_id, token_hash) VALUES ($1, $2, $3)",
        ] {
            sqlx::query(statement)
                .bind(user)
                .bind(device.as_str())
                .bind(token_hash(token))
                .execute(&mut self.db.0)
                .await?;
        }
        Ok(user)
    }

    /// A member of a room, made with the room; consequences are the caller's.
    pub async fn put_test_member(
        &mut self,
        room_id: &RoomId,
        user_id: &UserId,
        membership: Membership,
    ) -> Result<(RoomSn, UserSn), StoreError> {
        let room = match self.room_sn(room_id).await? {
            Some(room) => room,
            None => self.make_room(room_id, &RoomVersionId::V12).await?,
        };
        let user = self.put_member(room, user_id, membership, EventSn(0), None, None).await?;
        if self.server_of(user).await? == ServerSn::OURS {
            let position = self.next_position();
            self.put_local_membership(&LocalMembership {
                user_sn: user,
                room_sn: room,
                membership,
                event_sn: None,
                position,
                joined_position: Some(position),
                departure: Departure::default(),
                stripped_state: None,
                invite_event: None,
                forgotten: false,
            })
            .await?;
        }
        Ok((room, user))
    }

    /// Raises the epoch, as a restore from a backup does.
    pub async fn raise_test_epoch(&mut self) -> Result<(), StoreError> {
        sqlx::query("UPDATE server SET epoch = epoch + 1 WHERE id = 1").execute(&mut self.db.0).await?;
        Ok(())
    }

    /// The EDUs that wait for a server: to-device messages first, then the others.
    pub async fn test_edus(&mut self, server: ServerSn) -> Result<Vec<serde_json::Value>, StoreError> {
        let edus: Vec<String> = sqlx::query_scalar(
            "SELECT edu FROM (SELECT edu, 0 AS kind, sn FROM outbox_to_device WHERE server_sn = $1
             UNION ALL SELECT edu, 1 AS kind, sn FROM outbox_edus WHERE server_sn = $1) ORDER BY kind, sn",
        )
        .bind(server)
        .fetch_all(&mut self.db.0)
        .await?;
        Ok(edus.iter().filter_map(|edu| serde_json::from_str(edu).ok()).collect())
    }
}
