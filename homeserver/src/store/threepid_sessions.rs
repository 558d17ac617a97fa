//! Attempts to show that an e-mail address is one's own; of secrets only their hashes are kept.

use super::{Db, StoreError, Tx, tokens::token_hash};

/// What an address is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Purpose {
    /// To add it to an account.
    Add = 0,
    /// For another password.
    Password = 1,
    /// To make an account.
    Register = 2,
}

/// An attempt that is not over yet.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ThreepidSession {
    pub session_id: String,
    pub purpose: Purpose,
    pub address: String,
    pub send_attempt: i64,
    pub next_link: Option<String>,
    /// Milliseconds since 1970; `None`: not shown yet.
    pub validated_ts: Option<i64>,
}

/// What a client asks a mail for. Has no `Debug`: it holds a secret.
pub struct NewThreepidSession {
    pub session_id: String,
    pub purpose: Purpose,
    pub address: String,
    pub client_secret: String,
    pub send_attempt: i64,
    pub next_link: Option<String>,
    pub expires_ts: i64,
}

impl Db {
    /// The attempt with this id, if the client knows its secret.
    pub async fn threepid_session(
        &mut self,
        session_id: &str,
        client_secret: &str,
        now_ms: i64,
    ) -> Result<Option<ThreepidSession>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT session_id, purpose, address, send_attempt, next_link, validated_ts FROM threepid_sessions
             WHERE session_id = $1 AND secret_hash = $2 AND expires_ts > $3",
        )
        .bind(session_id)
        .bind(token_hash(client_secret))
        .bind(now_ms)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// The attempt whose mail has this token.
    pub async fn threepid_session_of_token(
        &mut self,
        token: &str,
        now_ms: i64,
    ) -> Result<Option<ThreepidSession>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT s.session_id, s.purpose, s.address, s.send_attempt, s.next_link, s.validated_ts
             FROM threepid_tokens t JOIN threepid_sessions s USING (session_id) WHERE t.token_hash = $1 AND s.expires_ts > $2",
        )
        .bind(token_hash(token))
        .bind(now_ms)
        .fetch_optional(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// The client's attempt for the same purpose, address and secret; those whose time is over are forgotten.
    pub async fn threepid_session_alike(
        &mut self,
        new: &NewThreepidSession,
    ) -> Result<Option<ThreepidSession>, StoreError> {
        sqlx::query("DELETE FROM threepid_sessions WHERE expires_ts <= $1")
            .bind(self.now_ms())
            .execute(&mut self.db.0)
            .await?;
        Ok(sqlx::query_as(
            "SELECT session_id, purpose, address, send_attempt, next_link, validated_ts FROM threepid_sessions
             WHERE purpose = $1 AND address = $2 AND secret_hash = $3",
        )
        .bind(new.purpose)
        .bind(&new.address)
        .bind(token_hash(&new.client_secret))
        .fetch_optional(&mut self.db.0)
        .await?)
    }

    /// Begins an attempt, or begins it again under its first id, and keeps the token of its mail.
    pub async fn put_threepid_session(&mut self, new: &NewThreepidSession, token: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO threepid_sessions (session_id, purpose, address, secret_hash, send_attempt, next_link, expires_ts)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (session_id) DO UPDATE SET
                send_attempt = excluded.send_attempt, next_link = excluded.next_link, expires_ts = excluded.expires_ts",
        )
        .bind(&new.session_id)
        .bind(new.purpose)
        .bind(&new.address)
        .bind(token_hash(&new.client_secret))
        .bind(new.send_attempt)
        .bind(&new.next_link)
        .bind(new.expires_ts)
        .execute(&mut self.db.0)
        .await?;
        sqlx::query("INSERT INTO threepid_tokens (token_hash, session_id) VALUES ($1, $2)")
            .bind(token_hash(token))
            .bind(&new.session_id)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// The mail with this token was not sent: the same attempt may ask again.
    pub async fn forget_threepid_token(
        &mut self,
        session_id: &str,
        token: &str,
        send_attempt: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM threepid_tokens WHERE token_hash = $1")
            .bind(token_hash(token))
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("UPDATE threepid_sessions SET send_attempt = $2 WHERE session_id = $1")
            .bind(session_id)
            .bind(send_attempt)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Notes that the person read the mail; what they began may go on until `expires_ts`.
    pub async fn validate_threepid_session(&mut self, session_id: &str, expires_ts: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE threepid_sessions SET validated_ts = COALESCE(validated_ts, $2), expires_ts = $3 WHERE session_id = $1",
        )
        .bind(session_id)
        .bind(self.now_ms())
        .bind(expires_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Uses up an attempt; `false` when it is over.
    pub async fn take_threepid_session(&mut self, session_id: &str) -> Result<bool, StoreError> {
        let taken = sqlx::query(
            "DELETE FROM threepid_sessions WHERE session_id = $1 AND validated_ts IS NOT NULL AND expires_ts > $2",
        )
        .bind(session_id)
        .bind(self.now_ms())
        .execute(&mut self.db.0)
        .await?;
        Ok(taken.rows_affected() == 1)
    }
}
