//! Keys of local devices: identity keys, one-time keys, fallback keys.

use std::collections::BTreeMap;

use ruma::{DeviceId, OneTimeKeyAlgorithm, OwnedDeviceId, UInt};

use super::{Db, StoreError, Tx, UserSn};

/// A device with its identity keys.
#[derive(Clone, Debug)]
pub struct DeviceKeysRow {
    pub device_id: OwnedDeviceId,
    /// The JSON as the device signed it.
    pub keys: String,
    pub display_name: Option<String>,
}

/// A one-time or fallback key that was handed out.
#[derive(Clone, Debug)]
pub struct ClaimedKey {
    pub algorithm: String,
    pub key_id: String,
    /// Its JSON.
    pub key: String,
}

impl Db {
    /// The devices of a local user that have identity keys.
    pub async fn device_keys(&mut self, user: UserSn) -> Result<Vec<DeviceKeysRow>, StoreError> {
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT k.device_id, k.keys, d.display_name FROM device_keys k LEFT JOIN devices d USING (user_sn, device_id)
             WHERE k.user_sn = $1",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(id, keys, display_name)| DeviceKeysRow { device_id: id.into(), keys, display_name })
            .collect())
    }

    /// The identity keys of one local device.
    pub async fn keys_of_device(&mut self, user: UserSn, device: &DeviceId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT keys FROM device_keys WHERE user_sn = $1 AND device_id = $2")
            .bind(user)
            .bind(device.as_str())
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// One-time keys left, by algorithm. `signed_curve25519` is always among them.
    pub async fn one_time_key_counts(
        &mut self,
        user: UserSn,
        device: &DeviceId,
    ) -> Result<BTreeMap<OneTimeKeyAlgorithm, UInt>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT algorithm, count(*) FROM one_time_keys
             WHERE user_sn = $1 AND device_id = $2 AND epoch = (SELECT epoch FROM server WHERE id = 1) GROUP BY algorithm",
        )
        .bind(user)
        .bind(device.as_str())
        .fetch_all(&mut self.0)
        .await?;
        let mut counts = BTreeMap::from([(OneTimeKeyAlgorithm::SignedCurve25519, UInt::MIN)]);
        for (algorithm, count) in rows {
            counts.insert(algorithm.as_str().into(), UInt::try_from(count).unwrap_or_default());
        }
        Ok(counts)
    }

    /// Algorithms whose fallback key was not handed out yet.
    pub async fn unused_fallback_key_types(
        &mut self,
        user: UserSn,
        device: &DeviceId,
    ) -> Result<Vec<OneTimeKeyAlgorithm>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT algorithm FROM fallback_keys WHERE user_sn = $1 AND device_id = $2 AND used = 0 ORDER BY algorithm",
        )
        .bind(user)
        .bind(device.as_str())
        .fetch_all(&mut self.0)
        .await?;
        Ok(rows.iter().map(|algorithm| algorithm.as_str().into()).collect())
    }

    /// A one-time key that waits to be handed out.
    pub async fn one_time_key(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        algorithm: &str,
        key_id: &str,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT key FROM one_time_keys WHERE user_sn = $1 AND device_id = $2 AND algorithm = $3 AND key_id = $4
               AND epoch = (SELECT epoch FROM server WHERE id = 1)",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(algorithm)
        .bind(key_id)
        .fetch_optional(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Publishes a device's identity keys. The caller tells others with `device_changed`.
    pub async fn put_device_keys(&mut self, user: UserSn, device: &DeviceId, keys: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO device_keys (user_sn, device_id, keys) VALUES ($1, $2, $3)
             ON CONFLICT (user_sn, device_id) DO UPDATE SET keys = excluded.keys",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(keys)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Adds a one-time key behind the ones that are there. One of the same id from before a restore gives way.
    pub async fn add_one_time_key(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        algorithm: &str,
        key_id: &str,
        key: &str,
    ) -> Result<(), StoreError> {
        let epoch = self.epoch().await?;
        sqlx::query(
            "DELETE FROM one_time_keys WHERE user_sn = $1 AND device_id = $2 AND algorithm = $3 AND key_id = $4 AND epoch <> $5",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(algorithm)
        .bind(key_id)
        .bind(epoch)
        .execute(&mut self.db.0)
        .await?;
        sqlx::query(
            "INSERT INTO one_time_keys (user_sn, device_id, algorithm, key_id, key, epoch) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(algorithm)
        .bind(key_id)
        .bind(key)
        .bind(epoch)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Sets the fallback key of an algorithm, unused; the very same key uploaded again stays as used as it was.
    pub async fn put_fallback_key(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        algorithm: &str,
        key_id: &str,
        key: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO fallback_keys (user_sn, device_id, algorithm, key_id, key, used) VALUES ($1, $2, $3, $4, $5, 0)
             ON CONFLICT (user_sn, device_id, algorithm) DO UPDATE SET
                 used = CASE WHEN key_id = excluded.key_id AND key = excluded.key THEN used ELSE 0 END,
                 key_id = excluded.key_id, key = excluded.key",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(algorithm)
        .bind(key_id)
        .bind(key)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Hands out a one-time key, oldest first, and forgets it; when none is left, the fallback key, marked as used.
    pub async fn claim_key(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        algorithm: &str,
    ) -> Result<Option<ClaimedKey>, StoreError> {
        let one_time: Option<(String, String)> = sqlx::query_as(
            "DELETE FROM one_time_keys WHERE sn = (
                 SELECT min(sn) FROM one_time_keys WHERE user_sn = $1 AND device_id = $2 AND algorithm = $3
                   AND epoch = (SELECT epoch FROM server WHERE id = 1))
             RETURNING key_id, key",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(algorithm)
        .fetch_optional(&mut self.db.0)
        .await?;
        let found = match one_time {
            Some(found) => Some(found),
            None => {
                sqlx::query_as(
                    "UPDATE fallback_keys SET used = 1 WHERE user_sn = $1 AND device_id = $2 AND algorithm = $3
                     RETURNING key_id, key",
                )
                .bind(user)
                .bind(device.as_str())
                .bind(algorithm)
                .fetch_optional(&mut self.db.0)
                .await?
            }
        };
        Ok(found.map(|(key_id, key)| ClaimedKey { algorithm: algorithm.to_owned(), key_id, key }))
    }

    /// Forgets everything about encryption that a device had, and tells who follows its user. To be called while the device's row is
    /// still there, before it is deleted.
    pub async fn delete_device_keys(&mut self, user: UserSn, device: &DeviceId) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM one_time_keys WHERE user_sn = $1 AND device_id = $2",
            "DELETE FROM fallback_keys WHERE user_sn = $1 AND device_id = $2",
            "DELETE FROM to_device WHERE user_sn = $1 AND device_id = $2",
            "DELETE FROM key_signatures WHERE user_sn = $1 AND target = $2",
            "DELETE FROM dehydrated_devices WHERE user_sn = $1 AND device_id = $2",
        ] {
            sqlx::query(statement).bind(user).bind(device.as_str()).execute(&mut self.db.0).await?;
        }
        let had = sqlx::query("DELETE FROM device_keys WHERE user_sn = $1 AND device_id = $2")
            .bind(user)
            .bind(device.as_str())
            .execute(&mut self.db.0)
            .await?
            .rows_affected();
        if had > 0 {
            self.device_deleted(user, device).await?;
        }
        Ok(())
    }
}
