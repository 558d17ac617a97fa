//! To-device messages: waiting for local devices, and the ids of those taken from other servers.

use ruma::{DeviceId, OwnedDeviceId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Db, Position, ServerSn, StoreError, Tx, UserSn};

const WAITING: &str =
    "SELECT COUNT(*), COALESCE(SUM(bytes), 0), COALESCE(SUM(CASE WHEN server_sn = $3 THEN 1 ELSE 0 END), 0)
    FROM to_device WHERE user_sn = $1 AND device_id = $2";

/// A message waiting for a device.
#[derive(Clone, Debug)]
pub struct ToDeviceMessage {
    pub position: Position,
    /// The event as the device gets it: `sender`, `type`, `content`.
    pub json: String,
}

/// How much waits for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToDeviceWaiting {
    pub messages: i64,
    pub bytes: i64,
    /// Messages of users of one server.
    pub of_server: i64,
}

#[derive(Serialize)]
struct Event {
    sender: String,
    #[serde(rename = "type")]
    event_type: String,
    content: Box<RawValue>,
}

impl Db {
    /// Messages for a device with positions in (`since`, `to`], oldest first, `limit` at most.
    pub async fn to_device_messages(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        since: Position,
        to: Position,
        limit: i64,
    ) -> Result<Vec<ToDeviceMessage>, StoreError> {
        let rows: Vec<(Position, String, String, String)> = sqlx::query_as(
            "SELECT t.position, u.user_id, t.type, t.content FROM to_device t JOIN users u ON u.user_sn = t.sender_sn
             WHERE t.user_sn = $1 AND t.device_id = $2 AND t.position > $3 AND t.position <= $4 ORDER BY t.position LIMIT $5",
        )
        .bind(user)
        .bind(device.as_str())
        .bind(since)
        .bind(to)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter()
            .map(|(position, sender, event_type, content)| {
                let event = RawValue::from_string(content)
                    .and_then(|content| serde_json::to_string(&Event { sender, event_type, content }));
                let json = event.map_err(|_| StoreError::Damaged("a to-device message"))?;
                Ok(ToDeviceMessage { position, json })
            })
            .collect()
    }

    /// How much waits for a device, and how much of it `server` sent.
    pub async fn to_device_waiting(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        server: ServerSn,
    ) -> Result<ToDeviceWaiting, StoreError> {
        let (messages, bytes, of_server): (i64, i64, i64) =
            sqlx::query_as(WAITING).bind(user).bind(device.as_str()).bind(server).fetch_one(&mut self.0).await?;
        Ok(ToDeviceWaiting { messages, bytes, of_server })
    }

    /// The devices of a local user.
    pub async fn device_ids(&mut self, user: UserSn) -> Result<Vec<OwnedDeviceId>, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT device_id FROM devices WHERE user_sn = $1 ORDER BY device_id")
                .bind(user)
                .fetch_all(&mut self.0)
                .await?;
        Ok(ids.into_iter().map(Into::into).collect())
    }
}

impl Tx {
    /// Leaves a message for a device and wakes its user.
    pub async fn put_to_device(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        sender: UserSn,
        event_type: &str,
        content: &str,
    ) -> Result<(), StoreError> {
        let position = self.next_position();
        sqlx::query(
            "INSERT INTO to_device (position, user_sn, device_id, sender_sn, type, content, server_sn, bytes)
             VALUES ($1, $2, $3, $4, $5, $6, (SELECT server_sn FROM users WHERE user_sn = $4), $7)",
        )
        .bind(position)
        .bind(user)
        .bind(device.as_str())
        .bind(sender)
        .bind(event_type)
        .bind(content)
        .bind(i64::try_from(content.len()).unwrap_or(i64::MAX))
        .execute(&mut self.db.0)
        .await?;
        self.wake_user(user);
        Ok(())
    }

    /// The device has everything up to and with `up_to`: it is not given again.
    pub async fn delete_to_device(
        &mut self,
        user: UserSn,
        device: &DeviceId,
        up_to: Position,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM to_device WHERE user_sn = $1 AND device_id = $2 AND position <= $3")
            .bind(user)
            .bind(device.as_str())
            .bind(up_to)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Remembers a message id of another server; `false` when it was taken before.
    pub async fn see_to_device(&mut self, server: ServerSn, message_id: &str) -> Result<bool, StoreError> {
        let now = self.now_ms();
        let new = sqlx::query(
            "INSERT INTO to_device_seen (server_sn, message_id, received_ts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(server)
        .bind(message_id)
        .bind(now)
        .execute(&mut self.db.0)
        .await?
        .rows_affected();
        Ok(new > 0)
    }

    /// Forgets message ids that came before `before_ts`.
    pub async fn forget_seen_to_device(&mut self, before_ts: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM to_device_seen WHERE received_ts < $1")
            .bind(before_ts)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ruma::server_name;
    use sqlx::AssertSqlSafe;

    use super::WAITING;
    use crate::{clock::Clock, store::Store};

    #[tokio::test]
    async fn what_waits_is_counted_without_reading_it() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path, server_name!("one.example"), Clock::from_fn(|| 1000), |_| ()).await?;
        let mut db = store.read().await?;
        let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {WAITING}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explained).fetch_all(&mut db.0).await?;
        assert!(plan.iter().all(|(.., step)| step.contains("COVERING INDEX to_device_sizes")), "{plan:?}");
        Ok(())
    }
}
