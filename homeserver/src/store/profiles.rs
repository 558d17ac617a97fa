//! Profile fields, of local users and, as a cache, of remote ones.

use super::{Db, StoreError, Tx, UserSn};

/// What member events carry of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub displayname: Option<String>,
    pub avatar_url: Option<String>,
}

impl Db {
    /// The user's name and picture, as far as known.
    pub async fn profile(&mut self, user: UserSn) -> Result<Profile, StoreError> {
        let fields: Vec<(String, String)> = sqlx::query_as(
            "SELECT field, value FROM profile_fields WHERE user_sn = $1 AND field IN ('displayname', 'avatar_url')",
        )
        .bind(user)
        .fetch_all(&mut self.0)
        .await?;
        let mut profile = Profile::default();
        for (field, value) in fields {
            let value: Option<String> = serde_json::from_str(&value).unwrap_or_default();
            match field.as_str() {
                "displayname" => profile.displayname = value,
                _ => profile.avatar_url = value,
            }
        }
        Ok(profile)
    }

    /// All fields with their JSON values.
    pub async fn profile_fields(&mut self, user: UserSn) -> Result<Vec<(String, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT field, value FROM profile_fields WHERE user_sn = $1 ORDER BY field")
            .bind(user)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// One field's JSON value.
    pub async fn profile_field(&mut self, user: UserSn, field: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT value FROM profile_fields WHERE user_sn = $1 AND field = $2")
            .bind(user)
            .bind(field)
            .fetch_optional(&mut self.0)
            .await?)
    }

    /// When a remote user's profile was last asked for, in milliseconds since 1970.
    pub async fn profile_fetched_ts(&mut self, user: UserSn) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT MAX(fetched_ts) FROM profile_fields WHERE user_sn = $1")
            .bind(user)
            .fetch_one(&mut self.0)
            .await?)
    }
}

impl Tx {
    /// Sets a field to a JSON value, or takes it away.
    pub async fn set_profile_field(
        &mut self,
        user: UserSn,
        field: &str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        let query = match value {
            Some(value) => sqlx::query(
                "INSERT INTO profile_fields (user_sn, field, value) VALUES ($1, $2, $3)
                 ON CONFLICT (user_sn, field) DO UPDATE SET value = excluded.value",
            )
            .bind(user)
            .bind(field)
            .bind(value),
            None => sqlx::query("DELETE FROM profile_fields WHERE user_sn = $1 AND field = $2").bind(user).bind(field),
        };
        query.execute(&mut self.db.0).await?;
        Ok(())
    }

    /// Replaces what is cached of a remote user's profile.
    pub async fn cache_profile(&mut self, user: UserSn, fields: &[(String, String)]) -> Result<(), StoreError> {
        self.delete_profile(user).await?;
        for (field, value) in fields {
            sqlx::query("INSERT INTO profile_fields (user_sn, field, value, fetched_ts) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
                .bind(user)
                .bind(field)
                .bind(value)
                .bind(self.now_ms())
                .execute(&mut self.db.0)
                .await?;
        }
        Ok(())
    }

    pub async fn delete_profile(&mut self, user: UserSn) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM profile_fields WHERE user_sn = $1").bind(user).execute(&mut self.db.0).await?;
        Ok(())
    }
}
