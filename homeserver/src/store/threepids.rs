//! Third-party identifiers that users showed to be theirs.

use ruma::OwnedUserId;

use super::{Db, StoreError, Tx, UserSn};

/// An address of an account.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ThreepidRow {
    pub medium: String,
    pub address: String,
    /// Milliseconds since 1970.
    pub validated_ts: i64,
    pub added_ts: i64,
}

impl Db {
    /// The addresses of an account, in the order in which they were added.
    pub async fn threepids(&mut self, user: UserSn) -> Result<Vec<ThreepidRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT medium, address, validated_ts, added_ts FROM threepids WHERE user_sn = $1 ORDER BY added_ts, medium, address",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// Whose account the address belongs to.
    pub async fn threepid_owner(
        &mut self,
        medium: &str,
        address: &str,
    ) -> Result<Option<(UserSn, OwnedUserId)>, StoreError> {
        let found: Option<(UserSn, String)> = sqlx::query_as(
            "SELECT t.user_sn, u.user_id FROM threepids t JOIN users u USING (user_sn) WHERE t.medium = $1 AND t.address = $2",
        )
        .bind(medium)
        .bind(address)
        .fetch_optional(&mut self.0)
        .await?;
        found.map(|(user, id)| Ok((user, id.try_into().map_err(|_| StoreError::Damaged("a user id"))?))).transpose()
    }
}

impl Tx {
    /// Adds an address to an account, or notes that it was shown once more; `false` when it is another account's.
    pub async fn put_threepid(
        &mut self,
        user: UserSn,
        medium: &str,
        address: &str,
        validated_ts: i64,
    ) -> Result<bool, StoreError> {
        let put = sqlx::query(
            "INSERT INTO threepids (medium, address, user_sn, validated_ts, added_ts) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (medium, address) DO UPDATE SET validated_ts = excluded.validated_ts WHERE user_sn = excluded.user_sn",
        )
        .bind(medium)
        .bind(address)
        .bind(user)
        .bind(validated_ts)
        .bind(self.now_ms())
        .execute(&mut self.db.0)
        .await?;
        Ok(put.rows_affected() == 1)
    }

    /// Takes an address from an account.
    pub async fn delete_threepid(&mut self, user: UserSn, medium: &str, address: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM threepids WHERE medium = $1 AND address = $2 AND user_sn = $3")
            .bind(medium)
            .bind(address)
            .bind(user)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}
