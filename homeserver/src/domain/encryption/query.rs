//! Answering whose keys are which.

use std::{collections::BTreeMap, time::Duration};

use ruma::{
    OwnedDeviceId, OwnedUserId, UserId,
    encryption::{CrossSigningKey, DeviceKeys},
    serde::Raw,
};
use serde_json::{Map, Value, value::to_raw_value};

use crate::store::{
    CrossSigningKeys, Db, DeviceKeysRow, KeySignature, ServerSn, StoreError, UserSn, public_key, with_signatures,
};

use super::{
    Encryption, EncryptionError,
    claim::{Claimed, Claims},
    remote::{Failures, Keys, Wanted},
};

/// How long other servers are waited for when the client does not say, and at most.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Encryption {
    /// The keys of users of any server, as the local user `viewer` may see them.
    pub async fn query_keys(
        &self,
        viewer: UserSn,
        wanted: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
        timeout: Option<Duration>,
    ) -> Result<Keys, EncryptionError> {
        let remote: Wanted =
            wanted.iter().filter(|(user, _)| !self.is_local(user)).map(|(u, d)| (u.clone(), d.clone())).collect();
        let mut keys = if remote.is_empty() {
            Keys::new()
        } else {
            self.ask_for_keys(remote, timeout.unwrap_or(TIMEOUT).min(TIMEOUT)).await?
        };
        let mut db = self.store.read().await?;
        for (user_id, devices) in &wanted {
            if !keys.device_keys.contains_key(user_id) {
                self.add_keys(&mut db, &mut keys, user_id, devices, Some(viewer)).await?;
            }
        }
        Ok(keys)
    }

    /// The keys of local users, as another server may see them.
    pub async fn query_local_keys(
        &self,
        wanted: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
    ) -> Result<Keys, EncryptionError> {
        let mut keys = Keys::new();
        let mut db = self.store.read().await?;
        for (user_id, devices) in wanted.iter().filter(|(user_id, _)| self.is_local(user_id)) {
            self.add_keys(&mut db, &mut keys, user_id, devices, None).await?;
        }
        Ok(keys)
    }

    /// Takes one-time keys of users of any server; answers with them the servers that did not answer.
    pub async fn claim_keys(
        &self,
        mut claims: Claims,
        timeout: Option<Duration>,
    ) -> Result<(Claimed, Failures), EncryptionError> {
        let remote: Claims = claims.extract_if(.., |user_id, _| !self.is_local(user_id)).collect();
        let mut claimed = self.claim_local_keys(claims).await?;
        if remote.is_empty() {
            return Ok((claimed, Failures::new()));
        }
        let (of_others, failures) = self.ask_to_claim(remote, timeout.unwrap_or(TIMEOUT).min(TIMEOUT)).await;
        claimed.extend(of_others);
        Ok((claimed, failures))
    }

    /// Adds what we have of one user: of a local one all, of a remote one our copy. `devices` empty asks for all devices. Signatures are
    /// those that `viewer` may see; no viewer is another server. The user-signing key is for its own user only.
    pub(super) async fn add_keys(
        &self,
        db: &mut Db,
        keys: &mut Keys,
        user_id: &UserId,
        devices: &[OwnedDeviceId],
        viewer: Option<UserSn>,
    ) -> Result<(), StoreError> {
        let Some(user) = db.user_sn(user_id).await? else { return Ok(()) };
        let rows = match db.server_of(user).await? {
            ServerSn::OURS => db.device_keys(user).await?,
            _ => db.remote_devices(user).await?,
        };
        let signatures = db.key_signatures(user, viewer).await?;
        let of_user = keys.device_keys.entry(user_id.to_owned()).or_default();
        for row in rows {
            if devices.is_empty() || devices.contains(&row.device_id) {
                of_user.insert(row.device_id.clone(), device_keys(&row, &signatures)?);
            }
        }
        let CrossSigningKeys { master, self_signing, user_signing } = db.cross_signing_keys(user).await?;
        if let Some(master) = master {
            keys.master_keys.insert(user_id.to_owned(), cross_signing_key(&master, &signatures)?);
        }
        if let Some(self_signing) = self_signing {
            keys.self_signing_keys.insert(user_id.to_owned(), cross_signing_key(&self_signing, &signatures)?);
        }
        if let Some(user_signing) = user_signing.filter(|_| viewer == Some(user)) {
            keys.user_signing_keys.insert(user_id.to_owned(), cross_signing_key(&user_signing, &signatures)?);
        }
        Ok(())
    }
}

/// A device's keys as it signed them, with later signatures and its name.
pub(super) fn device_keys(row: &DeviceKeysRow, signatures: &[KeySignature]) -> Result<Raw<DeviceKeys>, StoreError> {
    let mut keys = with_signatures(&row.keys, row.device_id.as_str(), signatures)?;
    let name = row.display_name.iter().map(|name| ("device_display_name".to_owned(), Value::from(name.as_str())));
    keys.insert("unsigned".to_owned(), Value::Object(name.collect()));
    raw(&keys)
}

/// A cross-signing key with later signatures.
pub(super) fn cross_signing_key(key: &str, signatures: &[KeySignature]) -> Result<Raw<CrossSigningKey>, StoreError> {
    raw(&with_signatures(key, &public_key(key).unwrap_or_default(), signatures)?)
}

fn raw<T>(object: &Map<String, Value>) -> Result<Raw<T>, StoreError> {
    Ok(Raw::from_json(to_raw_value(object).map_err(|_| StoreError::Damaged("a key"))?))
}
