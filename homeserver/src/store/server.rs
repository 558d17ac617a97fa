//! The one row about this server.

use ruma::ServerName;

use super::{Db, OpenError, Position, StoreError, Tx};

impl Db {
    /// Writes the server's own row when the database is new and answers the last position.
    pub(super) async fn enter_server(&mut self, server_name: &ServerName, now_ms: i64) -> Result<Position, OpenError> {
        let found: Option<(String, Position)> =
            sqlx::query_as("SELECT server_name, position FROM server WHERE id = 1").fetch_optional(&mut self.0).await?;
        match found {
            Some((name, position)) if name == server_name.as_str() => Ok(position),
            Some((found, _)) => Err(OpenError::OtherServer { found, asked: server_name.to_string() }),
            None => {
                sqlx::query(
                    "INSERT INTO server (id, server_name, position, epoch, created_ts) VALUES (1, $1, 0, 1, $2)",
                )
                .bind(server_name.as_str())
                .bind(now_ms)
                .execute(&mut self.0)
                .await?;
                sqlx::query("INSERT INTO servers (server_sn, name) VALUES (1, $1)")
                    .bind(server_name.as_str())
                    .execute(&mut self.0)
                    .await?;
                Ok(Position(0))
            }
        }
    }

    /// The name that was written when the database was new.
    pub(super) async fn own_name(&mut self) -> Result<Option<ruma::OwnedServerName>, StoreError> {
        let name: Option<String> =
            sqlx::query_scalar("SELECT server_name FROM server WHERE id = 1").fetch_optional(&mut self.0).await?;
        name.map(|name| name.try_into().map_err(|_| StoreError::Damaged("the server's name"))).transpose()
    }

    /// What was said up to here is indexed.
    pub async fn indexed_position(&mut self) -> Result<Position, StoreError> {
        Ok(sqlx::query_scalar("SELECT indexed_position FROM server WHERE id = 1").fetch_one(&mut self.0).await?)
    }

    /// The restore epoch: one-time keys of earlier ones are void.
    pub async fn epoch(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT epoch FROM server WHERE id = 1").fetch_one(&mut self.0).await?)
    }
}

impl Tx {
    /// What was said up to here is indexed.
    pub async fn set_indexed_position(&mut self, position: Position) -> Result<(), StoreError> {
        sqlx::query("UPDATE server SET indexed_position = $1 WHERE id = 1")
            .bind(position)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    pub(super) async fn save_position(&mut self, position: Position) -> Result<(), StoreError> {
        sqlx::query("UPDATE server SET position = $1 WHERE id = 1").bind(position).execute(&mut self.db.0).await?;
        Ok(())
    }
}
