//! Device lists of remote users with whom a local user shares a room: a copy of what their server said, kept fresh by its EDUs.

use ruma::{DeviceId, OwnedUserId};

use super::{Db, DeviceKeysRow, ServerSn, StoreError, Tx, Usage, UserSn};

/// How fresh our copy of a remote user's device list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RemoteList {
    /// The newest step of the user's sequence that we have, or, while stale, have heard of.
    pub stream_id: Option<i64>,
    /// Something was missed: to be fetched before it is answered from.
    pub stale: bool,
}

impl Db {
    /// Which server a user belongs to.
    pub async fn server_of(&mut self, user: UserSn) -> Result<ServerSn, StoreError> {
        Ok(sqlx::query_scalar("SELECT server_sn FROM users WHERE user_sn = $1")
            .bind(user)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Whether a remote user's list is kept, and how fresh it is.
    pub async fn remote_list(&mut self, user: UserSn) -> Result<Option<RemoteList>, StoreError> {
        Ok(sqlx::query_as("SELECT stream_id, stale FROM remote_device_lists WHERE user_sn = $1")
            .bind(user)
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// The devices of a remote user, as far as we know.
    pub async fn remote_devices(&mut self, user: UserSn) -> Result<Vec<DeviceKeysRow>, StoreError> {
        let rows: Vec<(String, String, Option<String>)> =
            sqlx::query_as("SELECT device_id, keys, display_name FROM remote_devices WHERE user_sn = $1")
                .bind(user)
                .fetch_all(&mut self.0)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(id, keys, display_name)| DeviceKeysRow { device_id: id.into(), keys, display_name })
            .collect())
    }

    /// Users whose lists are to be fetched again, `limit` at most.
    pub async fn stale_remote_lists(&mut self, limit: i64) -> Result<Vec<OwnedUserId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT u.user_id FROM remote_device_lists l JOIN users u USING (user_sn) WHERE l.stale = 1 LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        ids.into_iter().map(|id| id.try_into().map_err(|_| StoreError::Damaged("a user id"))).collect()
    }
}

impl Tx {
    /// Our copy is to be fetched again; `heard` is the newest step we were told of, `None` when the sequence cannot be trusted.
    pub async fn mark_remote_list_stale(&mut self, user: UserSn, heard: Option<i64>) -> Result<(), StoreError> {
        self.set_remote_list(user, RemoteList { stream_id: heard, stale: true }).await
    }

    /// Writes how fresh our copy is.
    pub async fn set_remote_list(&mut self, user: UserSn, list: RemoteList) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO remote_device_lists (user_sn, stream_id, stale) VALUES ($1, $2, $3)
             ON CONFLICT (user_sn) DO UPDATE SET stream_id = excluded.stream_id, stale = excluded.stale",
        )
        .bind(user)
        .bind(list.stream_id)
        .bind(list.stale)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Writes one device of a remote user.
    pub async fn put_remote_device(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        keys: &str,
        display_name: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO remote_devices (user_sn, device_id, keys, display_name) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_sn, device_id) DO UPDATE SET keys = excluded.keys, display_name = excluded.display_name",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(keys)
        .bind(display_name)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// A remote device is gone, or has no keys any more.
    pub async fn delete_remote_device(&mut self, user: UserSn, device: &DeviceId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM remote_devices WHERE user_sn = $1 AND device_id = $2")
            .bind(user)
            .bind(device.as_str())
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Forgets the devices and cross-signing keys of a remote user, before new ones are written or when nobody follows them.
    pub async fn clear_remote_devices(&mut self, user: UserSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM remote_devices WHERE user_sn = $1").bind(user).execute(&mut self.db.0).await?;
        for usage in [Usage::Master, Usage::SelfSigning] {
            self.delete_cross_signing_key(user, usage).await?;
        }
        Ok(())
    }
}
