//! The dehydrated device of a user (MSC3814): takes to-device messages while no device is signed in.

use std::collections::BTreeMap;

use ruma::{
    DeviceId, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId,
    encryption::{DeviceKeys, OneTimeKey},
    serde::Raw,
};

use crate::store::{Durability, Position, ToDeviceMessage, UserSn};

use super::{
    Encryption, EncryptionError,
    upload::{self, KeyUpload},
};

const NONE: EncryptionError = EncryptionError::NotFound("No dehydrated device available");
/// Bytes of the sealed device.
const DATA_BYTES: usize = 256 * 1024;
/// Bytes of the device's id and of its name.
const NAME_BYTES: usize = 512;

/// A device that is put to sleep.
pub struct DehydratedUpload {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub display_name: Option<String>,
    /// JSON.
    pub device_data: String,
    pub device_keys: Raw<DeviceKeys>,
    pub one_time_keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    pub fallback_keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
}

impl Encryption {
    /// Keeps a dehydrated device in the place of an earlier one.
    pub async fn put_dehydrated_device(&self, put: DehydratedUpload) -> Result<(), EncryptionError> {
        if put.device_data.len() > DATA_BYTES {
            return Err(EncryptionError::InvalidParam("The device data is too long"));
        }
        if put.device_id.as_str().len() > NAME_BYTES
            || put.display_name.as_ref().is_some_and(|name| name.len() > NAME_BYTES)
        {
            return Err(EncryptionError::InvalidParam("The device's id or name is too long"));
        }
        let upload = KeyUpload {
            user: put.user,
            user_id: put.user_id,
            device_id: put.device_id.clone(),
            device_keys: Some(put.device_keys),
            one_time_keys: put.one_time_keys,
            fallback_keys: put.fallback_keys,
        };
        upload::check(&upload)?;
        let (user, device, name, data) = (put.user, put.device_id, put.display_name, put.device_data);
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    if tx.dehydrated_device(user).await?.is_some_and(|(id, _)| id != device) {
                        tx.delete_dehydrated_device(user).await?;
                    }
                    if !tx.put_dehydrated_device(user, &device, name.as_deref(), &data).await? {
                        return Err(EncryptionError::InvalidParam("A device that is signed in has this id"));
                    }
                    upload::write(tx, upload).await?;
                    Ok(())
                })
            })
            .await
    }

    /// The user's dehydrated device: its id and its sealed data as JSON.
    pub async fn dehydrated_device(&self, user: UserSn) -> Result<(OwnedDeviceId, String), EncryptionError> {
        self.store.read().await?.dehydrated_device(user).await?.ok_or(NONE)
    }

    /// Deletes the user's dehydrated device and answers its id.
    pub async fn delete_dehydrated_device(&self, user: UserSn) -> Result<OwnedDeviceId, EncryptionError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { tx.delete_dehydrated_device(user).await?.ok_or(NONE) })
            })
            .await
    }

    /// Messages that wait for the dehydrated device, after those of the position `since`.
    pub async fn dehydrated_messages(
        &self,
        user: UserSn,
        device: &DeviceId,
        since: Position,
        limit: i64,
    ) -> Result<Vec<ToDeviceMessage>, EncryptionError> {
        let to = self.store.position();
        let mut db = self.store.read().await?;
        if db.dehydrated_device(user).await?.is_none_or(|(id, _)| id != device) {
            return Err(NONE);
        }
        Ok(db.to_device_messages(user, device, since, to, limit).await?)
    }
}
