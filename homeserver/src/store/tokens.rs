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

/// What the database keeps of a token.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

impl Db {
    /// The owner of an access token, when there is one.
    pub async fn access_token(&mut self, token: &str) -> Result<Option<TokenOwner>, StoreError> {
        let row: Option<(UserSn, String, String, bool, bool, bool, Option<i64>)> = sqlx::query_as(
            "SELECT t.user_sn, u.user_id, t.device_id, a.admin, a.guest, a.locked, t.expires_ts
             FROM access_tokens t JOIN users u USING (user_sn) JOIN accounts a USING (user_sn)
             WHERE t.token_hash = $1 AND a.deactivated_ts IS NULL",
        )
        .bind(token_hash(token))
        .fetch_optional(&mut self.0)
        .await?;
        row.map(|(user, user_id, device_id, admin, guest, locked, expires_ts)| {
            Ok(TokenOwner {
                user,
                user_id: user_id.try_into().map_err(|_| StoreError::Damaged("a user id"))?,
                device_id: device_id.into(),
                admin,
                guest,
                locked,
                expires_ts,
            })
        })
        .transpose()
    }
}
