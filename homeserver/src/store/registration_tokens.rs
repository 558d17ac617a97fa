//! Invite tokens for registration.

use super::{Db, StoreError, Tx};

/// An invite token.
#[derive(Clone, Debug)]
pub struct RegistrationToken {
    pub token: String,
    /// `None`: any number of times.
    pub uses_allowed: Option<i64>,
    pub uses: i64,
    /// Milliseconds since 1970.
    pub expires_ts: Option<i64>,
}

impl Db {
    /// Whether an account can be made with this token at `now_ms`.
    pub async fn registration_token_valid(&mut self, token: &str, now_ms: i64) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM registration_tokens
             WHERE token = $1 AND (uses_allowed IS NULL OR uses < uses_allowed) AND (expires_ts IS NULL OR expires_ts > $2)",
        )
        .bind(token)
        .bind(now_ms)
        .fetch_optional(&mut self.0)
        .await?;
        Ok(found.is_some())
    }

    /// All invite tokens.
    pub async fn registration_tokens(&mut self) -> Result<Vec<RegistrationToken>, StoreError> {
        let found: Vec<(String, Option<i64>, i64, Option<i64>)> =
            sqlx::query_as("SELECT token, uses_allowed, uses, expires_ts FROM registration_tokens ORDER BY token")
                .fetch_all(&mut self.0)
                .await?;
        Ok(found
            .into_iter()
            .map(|(token, uses_allowed, uses, expires_ts)| RegistrationToken { token, uses_allowed, uses, expires_ts })
            .collect())
    }
}

impl Tx {
    /// Keeps a new invite token; `false` when it is there already.
    pub async fn add_registration_token(&mut self, new: &RegistrationToken) -> Result<bool, StoreError> {
        let added = sqlx::query(
            "INSERT INTO registration_tokens (token, uses_allowed, uses, expires_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(&new.token)
        .bind(new.uses_allowed)
        .bind(new.uses)
        .bind(new.expires_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(added.rows_affected() == 1)
    }

    /// Uses an invite token once; `false` when it cannot be used any more.
    pub async fn use_registration_token(&mut self, token: &str) -> Result<bool, StoreError> {
        let used = sqlx::query(
            "UPDATE registration_tokens SET uses = uses + 1
             WHERE token = $1 AND (uses_allowed IS NULL OR uses < uses_allowed) AND (expires_ts IS NULL OR expires_ts > $2)",
        )
        .bind(token)
        .bind(self.now_ms())
        .execute(&mut self.db.0)
        .await?;
        Ok(used.rows_affected() == 1)
    }

    pub async fn delete_registration_token(&mut self, token: &str) -> Result<bool, StoreError> {
        let deleted =
            sqlx::query("DELETE FROM registration_tokens WHERE token = $1").bind(token).execute(&mut self.db.0).await?;
        Ok(deleted.rows_affected() == 1)
    }
}
