//! Publishing signatures on keys.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId, api::client::keys::upload_signatures::v3::SignedKeys};

use crate::store::{CrossSigningKeys, Durability, Tx, UserSn, public_key};

use super::{
    Encryption, EncryptionError,
    signed_json::{self, Object},
};

/// Why a signature was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFailure {
    #[error("This is not JSON of a key")]
    Malformed,
    #[error("There is no such key")]
    UnknownKey,
    #[error("The key is not the one that is published")]
    OtherKey,
    #[error("The signature does not match the key, or was made by a key that may not sign it")]
    InvalidSignature,
}

/// Failures by user and key.
pub type SignatureFailures = BTreeMap<OwnedUserId, BTreeMap<String, SignatureFailure>>;

/// The keys of the user who signs.
struct Signer<'u> {
    user: UserSn,
    user_id: &'u UserId,
    keys: CrossSigningKeys,
}

/// Whose key a signature is on.
enum Target {
    /// A device of the signer.
    OwnDevice(String),
    /// A cross-signing key of the signer.
    OwnKey,
    /// The master key of somebody else.
    OtherUser(UserSn),
}

impl Encryption {
    /// Keeps signatures made by one user's keys, after verifying each; answers those that were not taken.
    pub async fn upload_signatures(
        &self,
        user: UserSn,
        user_id: OwnedUserId,
        signed_keys: BTreeMap<OwnedUserId, SignedKeys>,
    ) -> Result<SignatureFailures, EncryptionError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let keys = tx.cross_signing_keys(user).await?;
                    write(tx, &Signer { user, user_id: &user_id, keys }, signed_keys).await
                })
            })
            .await
    }
}

async fn write(
    tx: &mut Tx,
    signer: &Signer<'_>,
    signed_keys: BTreeMap<OwnedUserId, SignedKeys>,
) -> Result<SignatureFailures, EncryptionError> {
    let mut failures = SignatureFailures::new();
    for (user_id, keys) in signed_keys {
        let (mut devices, mut own_keys, mut other) = (Vec::new(), false, None);
        for (key_id, json) in &keys {
            match write_one(tx, signer, &user_id, key_id, json.get()).await? {
                Ok(Some(Target::OwnDevice(device))) => devices.push(device),
                Ok(Some(Target::OwnKey)) => own_keys = true,
                Ok(Some(Target::OtherUser(user))) => other = Some(user),
                Ok(None) => {}
                Err(failure) => {
                    failures.entry(user_id.clone()).or_default().insert(key_id.to_owned(), failure);
                }
            }
        }
        for device in devices {
            tx.device_changed(signer.user, device.as_str().into()).await?;
        }
        if own_keys {
            tx.cross_signing_keys_changed(signer.user).await?;
        }
        if let Some(other) = other {
            tx.device_list_seen(signer.user, other).await?;
        }
    }
    Ok(failures)
}

/// Takes the new signatures on one key: `None` when there was nothing new in them.
async fn write_one(
    tx: &mut Tx,
    signer: &Signer<'_>,
    user_id: &UserId,
    key_id: &str,
    json: &str,
) -> Result<Result<Option<Target>, SignatureFailure>, EncryptionError> {
    let Ok(signed) = serde_json::from_str::<Object>(json) else { return Ok(Err(SignatureFailure::Malformed)) };
    let Some((target, user, published)) = find_target(tx, signer, user_id, key_id).await? else {
        return Ok(Err(SignatureFailure::UnknownKey));
    };
    let Ok(published) = serde_json::from_str::<Object>(&published) else {
        return Ok(Err(SignatureFailure::UnknownKey));
    };
    if !signed_json::same_but_for_signatures(&signed, &published) {
        return Ok(Err(SignatureFailure::OtherKey));
    }
    let (mut taken, mut new) = (false, false);
    for (signing_key_id, signature) in signed_json::signatures_by(&signed, signer.user_id) {
        if signed_json::signatures_by(&published, signer.user_id).any(|known| known == (signing_key_id, signature)) {
            // The key's own signature, which came with it.
            taken = true;
            continue;
        }
        let Some(public) = signing_key(tx, signer, &target, signing_key_id).await? else { continue };
        if !signed_json::is_signed(&signed, &public, signature) {
            return Ok(Err(SignatureFailure::InvalidSignature));
        }
        taken = true;
        new |= tx.put_key_signature(user, key_id, signer.user, signing_key_id, signature).await?;
    }
    Ok(match (taken, new) {
        (false, _) => Err(SignatureFailure::InvalidSignature),
        (true, false) => Ok(None),
        (true, true) => Ok(Some(target)),
    })
}

/// The key that is signed, as it was published.
async fn find_target(
    tx: &mut Tx,
    signer: &Signer<'_>,
    user_id: &UserId,
    key_id: &str,
) -> Result<Option<(Target, UserSn, String)>, EncryptionError> {
    let is_named = |key: &String| public_key(key).is_some_and(|public| public == key_id);
    if user_id == signer.user_id {
        if let Some(keys) = tx.keys_of_device(signer.user, key_id.into()).await? {
            return Ok(Some((Target::OwnDevice(key_id.to_owned()), signer.user, keys)));
        }
        let CrossSigningKeys { master, self_signing, user_signing } = signer.keys.clone();
        let own = [master, self_signing, user_signing].into_iter().flatten().find(is_named);
        return Ok(own.map(|key| (Target::OwnKey, signer.user, key)));
    }
    let Some(user) = tx.user_sn(user_id).await? else { return Ok(None) };
    let master = tx.cross_signing_keys(user).await?.master.filter(is_named);
    Ok(master.map(|key| (Target::OtherUser(user), user, key)))
}

/// The public part of the signer's key `key_id`, when it is one that may sign the target.
async fn signing_key(
    tx: &mut Tx,
    signer: &Signer<'_>,
    target: &Target,
    key_id: &str,
) -> Result<Option<String>, EncryptionError> {
    let Some(name) = key_id.strip_prefix("ed25519:") else { return Ok(None) };
    let named = |key: &Option<String>| key.as_deref().and_then(public_key).filter(|public| public == name);
    Ok(match target {
        Target::OwnDevice(_) => named(&signer.keys.self_signing),
        Target::OtherUser(_) => named(&signer.keys.user_signing),
        Target::OwnKey => match named(&signer.keys.master) {
            Some(master) => Some(master),
            None => {
                let device = tx.keys_of_device(signer.user, name.into()).await?;
                let device = device.and_then(|keys| serde_json::from_str::<Object>(&keys).ok());
                device.and_then(|device| signed_json::key(&device, key_id).map(str::to_owned))
            }
        },
    })
}
