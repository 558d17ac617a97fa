//! Numbers for event types and for pairs of event type and state key.

use super::{Db, KeySn, StoreError, Tx, TypeSn, writer::Known};

impl Db {
    pub async fn type_sn(&mut self, event_type: &str) -> Result<Option<TypeSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT type_sn FROM event_types WHERE type = $1")
            .bind(event_type)
            .fetch_optional(&mut self.0)
            .await?)
    }

    pub async fn key_sn(&mut self, event_type: &str, state_key: &str) -> Result<Option<KeySn>, StoreError> {
        if let Some(key) = self.1.key(event_type, state_key) {
            return Ok(Some(key));
        }
        Ok(sqlx::query_scalar(
            "SELECT k.key_sn FROM event_types t JOIN state_keys k USING (type_sn) WHERE t.type = $1 AND k.state_key = $2",
        )
        .bind(event_type)
        .bind(state_key)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// Event type and state key of a number.
    pub async fn state_key(&mut self, key: KeySn) -> Result<(String, String), StoreError> {
        Ok(sqlx::query_as(
            "SELECT t.type, k.state_key FROM state_keys k JOIN event_types t USING (type_sn) WHERE k.key_sn = $1",
        )
        .bind(key)
        .fetch_one(&mut self.0)
        .await?)
    }
}

impl Tx {
    pub async fn make_type_sn(&mut self, event_type: &str) -> Result<TypeSn, StoreError> {
        if let Some(sn) = self.known.types.get(event_type) {
            return Ok(*sn);
        }
        let sn = match self.type_sn(event_type).await? {
            Some(sn) => sn,
            None => {
                sqlx::query_scalar("INSERT INTO event_types (type) VALUES ($1) RETURNING type_sn")
                    .bind(event_type)
                    .fetch_one(&mut self.db.0)
                    .await?
            }
        };
        Known::put(&mut self.known.types, event_type.to_owned(), sn);
        Ok(sn)
    }

    pub async fn make_key_sn(&mut self, event_type: &str, state_key: &str) -> Result<KeySn, StoreError> {
        if let Some(sn) = self.key_sn(event_type, state_key).await? {
            return Ok(sn);
        }
        let type_sn = self.make_type_sn(event_type).await?;
        Ok(sqlx::query_scalar("INSERT INTO state_keys (type_sn, state_key) VALUES ($1, $2) RETURNING key_sn")
            .bind(type_sn)
            .bind(state_key)
            .fetch_one(&mut self.db.0)
            .await?)
    }
}
