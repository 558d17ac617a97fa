//! Server-side backups of room keys: versions, and the sessions in each.

use super::{Db, StoreError, Tx, UserSn};

/// A version of a user's backup.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KeyBackup {
    pub version: i64,
    pub algorithm: String,
    /// JSON.
    pub auth_data: String,
    /// Goes up with every change of what is in it.
    pub etag: i64,
}

/// A backed-up session.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct BackedUpSession {
    pub room_id: String,
    pub session_id: String,
    pub first_message_index: i64,
    pub forwarded_count: i64,
    pub is_verified: bool,
    /// JSON.
    pub session_data: String,
}

impl Db {
    /// A version of the backup; `None` asks for the newest.
    pub async fn key_backup(&mut self, user: UserSn, version: Option<i64>) -> Result<Option<KeyBackup>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT version, algorithm, auth_data, etag FROM key_backups
             WHERE user_sn = $1 AND ($2 IS NULL OR version = $2) AND deleted = 0 ORDER BY version DESC LIMIT 1",
        )
        .bind(user)
        .bind(version)
        .fetch_optional(&mut self.0)
        .await?)
    }

    /// How many sessions a version holds.
    pub async fn backed_up_session_count(&mut self, user: UserSn, version: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM key_backup_sessions WHERE user_sn = $1 AND version = $2")
            .bind(user)
            .bind(version)
            .fetch_one(&mut self.0)
            .await?)
    }

    /// Sessions of a version: all, of one room, or one alone.
    pub async fn backed_up_sessions(
        &mut self,
        user: UserSn,
        version: i64,
        room_id: Option<&str>,
        session_id: Option<&str>,
    ) -> Result<Vec<BackedUpSession>, StoreError> {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT room_id, session_id, first_message_index, forwarded_count, is_verified, session_data
             FROM key_backup_sessions WHERE user_sn = ",
        );
        query.push_bind(user).push(" AND version = ").push_bind(version);
        push_place(&mut query, room_id, session_id);
        Ok(query.build_query_as().fetch_all(&mut self.0).await?)
    }
}

impl Tx {
    /// Makes a new, empty version and answers its number.
    pub async fn create_key_backup(
        &mut self,
        user: UserSn,
        algorithm: &str,
        auth_data: &str,
    ) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO key_backups (user_sn, version, algorithm, auth_data)
             VALUES ($1, (SELECT coalesce(max(version), 0) + 1 FROM key_backups WHERE user_sn = $1), $2, $3) RETURNING version",
        )
        .bind(user)
        .bind(algorithm)
        .bind(auth_data)
        .fetch_one(&mut self.db.0)
        .await?)
    }

    /// Replaces the `auth_data` of a version.
    pub async fn update_key_backup(&mut self, user: UserSn, version: i64, auth_data: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE key_backups SET auth_data = $3 WHERE user_sn = $1 AND version = $2")
            .bind(user)
            .bind(version)
            .bind(auth_data)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Deletes a version with its sessions; its number is not given out again.
    pub async fn delete_key_backup(&mut self, user: UserSn, version: i64) -> Result<(), StoreError> {
        self.delete_backed_up_sessions(user, version, None, None).await?;
        sqlx::query("UPDATE key_backups SET deleted = 1, auth_data = '{}' WHERE user_sn = $1 AND version = $2")
            .bind(user)
            .bind(version)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// Writes a session in the place of an earlier one.
    pub async fn put_backed_up_session(
        &mut self,
        user: UserSn,
        version: i64,
        session: &BackedUpSession,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO key_backup_sessions
                 (user_sn, version, room_id, session_id, first_message_index, forwarded_count, is_verified, session_data)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (user_sn, version, room_id, session_id) DO UPDATE SET
                 first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
                 is_verified = excluded.is_verified, session_data = excluded.session_data",
        )
        .bind(user)
        .bind(version)
        .bind(&session.room_id)
        .bind(&session.session_id)
        .bind(session.first_message_index)
        .bind(session.forwarded_count)
        .bind(session.is_verified)
        .bind(&session.session_data)
        .execute(&mut self.db.0)
        .await?;
        Ok(())
    }

    /// Deletes sessions of a version: all, of one room, or one alone. Answers how many.
    pub async fn delete_backed_up_sessions(
        &mut self,
        user: UserSn,
        version: i64,
        room_id: Option<&str>,
        session_id: Option<&str>,
    ) -> Result<u64, StoreError> {
        let mut query = sqlx::QueryBuilder::new("DELETE FROM key_backup_sessions WHERE user_sn = ");
        query.push_bind(user).push(" AND version = ").push_bind(version);
        push_place(&mut query, room_id, session_id);
        Ok(query.build().execute(&mut self.db.0).await?.rows_affected())
    }

    /// What is in the version changed.
    pub async fn raise_key_backup_etag(&mut self, user: UserSn, version: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE key_backups SET etag = etag + 1 WHERE user_sn = $1 AND version = $2")
            .bind(user)
            .bind(version)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }
}

fn push_place(query: &mut sqlx::QueryBuilder<sqlx::Sqlite>, room_id: Option<&str>, session_id: Option<&str>) {
    if let Some(room_id) = room_id {
        query.push(" AND room_id = ").push_bind(room_id.to_owned());
    }
    if let Some(session_id) = session_id {
        query.push(" AND session_id = ").push_bind(session_id.to_owned());
    }
}
