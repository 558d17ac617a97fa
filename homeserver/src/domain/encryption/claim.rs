//! Handing out one-time keys.

use std::collections::BTreeMap;

use ruma::{
    OneTimeKeyAlgorithm, OneTimeKeyId, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId, encryption::OneTimeKey,
    serde::Raw,
};

use crate::store::{ClaimedKey, Durability, StoreError, Tx};

use super::{Encryption, EncryptionError};

/// Which algorithm's key of which device.
pub type Claims = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, OneTimeKeyAlgorithm>>;
/// The keys handed out.
pub type Claimed = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>>>;

impl Encryption {
    /// Hands out keys of local users' devices, each one-time key once; that is on the disk before this answers. Remote users are ignored.
    pub async fn claim_local_keys(&self, mut claims: Claims) -> Result<Claimed, EncryptionError> {
        claims.retain(|user_id, devices| self.is_local(user_id) && !devices.is_empty());
        if claims.is_empty() {
            return Ok(Claimed::new());
        }
        self.store.write(Durability::Full, |tx| Box::pin(async move { Ok(claim(tx, claims).await?) })).await
    }
}

async fn claim(tx: &mut Tx, claims: Claims) -> Result<Claimed, StoreError> {
    let mut claimed = Claimed::new();
    for (user_id, devices) in claims {
        let Some(user) = tx.user_sn(&user_id).await? else { continue };
        for (device_id, algorithm) in devices {
            let Some(key) = tx.claim_key(user, &device_id, algorithm.as_str()).await? else { continue };
            claimed.entry(user_id.clone()).or_default().insert(device_id, BTreeMap::from([parse(key)?]));
            tx.wake_user(user);
        }
    }
    Ok(claimed)
}

fn parse(key: ClaimedKey) -> Result<(OwnedOneTimeKeyId, Raw<OneTimeKey>), StoreError> {
    let id = OneTimeKeyId::from_parts(key.algorithm.as_str().into(), key.key_id.as_str().into());
    Ok((id, Raw::from_json_string(key.key).map_err(|_| StoreError::Damaged("a one-time key"))?))
}
