//! Tokens: access, refresh, login, OpenID; only their hashes are kept.

use ruma::{DeviceId, OwnedDeviceId, OwnedUserId};
use sha2::{Digest, Sha256};

use super::{Db, StoreError, Tx, UserSn};

/// Whose access token it is.
#[derive(Debug)]
pub struct TokenOwner {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub admin: bool,
    pub guest: bool,
    pub locked: bool,
    pub suspended: bool,
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
    suspended: bool,
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
            "SELECT t.user_sn AS user_sn, u.user_id, t.device_id, a.admin, a.guest, a.locked, a.suspended, t.expires_ts
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
                suspended: row.suspended,
                expires_ts: row.expires_ts,
            })
        })
        .transpose()
    }
}

/// Whose refresh token it is.
#[derive(Debug)]
pub struct RefreshOwner {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub locked: bool,
}

impl Db {
    /// The owner of a refresh token, when there is one.
    pub async fn refresh_token(&mut self, token: &str) -> Result<Option<RefreshOwner>, StoreError> {
        let row: Option<(UserSn, String, String, bool)> = sqlx::query_as(
            "SELECT t.user_sn, u.user_id, t.device_id, a.locked
             FROM refresh_tokens t JOIN users u USING (user_sn) JOIN accounts a USING (user_sn)
             WHERE t.token_hash = $1 AND a.deactivated_ts IS NULL",
        )
        .bind(token_hash(token))
        .fetch_optional(&mut self.0)
        .await?;
        row.map(|(user, user_id, device_id, locked)| {
            let user_id = user_id.try_into().map_err(|_| StoreError::Damaged("a user id"))?;
            Ok(RefreshOwner { user, user_id, device_id: device_id.into(), locked })
        })
        .transpose()
    }
}

impl Tx {
    pub async fn add_access_token(
        &mut self,
        token: &str,
        user: UserSn,
        device_id: &DeviceId,
        expires_ts: Option<i64>,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO access_tokens (token_hash, user_sn, device_id, expires_ts) VALUES ($1, $2, $3, $4)")
            .bind(token_hash(token))
            .bind(user)
            .bind(device_id.as_str())
            .bind(expires_ts)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn add_refresh_token(
        &mut self,
        token: &str,
        user: UserSn,
        device_id: &DeviceId,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO refresh_tokens (token_hash, user_sn, device_id) VALUES ($1, $2, $3)")
            .bind(token_hash(token))
            .bind(user)
            .bind(device_id.as_str())
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Marks `old` as used for `new`. What an earlier use of `old` made is void, as is what came before `old`.
    pub async fn replace_refresh_token(&mut self, old: &str, new: &str) -> Result<(), StoreError> {
        let (old, new) = (token_hash(old), token_hash(new));
        sqlx::query(
            "DELETE FROM refresh_tokens
             WHERE token_hash = (SELECT next_token_hash FROM refresh_tokens WHERE token_hash = $1) OR next_token_hash = $1",
        )
        .bind(&old)
        .execute(&mut self.db.0)
        .await?;
        sqlx::query("UPDATE refresh_tokens SET next_token_hash = $2 WHERE token_hash = $1")
            .bind(&old)
            .bind(&new)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Lets the device's access tokens live until `expires_ts` at the longest.
    pub async fn shorten_access_tokens(
        &mut self,
        user: UserSn,
        device_id: &DeviceId,
        expires_ts: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE access_tokens SET expires_ts = $3
             WHERE user_sn = $1 AND device_id = $2 AND (expires_ts IS NULL OR expires_ts > $3)",
        )
        .bind(user)
        .bind(device_id.as_str())
        .bind(expires_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// The device's newest access token, the one that expires last, has come back: used refresh tokens are not needed again.
    pub async fn forget_used_refresh_tokens(
        &mut self,
        token: &str,
        user: UserSn,
        device_id: &DeviceId,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM refresh_tokens WHERE user_sn = $1 AND device_id = $2 AND next_token_hash IS NOT NULL
             AND $3 = (SELECT token_hash FROM access_tokens WHERE user_sn = $1 AND device_id = $2 ORDER BY expires_ts DESC LIMIT 1)",
        )
        .bind(user)
        .bind(device_id.as_str())
        .bind(token_hash(token))
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Voids every access and refresh token of a device.
    pub async fn delete_tokens(&mut self, user: UserSn, device_id: &DeviceId) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM access_tokens WHERE user_sn = $1 AND device_id = $2",
            "DELETE FROM refresh_tokens WHERE user_sn = $1 AND device_id = $2",
        ] {
            sqlx::query(statement).bind(user).bind(device_id.as_str()).execute(&mut self.db.0).await?;
        }
        Ok(())
    }

    /// Keeps a token for `m.login.token`.
    pub async fn add_login_token(&mut self, token: &str, user: UserSn, expires_ts: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM login_tokens WHERE expires_ts <= $1")
            .bind(self.now_ms())
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("INSERT INTO login_tokens (token_hash, user_sn, expires_ts) VALUES ($1, $2, $3)")
            .bind(token_hash(token))
            .bind(user)
            .bind(expires_ts)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Uses up a token for `m.login.token` and answers whose it was.
    pub async fn take_login_token(&mut self, token: &str) -> Result<Option<OwnedUserId>, StoreError> {
        let found: Option<(UserSn, i64)> =
            sqlx::query_as("DELETE FROM login_tokens WHERE token_hash = $1 RETURNING user_sn, expires_ts")
                .bind(token_hash(token))
                .fetch_optional(&mut self.db.0)
                .await?;
        match found {
            Some((user, expires_ts)) if expires_ts > self.now_ms() => Ok(Some(self.user_id(user).await?)),
            _ => Ok(None),
        }
    }

    /// Keeps a token that proves to others who the user is.
    pub async fn add_openid_token(&mut self, token: &str, user: UserSn, expires_ts: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM openid_tokens WHERE expires_ts <= $1")
            .bind(self.now_ms())
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("INSERT INTO openid_tokens (token_hash, user_sn, expires_ts) VALUES ($1, $2, $3)")
            .bind(token_hash(token))
            .bind(user)
            .bind(expires_ts)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}

impl Db {
    /// Who made this OpenID token, while it is valid.
    pub async fn openid_token(&mut self, token: &str, now_ms: i64) -> Result<Option<OwnedUserId>, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT u.user_id FROM openid_tokens t JOIN users u USING (user_sn) JOIN accounts a USING (user_sn)
             WHERE t.token_hash = $1 AND t.expires_ts > $2 AND a.deactivated_ts IS NULL",
        )
        .bind(token_hash(token))
        .bind(now_ms)
        .fetch_optional(&mut self.0)
        .await?;
        found.map(|id| id.try_into().map_err(|_| StoreError::Damaged("a user id"))).transpose()
    }
}
