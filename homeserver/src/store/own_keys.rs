//! Our own signing keys, as others may check with them; the secret ones are kept elsewhere.

use super::{StoreError, Tx};

/// What was begun with a key before it was replaced may be signed with it this long.
const GRACE_MS: i64 = 5000;

/// A key that we signed with until it was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldOwnKey {
    /// `ed25519:…`
    pub key_id: String,
    /// Unpadded base64.
    pub key: String,
    /// Milliseconds since 1970.
    pub expired_ts: i64,
}

impl Tx {
    /// This is the key in use; answers the others, which have expired, the newest first.
    pub async fn enter_own_key(&mut self, key_id: &str, key: &str) -> Result<Vec<OldOwnKey>, StoreError> {
        let until = self.now_ms().saturating_add(GRACE_MS);
        sqlx::query("UPDATE own_keys SET expired_ts = $2 WHERE key_id <> $1 AND expired_ts IS NULL")
            .bind(key_id)
            .bind(until)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query(
            "INSERT INTO own_keys (key_id, key) VALUES ($1, $2)
             ON CONFLICT (key_id) DO UPDATE SET key = excluded.key, expired_ts = NULL",
        )
        .bind(key_id)
        .bind(key)
        .execute(&mut self.db.0)
        .await?;
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT key_id, key, expired_ts FROM own_keys WHERE expired_ts IS NOT NULL ORDER BY expired_ts DESC",
        )
        .fetch_all(&mut self.db.0)
        .await?;
        Ok(rows.into_iter().map(|(key_id, key, expired_ts)| OldOwnKey { key_id, key, expired_ts }).collect())
    }
}
