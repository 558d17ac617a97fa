//! Which identity servers tell of which addresses that they are a user's.

use super::{Db, StoreError, Tx, UserSn};

/// An address that an identity server tells to be a user's.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ThreepidBinding {
    pub medium: String,
    pub address: String,
    /// A host, perhaps with a port.
    pub id_server: String,
}

impl Db {
    /// All bindings of a user.
    pub async fn threepid_bindings(&mut self, user: UserSn) -> Result<Vec<ThreepidBinding>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT medium, address, id_server FROM threepid_bindings WHERE user_sn = $1 ORDER BY medium, address, id_server",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// Notes a binding; again is no mistake.
    pub async fn put_threepid_binding(&mut self, user: UserSn, bound: &ThreepidBinding) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO threepid_bindings (user_sn, medium, address, id_server, bound_ts) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(user)
        .bind(&bound.medium)
        .bind(&bound.address)
        .bind(&bound.id_server)
        .bind(self.now_ms())
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    pub async fn delete_threepid_binding(&mut self, user: UserSn, bound: &ThreepidBinding) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM threepid_bindings WHERE user_sn = $1 AND medium = $2 AND address = $3 AND id_server = $4",
        )
        .bind(user)
        .bind(&bound.medium)
        .bind(&bound.address)
        .bind(&bound.id_server)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }
}
