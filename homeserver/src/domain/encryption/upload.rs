//! Publishing a device's keys.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    DeviceId, OneTimeKeyAlgorithm, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId, UInt, UserId,
    encryption::{DeviceKeys, OneTimeKey},
    serde::Raw,
};
use serde_json::Value;

use crate::store::{Durability, Tx, UserSn};

use super::{
    Encryption, EncryptionError,
    signed_json::{self, Object},
};

/// One-time keys that a device may leave with us.
const ONE_TIME_KEYS: usize = 5000;
/// Bytes of one one-time or fallback key.
pub(super) const KEY_BYTES: usize = 16 * 1024;

/// What a device publishes.
pub struct KeyUpload {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub device_keys: Option<Raw<DeviceKeys>>,
    pub one_time_keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    pub fallback_keys: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
}

impl Encryption {
    /// Keeps the keys and answers how many one-time keys are left. All is kept or nothing.
    pub async fn upload_keys(&self, upload: KeyUpload) -> Result<BTreeMap<OneTimeKeyAlgorithm, UInt>, EncryptionError> {
        check(&upload)?;
        if upload.device_keys.is_none() && upload.one_time_keys.is_empty() && upload.fallback_keys.is_empty() {
            return Ok(self.store.read().await?.one_time_key_counts(upload.user, &upload.device_id).await?);
        }
        self.store.write(Durability::Full, |tx| Box::pin(async move { write(tx, upload).await })).await
    }
}

/// Refuses keys that are malformed or not the device's own.
pub(super) fn check(upload: &KeyUpload) -> Result<(), EncryptionError> {
    if let Some(keys) = &upload.device_keys {
        check_device_keys(keys, &upload.user_id, &upload.device_id)?;
    }
    upload.one_time_keys.values().chain(upload.fallback_keys.values()).try_for_each(check_key)?;
    let algorithms: BTreeSet<_> = upload.fallback_keys.keys().map(|id| id.algorithm()).collect();
    if algorithms.len() != upload.fallback_keys.len() {
        return Err(EncryptionError::InvalidParam("An algorithm has one fallback key only"));
    }
    Ok(())
}

/// Writes checked keys and answers how many one-time keys are left.
pub(super) async fn write(
    tx: &mut Tx,
    upload: KeyUpload,
) -> Result<BTreeMap<OneTimeKeyAlgorithm, UInt>, EncryptionError> {
    let (user, device) = (upload.user, upload.device_id.as_ref());
    if let Some(keys) = &upload.device_keys {
        write_device_keys(tx, user, device, keys.json().get()).await?;
    }
    for (id, key) in &upload.one_time_keys {
        let (algorithm, key_id, key) = (id.algorithm(), id.key_name().as_str(), key.json().get());
        match tx.one_time_key(user, device, algorithm.as_str(), key_id).await? {
            Some(known) if same_json(&known, key) => {}
            Some(known) => {
                return Err(EncryptionError::DuplicateOneTimeKey(id.to_string(), known, key.to_owned()));
            }
            None => tx.add_one_time_key(user, device, algorithm.as_str(), key_id, key).await?,
        }
    }
    for (id, key) in &upload.fallback_keys {
        let algorithm = id.algorithm();
        tx.put_fallback_key(user, device, algorithm.as_str(), id.key_name().as_str(), key.json().get()).await?;
    }
    let counts = tx.one_time_key_counts(user, device).await?;
    if counts.values().any(|count| usize::try_from(*count).is_ok_and(|count| count > ONE_TIME_KEYS)) {
        return Err(EncryptionError::InvalidParam("The device has too many one-time keys here"));
    }
    // Other devices' syncs have nothing new, but this one's counts changed.
    tx.wake_user(user);
    Ok(counts)
}

async fn write_device_keys(tx: &mut Tx, user: UserSn, device: &DeviceId, keys: &str) -> Result<(), EncryptionError> {
    let known = tx.keys_of_device(user, device).await?;
    if let Some(known) = &known {
        if known == keys {
            return Ok(());
        }
        let identity = |keys: &str| serde_json::from_str::<Object>(keys).ok()?.get("keys").cloned();
        if identity(known) != identity(keys) {
            return Err(EncryptionError::InvalidParam("A device's identity keys never change"));
        }
    }
    if tx.is_cross_signing_key(user, device).await? {
        return Err(EncryptionError::KeyIdInUse);
    }
    tx.put_device_keys(user, device, keys).await?;
    tx.device_changed(user, device).await?;
    Ok(())
}

fn check_device_keys(keys: &Raw<DeviceKeys>, user_id: &UserId, device_id: &DeviceId) -> Result<(), EncryptionError> {
    if keys.json().get().len() > KEY_BYTES {
        return Err(EncryptionError::InvalidParam("The device keys are too long"));
    }
    let parsed = keys.deserialize().map_err(|_| EncryptionError::BadJson("The device keys are malformed"))?;
    if parsed.user_id != user_id {
        return Err(EncryptionError::BadJson("The device keys are those of another user"));
    }
    if parsed.device_id != device_id {
        return Err(EncryptionError::BadJson("The device keys are those of another device"));
    }
    if parsed.keys.keys().any(|id| id.key_name() != device_id) {
        return Err(EncryptionError::BadJson("A key does not bear the name of the device"));
    }
    let object: Object = serde_json::from_str(keys.json().get())
        .map_err(|_| EncryptionError::BadJson("The device keys are malformed"))?;
    if signed_json::key(&object, &format!("ed25519:{device_id}")).is_none() {
        return Err(EncryptionError::BadJson("The device has no ed25519 key"));
    }
    Ok(())
}

/// A one-time key is a text or an object with a `key`.
fn check_key(key: &Raw<OneTimeKey>) -> Result<(), EncryptionError> {
    let json = key.json().get();
    let well_formed = json.len() <= KEY_BYTES
        && match serde_json::from_str::<Value>(json) {
            Ok(Value::String(_)) => true,
            Ok(Value::Object(object)) => object.get("key").is_some_and(Value::is_string),
            _ => false,
        };
    if well_formed { Ok(()) } else { Err(EncryptionError::BadJson("A one-time key is malformed")) }
}

fn same_json(one: &str, other: &str) -> bool {
    one == other || serde_json::from_str::<Value>(one).ok() == serde_json::from_str::<Value>(other).ok()
}
