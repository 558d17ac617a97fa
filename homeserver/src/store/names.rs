//! Numbers for server names, user ids and room ids, and back.

use ruma::{OwnedServerName, OwnedUserId, ServerName, UserId};

use super::{Db, ServerSn, StoreError, Tx, UserSn, writer::Known};

impl Db {
    /// The number of a server name that was seen before.
    pub async fn server_sn(&mut self, name: &ServerName) -> Result<Option<ServerSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT server_sn FROM servers WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&mut self.0)
            .await?)
    }

    pub async fn server_name(&mut self, server: ServerSn) -> Result<OwnedServerName, StoreError> {
        let name: String = sqlx::query_scalar("SELECT name FROM servers WHERE server_sn = $1")
            .bind(server)
            .fetch_one(&mut self.0)
            .await?;
        name.try_into().map_err(|_| StoreError::Damaged("a server name"))
    }

    /// The number of a user id that was seen before.
    pub async fn user_sn(&mut self, user_id: &UserId) -> Result<Option<UserSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT user_sn FROM users WHERE user_id = $1")
            .bind(user_id.as_str())
            .fetch_optional(&mut self.0)
            .await?)
    }

    pub async fn user_id(&mut self, user: UserSn) -> Result<OwnedUserId, StoreError> {
        let id: String = sqlx::query_scalar("SELECT user_id FROM users WHERE user_sn = $1")
            .bind(user)
            .fetch_one(&mut self.0)
            .await?;
        id.try_into().map_err(|_| StoreError::Damaged("a user id"))
    }
}

impl Tx {
    /// The number of a server name, given now if it has none.
    pub async fn make_server_sn(&mut self, name: &ServerName) -> Result<ServerSn, StoreError> {
        if let Some(server) = self.server_sn(name).await? {
            return Ok(server);
        }
        Ok(sqlx::query_scalar("INSERT INTO servers (name) VALUES ($1) RETURNING server_sn")
            .bind(name.as_str())
            .fetch_one(&mut self.db.0)
            .await?)
    }

    /// The number of a user id, given now if it has none.
    pub async fn make_user_sn(&mut self, user_id: &UserId) -> Result<UserSn, StoreError> {
        if let Some(user) = self.known.users.get(user_id) {
            return Ok(*user);
        }
        let user = match self.user_sn(user_id).await? {
            Some(user) => user,
            None => {
                let server = self.make_server_sn(user_id.server_name()).await?;
                sqlx::query_scalar("INSERT INTO users (server_sn, user_id) VALUES ($1, $2) RETURNING user_sn")
                    .bind(server)
                    .bind(user_id.as_str())
                    .fetch_one(&mut self.db.0)
                    .await?
            }
        };
        Known::put(&mut self.known.users, user_id.to_owned(), user);
        Ok(user)
    }
}
