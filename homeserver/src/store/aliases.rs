//! Room aliases of this server.

use ruma::{OwnedRoomAliasId, RoomAliasId};

use super::{Db, RoomSn, StoreError, Tx, UserSn};

impl Db {
    /// The room of an alias, and who made the alias.
    pub async fn alias(&mut self, alias: &RoomAliasId) -> Result<Option<(RoomSn, UserSn)>, StoreError> {
        Ok(sqlx::query_as("SELECT room_sn, creator_sn FROM aliases WHERE alias = $1")
            .bind(alias.as_str())
            .fetch_optional(&mut self.0)
            .await?)
    }

    pub async fn aliases(&mut self, room: RoomSn) -> Result<Vec<OwnedRoomAliasId>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar("SELECT alias FROM aliases WHERE room_sn = $1 ORDER BY alias")
            .bind(room)
            .fetch_all(&mut self.0)
            .await?;
        rows.into_iter().map(|alias| alias.try_into().map_err(|_| StoreError::Damaged("an alias"))).collect()
    }
}

impl Tx {
    /// False when the alias is taken.
    pub async fn put_alias(&mut self, alias: &RoomAliasId, room: RoomSn, creator: UserSn) -> Result<bool, StoreError> {
        let now = self.now_ms();
        let done = sqlx::query("INSERT INTO aliases (alias, room_sn, creator_sn, created_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(alias.as_str())
            .bind(room)
            .bind(creator)
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The aliases of one room lead to another.
    pub async fn move_aliases(&mut self, from: RoomSn, to: RoomSn) -> Result<(), StoreError> {
        sqlx::query("UPDATE aliases SET room_sn = $2 WHERE room_sn = $1")
            .bind(from)
            .bind(to)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub async fn remove_alias(&mut self, alias: &RoomAliasId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM aliases WHERE alias = $1").bind(alias.as_str()).execute(&mut self.db.0).await?;
        Ok(())
    }
}
