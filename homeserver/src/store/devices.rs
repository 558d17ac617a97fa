//! Devices of local users.

use ruma::{DeviceId, OwnedDeviceId};

use super::{Db, StoreError, Tx, UserSn};

/// A device.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    pub device_id: OwnedDeviceId,
    pub display_name: Option<String>,
    /// Milliseconds since 1970.
    pub last_seen_ts: Option<i64>,
    pub last_seen_ip: Option<String>,
    pub last_seen_user_agent: Option<String>,
}

type Columns = (String, Option<String>, Option<i64>, Option<String>, Option<String>);

fn row((device_id, display_name, last_seen_ts, last_seen_ip, last_seen_user_agent): Columns) -> DeviceRow {
    DeviceRow { device_id: device_id.into(), display_name, last_seen_ts, last_seen_ip, last_seen_user_agent }
}

impl Db {
    /// The user's devices, oldest first.
    pub async fn devices(&mut self, user: UserSn) -> Result<Vec<DeviceRow>, StoreError> {
        let found: Vec<Columns> = sqlx::query_as(
            "SELECT device_id, display_name, last_seen_ts, last_seen_ip, last_seen_user_agent FROM devices
             WHERE user_sn = $1 ORDER BY created_ts, device_id",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?;
        Ok(found.into_iter().map(row).collect())
    }

    pub async fn device(&mut self, user: UserSn, device_id: &DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        let found: Option<Columns> = sqlx::query_as(
            "SELECT device_id, display_name, last_seen_ts, last_seen_ip, last_seen_user_agent FROM devices
             WHERE user_sn = $1 AND device_id = $2",
        )
        .bind(user)
        .bind(device_id.as_str())
        .fetch_optional(&mut self.0)
        .await?;
        Ok(found.map(row))
    }
}

impl Tx {
    /// Enters a device if it is new; answers whether it was.
    pub async fn add_device(
        &mut self,
        user: UserSn,
        device_id: &DeviceId,
        display_name: Option<&str>,
    ) -> Result<bool, StoreError> {
        let added = sqlx::query(
            "INSERT INTO devices (user_sn, device_id, display_name, created_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(user)
        .bind(device_id.as_str())
        .bind(display_name)
        .bind(self.now_ms())
        .execute(&mut self.db.0)
        .await?;
        Ok(added.rows_affected() == 1)
    }

    /// Gives a device another name; answers whether there is such a device.
    pub async fn rename_device(
        &mut self,
        user: UserSn,
        device_id: &DeviceId,
        display_name: Option<&str>,
    ) -> Result<bool, StoreError> {
        let renamed = sqlx::query("UPDATE devices SET display_name = $3 WHERE user_sn = $1 AND device_id = $2")
            .bind(user)
            .bind(device_id.as_str())
            .bind(display_name)
            .execute(&mut self.db.0)
            .await?;
        if renamed.rows_affected() == 1 {
            self.device_changed(user, device_id).await?;
        }
        Ok(renamed.rows_affected() == 1)
    }

    /// Notes that a device was seen now.
    pub async fn saw_device(
        &mut self,
        user: UserSn,
        device_id: &DeviceId,
        ip: Option<&str>,
        user_agent: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE devices SET last_seen_ts = $3, last_seen_ip = COALESCE($4, last_seen_ip),
                last_seen_user_agent = COALESCE($5, last_seen_user_agent)
             WHERE user_sn = $1 AND device_id = $2",
        )
        .bind(user)
        .bind(device_id.as_str())
        .bind(self.now_ms())
        .bind(ip)
        .bind(user_agent)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Deletes a device with its tokens, keys, pushers and waiting messages; answers whether there was one.
    pub async fn delete_device(&mut self, user: UserSn, device_id: &DeviceId) -> Result<bool, StoreError> {
        // What devices of others know of it: told while the row is still there.
        self.delete_device_keys(user, device_id).await?;
        // Tokens and sync connections go with the row.
        let deleted = sqlx::query("DELETE FROM devices WHERE user_sn = $1 AND device_id = $2")
            .bind(user)
            .bind(device_id.as_str())
            .execute(&mut self.db.0)
            .await?;
        for statement in [
            "DELETE FROM pushers WHERE user_sn = $1 AND device_id = $2",
            "DELETE FROM transactions WHERE user_sn = $1 AND device_id = $2",
        ] {
            sqlx::query(statement).bind(user).bind(device_id.as_str()).execute(&mut self.db.0).await?;
        }
        Ok(deleted.rows_affected() == 1)
    }
}
