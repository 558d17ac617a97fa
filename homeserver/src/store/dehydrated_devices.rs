//! Dehydrated devices (MSC3814), one for each user.

use ruma::{DeviceId, OwnedDeviceId};

use super::{Db, StoreError, Tx, UserSn};

impl Db {
    /// The user's dehydrated device: its id and its sealed data as JSON.
    pub async fn dehydrated_device(&mut self, user: UserSn) -> Result<Option<(OwnedDeviceId, String)>, StoreError> {
        let row: Option<(String, String)> =
            sqlx::query_as("SELECT device_id, device_data FROM dehydrated_devices WHERE user_sn = $1")
                .bind(user)
                .fetch_optional(&mut self.0)
                .await?;
        Ok(row.map(|(id, data)| (id.into(), data)))
    }
}

impl Tx {
    /// Makes `device` the user's dehydrated device; `false` when it is another device's id.
    pub async fn put_dehydrated_device(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        display_name: Option<&str>,
        device_data: &str,
    ) -> Result<bool, StoreError> {
        let known = self.dehydrated_device(user).await?.is_some_and(|(id, _)| id == device);
        let now = self.now_ms();
        let made = sqlx::query(
            "INSERT INTO devices (user_sn, device_id, display_name, created_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(display_name)
        .bind(now)
        .execute(&mut self.db.0)
        .await?
        .rows_affected();
        if made == 0 && !known {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO dehydrated_devices (user_sn, device_id, device_data) VALUES ($1, $2, $3)
             ON CONFLICT (user_sn) DO UPDATE SET device_id = excluded.device_id, device_data = excluded.device_data",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(device_data)
        .execute(&mut self.db.0)
        .await?;
        Ok(true)
    }

    /// Deletes the user's dehydrated device with its keys and messages; answers its id.
    pub async fn delete_dehydrated_device(&mut self, user: UserSn) -> Result<Option<OwnedDeviceId>, StoreError> {
        let Some((device, _)) = self.dehydrated_device(user).await? else { return Ok(None) };
        self.delete_device_keys(user, &device).await?;
        sqlx::query("DELETE FROM devices WHERE user_sn = $1 AND device_id = $2")
            .bind(user)
            .bind(device.as_str())
            .execute(&mut self.db.0)
            .await?;
        Ok(Some(device))
    }
}
