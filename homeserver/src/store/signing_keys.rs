//! Signing keys of other servers, and their signed answers for the notary.

use ruma::ServerName;

use super::{Db, ServerSn, StoreError, Tx};

/// A signing key of another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// `ed25519:…`
    pub key_id: String,
    /// Unpadded base64.
    pub key: String,
    /// Milliseconds since 1970, as the server said.
    pub valid_until_ts: i64,
    /// Set for a key that the server no longer uses.
    pub expired_ts: Option<i64>,
    pub fetched_ts: i64,
}

/// A server's own signed answer to `/_matrix/key/v2/server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyAnswer {
    pub json: String,
    pub valid_until_ts: i64,
    pub fetched_ts: i64,
}

impl Db {
    /// Every key that the server ever showed us.
    pub async fn signing_keys(&mut self, server: ServerSn) -> Result<Vec<SigningKeyRow>, StoreError> {
        let rows: Vec<(String, String, i64, Option<i64>, i64)> = sqlx::query_as(
            "SELECT key_id, key, valid_until_ts, expired_ts, fetched_ts FROM signing_keys WHERE server_sn = $1",
        )
        .bind(server)
        .fetch_all(&mut self.0)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(key_id, key, valid_until_ts, expired_ts, fetched_ts)| SigningKeyRow {
                key_id,
                key,
                valid_until_ts,
                expired_ts,
                fetched_ts,
            })
            .collect())
    }

    /// The server's newest answer.
    pub async fn signing_key_answer(&mut self, server: ServerSn) -> Result<Option<SigningKeyAnswer>, StoreError> {
        let row: Option<(String, i64, i64)> =
            sqlx::query_as("SELECT answer, valid_until_ts, fetched_ts FROM signing_key_answers WHERE server_sn = $1")
                .bind(server)
                .fetch_optional(&mut self.0)
                .await?;
        Ok(row.map(|(json, valid_until_ts, fetched_ts)| SigningKeyAnswer { json, valid_until_ts, fetched_ts }))
    }
}

impl Tx {
    /// Keeps a server's answer and the keys in it. Keys of earlier answers stay: old events need them.
    pub async fn put_signing_keys(
        &mut self,
        server: &ServerName,
        keys: &[SigningKeyRow],
        answer: &SigningKeyAnswer,
    ) -> Result<(), StoreError> {
        let server = self.make_server_sn(server).await?;
        for key in keys {
            sqlx::query(
                "INSERT INTO signing_keys (server_sn, key_id, key, valid_until_ts, expired_ts, fetched_ts)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (server_sn, key_id) DO UPDATE SET key = excluded.key, valid_until_ts = excluded.valid_until_ts,
                 expired_ts = excluded.expired_ts, fetched_ts = excluded.fetched_ts",
            )
            .bind(server)
            .bind(&key.key_id)
            .bind(&key.key)
            .bind(key.valid_until_ts)
            .bind(key.expired_ts)
            .bind(key.fetched_ts)
            .execute(&mut self.db.0)
            .await?;
        }
        sqlx::query(
            "INSERT INTO signing_key_answers (server_sn, answer, valid_until_ts, fetched_ts) VALUES ($1, $2, $3, $4)
             ON CONFLICT (server_sn) DO UPDATE SET answer = excluded.answer, valid_until_ts = excluded.valid_until_ts,
             fetched_ts = excluded.fetched_ts",
        )
        .bind(server)
        .bind(&answer.json)
        .bind(answer.valid_until_ts)
        .bind(answer.fetched_ts)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
