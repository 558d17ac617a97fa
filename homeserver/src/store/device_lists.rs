//! Whose keys changed: the stream that `device_lists` of sync and `/keys/changes` read, and the EDUs that other servers get.

use ruma::{DeviceId, OwnedUserId, api::client::sync::sync_events::DeviceLists};
use serde_json::{Map, Value, json};

use super::{Db, Position, ServerSn, StoreError, Tx, UserSn, cross_signing::with_signatures};

mod sightings;

/// Stream ids go on rising after a restore: the epoch stands above this many bits of position.
const POSITION_BITS: u32 = 40;

impl Db {
    /// Whose keys a local user must ask again, or need no longer follow, after what happened in (`from`, `to`].
    pub async fn device_lists(
        &mut self,
        user: UserSn,
        from: Position,
        to: Position,
    ) -> Result<DeviceLists, StoreError> {
        let mut lists = DeviceLists::new();
        let changed: Vec<String> = sqlx::query_scalar(
            "SELECT u.user_id FROM device_list_changes c JOIN users u USING (user_sn)
             WHERE c.position > $2 AND c.position <= $3 AND (c.user_sn = $1 OR EXISTS (
                 SELECT 1 FROM members mine JOIN members theirs
                   ON theirs.room_sn = mine.room_sn AND theirs.user_sn = c.user_sn AND theirs.membership = 1
                 WHERE mine.user_sn = $1 AND mine.membership = 1))
             UNION SELECT u.user_id FROM device_list_sightings s JOIN users u ON u.user_sn = s.other_sn
             WHERE s.user_sn = $1 AND s.position > $2 AND s.position <= $3 AND s.gone = 0",
        )
        .bind(user)
        .bind(from)
        .bind(to)
        .fetch_all(&mut self.0)
        .await?;
        lists.changed = user_ids(changed)?;
        let left: Vec<String> = sqlx::query_scalar(
            "SELECT u.user_id FROM device_list_sightings s JOIN users u ON u.user_sn = s.other_sn
             WHERE s.user_sn = $1 AND s.position > $2 AND s.position <= $3 AND s.gone = 1",
        )
        .bind(user)
        .bind(from)
        .bind(to)
        .fetch_all(&mut self.0)
        .await?;
        lists.left = user_ids(left)?;
        Ok(lists)
    }

    /// The stream id of a local user's newest device-list change; 0 when there was none.
    pub async fn device_list_stream_id(&mut self, user: UserSn) -> Result<i64, StoreError> {
        let found = sqlx::query_scalar("SELECT stream_id FROM device_list_changes WHERE user_sn = $1")
            .bind(user)
            .fetch_optional(&mut self.0)
            .await?;
        Ok(found.unwrap_or(0))
    }
}

impl Tx {
    /// A user's keys changed, local or remote: wakes the local users who share a room.
    pub async fn note_device_list_change(&mut self, user: UserSn) -> Result<Position, StoreError> {
        let position = self.next_position();
        sqlx::query(
            "INSERT INTO device_list_changes (user_sn, position) VALUES ($1, $2)
             ON CONFLICT (user_sn) DO UPDATE SET position = excluded.position",
        )
        .bind(user)
        .bind(position)
        .execute(&mut self.db.0)
        .await?;
        for other in self.local_users_sharing_rooms(user).await? {
            self.wake_user(other);
        }
        Ok(position)
    }

    /// A local device has new keys, a new signature or a new name: tells everybody who shares a room with its user.
    pub async fn device_changed(&mut self, user: UserSn, device: &DeviceId) -> Result<(), StoreError> {
        let devices = self.announced_devices(user).await?;
        let Some(content) =
            devices.into_iter().find(|content| content.get("device_id") == Some(&device.as_str().into()))
        else {
            // A device without keys concerns nobody else.
            return Ok(());
        };
        self.tell_device(user, content).await
    }

    /// A local device with keys is gone: tells everybody who shares a room with its user.
    pub async fn device_deleted(&mut self, user: UserSn, device: &DeviceId) -> Result<(), StoreError> {
        let mut content = Map::new();
        content.insert("device_id".to_owned(), device.as_str().into());
        content.insert("deleted".to_owned(), true.into());
        self.tell_device(user, content).await
    }

    /// Something about a local user's devices changed that concerns all of them.
    pub async fn device_list_changed(&mut self, user: UserSn) -> Result<(), StoreError> {
        let devices = self.announced_devices(user).await?;
        if devices.is_empty() {
            self.note_device_list_change(user).await?;
        }
        for content in devices {
            self.tell_device(user, content).await?;
        }
        Ok(())
    }

    /// A local user's master or self-signing key changed: tells everybody who shares a room.
    pub async fn cross_signing_keys_changed(&mut self, user: UserSn) -> Result<(), StoreError> {
        self.note_device_list_change(user).await?;
        let user_id = self.user_id(user).await?;
        let keys = self.cross_signing_keys(user).await?;
        let signatures = self.key_signatures(user, None).await?;
        let mut content = Map::from_iter([("user_id".to_owned(), Value::from(user_id.as_str()))]);
        for (field, key) in [("master_key", keys.master), ("self_signing_key", keys.self_signing)] {
            if let Some(key) = key {
                let target = super::public_key(&key).unwrap_or_default();
                content.insert(field.to_owned(), with_signatures(&key, &target, &signatures)?.into());
            }
        }
        let edu = json!({ "edu_type": "m.signing_key_update", "content": content }).to_string();
        for server in self.servers_sharing_rooms(user).await? {
            self.owe_edu(server, &format!("signing_key/{user_id}"), &edu).await?;
        }
        Ok(())
    }

    /// Tells servers that did not follow a local user's devices before about all of them.
    pub(super) async fn announce_devices(&mut self, user: UserSn, servers: &[ServerSn]) -> Result<(), StoreError> {
        if servers.is_empty() {
            return Ok(());
        }
        let user_id = self.user_id(user).await?;
        let stream_id = self.device_list_stream_id(user).await?;
        for mut content in self.announced_devices(user).await? {
            // Without prev_id the receiver asks for the whole list, which is what a newcomer should do.
            content.insert("stream_id".to_owned(), stream_id.into());
            let key = coalesce_key(user_id.as_str(), &content);
            let edu = json!({ "edu_type": "m.device_list_update", "content": content }).to_string();
            for server in servers {
                self.owe_edu(*server, &key, &edu).await?;
            }
        }
        Ok(())
    }

    /// Sends one step of the user's sequence of `m.device_list_update` to all servers that share a room.
    async fn tell_device(&mut self, user: UserSn, mut content: Map<String, Value>) -> Result<(), StoreError> {
        let previous = self.device_list_stream_id(user).await?;
        let position = self.note_device_list_change(user).await?;
        let stream_id = (self.epoch().await? << POSITION_BITS) + position.0;
        sqlx::query("UPDATE device_list_changes SET stream_id = $2 WHERE user_sn = $1")
            .bind(user)
            .bind(stream_id)
            .execute(&mut self.db.0)
            .await?;
        let user_id = self.user_id(user).await?;
        content.insert("user_id".to_owned(), user_id.as_str().into());
        content.insert("stream_id".to_owned(), stream_id.into());
        if previous > 0 {
            content.insert("prev_id".to_owned(), json!([previous]));
        }
        let key = coalesce_key(user_id.as_str(), &content);
        let edu = json!({ "edu_type": "m.device_list_update", "content": content }).to_string();
        for server in self.servers_sharing_rooms(user).await? {
            self.owe_edu(server, &key, &edu).await?;
        }
        Ok(())
    }

    /// The contents of `m.device_list_update` for each device with keys, all but the sequence.
    async fn announced_devices(&mut self, user: UserSn) -> Result<Vec<Map<String, Value>>, StoreError> {
        let user_id = self.user_id(user).await?;
        let signatures = self.key_signatures(user, None).await?;
        let mut devices = Vec::new();
        for device in self.device_keys(user).await? {
            let keys = with_signatures(&device.keys, device.device_id.as_str(), &signatures)?;
            let mut content = Map::new();
            content.insert("user_id".to_owned(), user_id.as_str().into());
            content.insert("device_id".to_owned(), device.device_id.as_str().into());
            content.insert("keys".to_owned(), keys.into());
            if let Some(name) = device.display_name {
                content.insert("device_display_name".to_owned(), name.into());
            }
            devices.push(content);
        }
        Ok(devices)
    }
}

fn coalesce_key(user_id: &str, content: &Map<String, Value>) -> String {
    let device = content.get("device_id").and_then(Value::as_str).unwrap_or_default();
    format!("device_list/{user_id}/{device}")
}

fn user_ids(rows: Vec<String>) -> Result<Vec<OwnedUserId>, StoreError> {
    rows.into_iter().map(|id| id.try_into().map_err(|_| StoreError::Damaged("a user id"))).collect()
}
