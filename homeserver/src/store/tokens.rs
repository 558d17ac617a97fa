//! Access tokens; only their hashes are kept.

use ruma::{OwnedDeviceId, OwnedUserId};
use sha2::{Digest, Sha256};

use super::{Db, StoreError, UserSn};

/// Whose access token it is.
#[derive(Debug)]
pub struct TokenOwner {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub admin: bool,
    pub guest: bool,
    pub locked: bool,
    /// Milliseconds since 1970.
    pub expires_ts: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    user_sn: UserSn,
    user_id: String,
    device_id: String,
    admin: bool,
    guest: bool,
    locked: bool,
    expires_ts: Option<i64>,
}

/// What the database keeps of a token.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

impl Db {
    /// The owner of an access token, when there is one.
    pub async fn access_token(&mut self, token: &str) -> Result<Option<TokenOwner>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT t.user_sn AS user_sn, u.user_id, t.device_id, a.admin, a.guest, a.locked, t.expires_ts
             FROM access_tokens t JOIN users u USING (user_sn) JOIN accounts a USING (user_sn)
             WHERE t.token_hash = $1 AND a.deactivated_ts IS NULL",
        )
        .bind(token_hash(token))
        .fetch_optional(&mut self.0)
        .await?;
        row.map(|row| {
            Ok(TokenOwner {
                user: row.user_sn,
                user_id: row.user_id.try_into().map_err(|_| StoreError::Damaged("a user id"))?,
                device_id: row.device_id.into(),
                admin: row.admin,
                guest: row.guest,
                locked: row.locked,
                expires_ts: row.expires_ts,
            })
        })
        .transpose()
    }
}
