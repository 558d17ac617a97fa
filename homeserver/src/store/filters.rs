//! Filters of local users, stored once each.

use super::{Db, StoreError, Tx, UserSn};

impl Db {
    /// The JSON of a filter.
    pub async fn filter(&mut self, user: UserSn, filter_id: i64) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT filter FROM filters WHERE user_sn = $1 AND filter_id = $2")
            .bind(user)
            .bind(filter_id)
            .fetch_optional(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// Stores a filter and answers its number; the same filter has the same number. The oldest go when there are more than `most`.
    pub async fn add_filter(&mut self, user: UserSn, filter: &str, most: i64) -> Result<i64, StoreError> {
        let known: Option<i64> = sqlx::query_scalar("SELECT filter_id FROM filters WHERE user_sn = $1 AND filter = $2")
            .bind(user)
            .bind(filter)
            .fetch_optional(&mut self.db.0)
            .await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(filter_id), 0) + 1 FROM filters WHERE user_sn = $1")
            .bind(user)
            .fetch_one(&mut self.db.0)
            .await?;
        sqlx::query("INSERT INTO filters (user_sn, filter_id, filter) VALUES ($1, $2, $3)")
            .bind(user)
            .bind(next)
            .bind(filter)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("DELETE FROM filters WHERE user_sn = $1 AND filter_id <= $2")
            .bind(user)
            .bind(next - most)
            .execute(&mut self.db.0)
            .await?;
        Ok(next)
    }
}
