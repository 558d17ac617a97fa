//! Publishing a user's cross-signing keys.

use ruma::{
    OwnedUserId, UserId,
    encryption::{CrossSigningKey, KeyUsage},
    serde::Raw,
};

use crate::store::{CrossSigningKeys, Durability, Tx, Usage, UserSn};

use super::{
    Encryption, EncryptionError,
    signed_json::{self, Object},
    upload::KEY_BYTES,
};

/// The cross-signing keys that a user publishes; absent ones stay as they are.
#[derive(Clone)]
pub struct CrossSigningUpload {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub master_key: Option<Raw<CrossSigningKey>>,
    pub self_signing_key: Option<Raw<CrossSigningKey>>,
    pub user_signing_key: Option<Raw<CrossSigningKey>>,
    /// Whether the user proved again who they are.
    pub authenticated: bool,
}

/// A key that was read and found well-formed.
struct Key {
    usage: Usage,
    json: String,
    object: Object,
    /// In unpadded base64.
    public: String,
}

impl Encryption {
    /// Keeps the keys. Fails with [`EncryptionError::AuthenticationNeeded`] when keys would be replaced and the user did not prove again
    /// who they are; the first keys and a repetition of the same ones need no proof.
    pub async fn upload_cross_signing_keys(&self, upload: CrossSigningUpload) -> Result<(), EncryptionError> {
        let CrossSigningUpload { user, user_id, authenticated, .. } = upload;
        let keys = [
            (Usage::Master, KeyUsage::Master, upload.master_key),
            (Usage::SelfSigning, KeyUsage::SelfSigning, upload.self_signing_key),
            (Usage::UserSigning, KeyUsage::UserSigning, upload.user_signing_key),
        ];
        let keys: Vec<Key> = keys
            .into_iter()
            .filter_map(|(usage, word, key)| Some(read_key(usage, &word, &key?, &user_id)))
            .collect::<Result<_, _>>()?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { write(tx, user, &user_id, keys, authenticated).await })
            })
            .await
    }
}

async fn write(
    tx: &mut Tx,
    user: UserSn,
    user_id: &UserId,
    keys: Vec<Key>,
    authenticated: bool,
) -> Result<(), EncryptionError> {
    let known = tx.cross_signing_keys(user).await?;
    let master = match keys.iter().find(|key| key.usage == Usage::Master) {
        Some(key) => key.public.clone(),
        None => known
            .master
            .as_deref()
            .and_then(crate::store::public_key)
            .ok_or(EncryptionError::MissingParam("There is no master key"))?,
    };
    for key in keys.iter().filter(|key| key.usage != Usage::Master) {
        let signed = signed_json::signatures_by(&key.object, user_id)
            .find(|(key_id, _)| *key_id == format!("ed25519:{master}"))
            .is_some_and(|(_, signature)| signed_json::is_signed(&key.object, &master, signature));
        if !signed {
            return Err(EncryptionError::InvalidSignature("A key is not signed by the master key"));
        }
    }
    let devices = tx.device_ids(user).await?;
    if keys.iter().any(|key| devices.iter().any(|device| device.as_str() == key.public)) {
        return Err(EncryptionError::KeyIdInUse);
    }
    let mut new_keys = Vec::new();
    for key in keys {
        let stored = stored(&known, key.usage).and_then(|json| serde_json::from_str::<Object>(json).ok());
        if !stored.is_some_and(|stored| signed_json::same_but_for_signatures(&stored, &key.object)) {
            new_keys.push(key);
        }
    }
    if new_keys.is_empty() {
        return Ok(());
    }
    if known.master.is_some() && !authenticated {
        return Err(EncryptionError::AuthenticationNeeded);
    }
    for key in new_keys {
        if let Some(replaced) = stored(&known, key.usage).and_then(crate::store::public_key) {
            tx.delete_signatures_of_key(user, &replaced).await?;
        }
        tx.put_cross_signing_key(user, key.usage, &key.json).await?;
    }
    tx.cross_signing_keys_changed(user).await?;
    Ok(())
}

fn stored(known: &CrossSigningKeys, usage: Usage) -> Option<&str> {
    match usage {
        Usage::Master => known.master.as_deref(),
        Usage::SelfSigning => known.self_signing.as_deref(),
        Usage::UserSigning => known.user_signing.as_deref(),
    }
}

/// Reads a key: of this user, for this use, with one public key whose id is itself.
fn read_key(
    usage: Usage,
    word: &KeyUsage,
    key: &Raw<CrossSigningKey>,
    user_id: &UserId,
) -> Result<Key, EncryptionError> {
    let malformed = || EncryptionError::BadJson("A cross-signing key is malformed");
    let json = key.json().get().to_owned();
    if json.len() > KEY_BYTES {
        return Err(EncryptionError::InvalidParam("A cross-signing key is too long"));
    }
    let parsed = key.deserialize().map_err(|_| malformed())?;
    let object: Object = serde_json::from_str(&json).map_err(|_| malformed())?;
    if parsed.user_id != user_id {
        return Err(EncryptionError::InvalidParam("A cross-signing key is that of another user"));
    }
    if !parsed.usage.contains(word) {
        return Err(EncryptionError::InvalidParam("A cross-signing key is for another use"));
    }
    let mut keys = parsed.keys.into_iter();
    match (keys.next(), keys.next()) {
        (Some((id, public)), None) if id.as_str() == format!("ed25519:{public}") => {
            Ok(Key { usage, json, object, public })
        }
        _ => Err(EncryptionError::InvalidParam("A cross-signing key has one public key that bears its own name")),
    }
}
