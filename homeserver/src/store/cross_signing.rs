//! Cross-signing keys, of local users and of remote ones whose lists we follow, and the signatures uploaded on keys.

use std::collections::BTreeMap;

use ruma::DeviceId;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Db, StoreError, Tx, UserSn};

/// What a cross-signing key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Master,
    SelfSigning,
    UserSigning,
}

impl Usage {
    /// The specification's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }
}

/// The cross-signing keys of one user, each as JSON.
#[derive(Clone, Debug, Default)]
pub struct CrossSigningKeys {
    pub master: Option<String>,
    pub self_signing: Option<String>,
    pub user_signing: Option<String>,
}

/// A signature on a key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KeySignature {
    /// The device id or public key that was signed.
    pub target: String,
    pub signer_sn: UserSn,
    /// The signer's user id.
    pub signer: String,
    pub signing_key_id: String,
    pub signature: String,
}

impl Db {
    /// A user's cross-signing keys.
    pub async fn cross_signing_keys(&mut self, user: UserSn) -> Result<CrossSigningKeys, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT usage, key FROM cross_signing_keys WHERE user_sn = $1")
                .bind(user)
                .fetch_all(&mut self.0)
                .await?;
        let mut keys = CrossSigningKeys::default();
        for (usage, key) in rows {
            match usage.as_str() {
                "master" => keys.master = Some(key),
                "self_signing" => keys.self_signing = Some(key),
                "user_signing" => keys.user_signing = Some(key),
                _ => return Err(StoreError::Damaged("the usage of a cross-signing key")),
            }
        }
        Ok(keys)
    }

    /// Signatures on a user's keys that `viewer` may see: those by the user and, when somebody local asks, by the one who asks.
    pub async fn key_signatures(
        &mut self,
        user: UserSn,
        viewer: Option<UserSn>,
    ) -> Result<Vec<KeySignature>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT s.target, s.signer_sn, u.user_id AS signer, s.signing_key_id, s.signature
             FROM key_signatures s JOIN users u ON u.user_sn = s.signer_sn
             WHERE s.user_sn = $1 AND (s.signer_sn = $1 OR s.signer_sn = $2)",
        )
        .bind(user)
        .bind(viewer.unwrap_or(user))
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Whether a text is the public part of one of the user's cross-signing keys: no device may have it as its id.
    pub async fn is_cross_signing_key(&mut self, user: UserSn, device: &DeviceId) -> Result<bool, StoreError> {
        let keys = self.cross_signing_keys(user).await?;
        Ok([keys.master, keys.self_signing, keys.user_signing]
            .iter()
            .flatten()
            .any(|key| public_key(key).is_some_and(|public| public == device.as_str())))
    }
}

impl Tx {
    /// Sets one of a user's cross-signing keys.
    pub async fn put_cross_signing_key(&mut self, user: UserSn, usage: Usage, key: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO cross_signing_keys (user_sn, usage, key) VALUES ($1, $2, $3)
             ON CONFLICT (user_sn, usage) DO UPDATE SET key = excluded.key",
        )
        .bind(user)
        .bind(usage.as_str())
        .bind(key)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Forgets one of a user's cross-signing keys.
    pub async fn delete_cross_signing_key(&mut self, user: UserSn, usage: Usage) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM cross_signing_keys WHERE user_sn = $1 AND usage = $2")
            .bind(user)
            .bind(usage.as_str())
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Keeps a signature by `signer` on the key `target` of `user`. Answers whether it is a new one.
    pub async fn put_key_signature(
        &mut self,
        user: UserSn,
        target: &str,
        signer: UserSn,
        signing_key_id: &str,
        signature: &str,
    ) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "INSERT INTO key_signatures (user_sn, target, signer_sn, signing_key_id, signature) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_sn, target, signer_sn, signing_key_id) DO UPDATE SET signature = excluded.signature
             WHERE signature <> excluded.signature",
        )
        .bind(user)
        .bind(target)
        .bind(signer)
        .bind(signing_key_id)
        .bind(signature)
        .execute(&mut self.db.0)
        .await?
        .rows_affected();
        Ok(changed > 0)
    }

    /// Forgets signatures that a replaced key of the user made or bore.
    pub async fn delete_signatures_of_key(&mut self, user: UserSn, public_key: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM key_signatures WHERE user_sn = $1 AND target = $2")
            .bind(user)
            .bind(public_key)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("DELETE FROM key_signatures WHERE signer_sn = $1 AND signing_key_id = $2")
            .bind(user)
            .bind(format!("ed25519:{public_key}"))
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}

/// The public part of a cross-signing key: the one entry of its `keys`.
pub fn public_key(cross_signing_key: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Keys {
        keys: BTreeMap<String, String>,
    }
    serde_json::from_str::<Keys>(cross_signing_key).ok()?.keys.into_values().next()
}

/// A key's JSON with the signatures on `target` laid into its `signatures`.
pub fn with_signatures(key: &str, target: &str, signatures: &[KeySignature]) -> Result<Map<String, Value>, StoreError> {
    let mut key: Map<String, Value> = serde_json::from_str(key).map_err(|_| StoreError::Damaged("a key"))?;
    for signature in signatures.iter().filter(|signature| signature.target == target) {
        let all = key.entry("signatures").or_insert_with(|| Value::Object(Map::new()));
        let Some(all) = all.as_object_mut() else { continue };
        let by_signer = all.entry(signature.signer.clone()).or_insert_with(|| Value::Object(Map::new()));
        if let Some(by_signer) = by_signer.as_object_mut() {
            by_signer.insert(signature.signing_key_id.clone(), signature.signature.clone().into());
        }
    }
    Ok(key)
}
