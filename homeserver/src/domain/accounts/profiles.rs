//! What people tell of themselves: of our users the truth, of others a cache.

use ruma::UserId;
use serde_json::{Map, Value};

use crate::store::{Durability, StoreError, UserSn};

use super::{AccountError, Accounts};

/// How long what another server told of a profile is good.
const FRESH_MS: i64 = 10 * 60_000;
/// The largest profile, in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// The longest name of a field, in bytes.
const LONGEST_FIELD: usize = 255;

/// Why a profile was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("the name of a field begins with a letter and has lower-case letters, digits and the signs - _ .")]
    BadField,
    #[error("the name of a field has at most 255 bytes")]
    FieldTooLong,
    #[error("a profile has at most 64 KiB")]
    TooLarge,
    #[error("{0}")]
    BadValue(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Whether the user is of this server.
    pub fn is_local(&self, user_id: &UserId) -> bool {
        user_id.server_name() == self.server_name
    }

    /// All fields; `None` when there is no such account. Of other servers' users, what is cached.
    pub async fn profile(&self, user_id: &UserId) -> Result<Option<Map<String, Value>>, StoreError> {
        let mut db = self.store.read().await?;
        if self.is_local(user_id) && db.account(user_id).await?.is_none_or(|account| account.deactivated_ts.is_some()) {
            return Ok(None);
        }
        let Some(user) = db.user_sn(user_id).await? else { return Ok(None) };
        Ok(Some(read(db.profile_fields(user).await?)))
    }

    /// What is cached of another server's user, while it is fresh.
    pub async fn fresh_profile(&self, user_id: &UserId) -> Result<Option<Map<String, Value>>, StoreError> {
        let mut db = self.store.read().await?;
        let Some(user) = db.user_sn(user_id).await? else { return Ok(None) };
        match db.profile_fetched_ts(user).await? {
            Some(fetched) if fetched + FRESH_MS > self.clock.now_ms() => Ok(Some(read(db.profile_fields(user).await?))),
            _ => Ok(None),
        }
    }

    /// Keeps what another server told of its user, as far as it is well-formed, and answers that.
    pub async fn cache_profile(
        &self,
        user_id: &UserId,
        mut fields: Map<String, Value>,
    ) -> Result<Map<String, Value>, StoreError> {
        fields.retain(|field, value| check(field, value).is_ok());
        let stored: Vec<(String, String)> =
            fields.iter().map(|(field, value)| (field.clone(), value.to_string())).collect();
        if stored.iter().map(|(field, value)| field.len() + value.len()).sum::<usize>() > LARGEST {
            return Ok(Map::new());
        }
        let user_id = user_id.to_owned();
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let user = tx.make_user_sn(&user_id).await?;
                    tx.cache_profile(user, &stored).await
                })
            })
            .await?;
        Ok(fields)
    }

    /// Sets a field, or removes it; says whether that changed anything.
    pub async fn set_profile_field(
        &self,
        user: UserSn,
        field: String,
        value: Option<Value>,
    ) -> Result<bool, ProfileError> {
        if let Some(value) = &value {
            check(&field, value)?;
        }
        let value = value.map(|value| value.to_string());
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let before = tx.profile_fields(user).await?;
                    if before.iter().find(|(name, _)| *name == field).map(|(_, value)| value) == value.as_ref() {
                        return Ok(false);
                    }
                    let others = before.iter().filter(|(name, _)| *name != field);
                    let size: usize = others.map(|(name, value)| name.len() + value.len() + 4).sum();
                    if size + field.len() + value.as_ref().map_or(0, String::len) > LARGEST {
                        return Err(ProfileError::TooLarge);
                    }
                    tx.set_profile_field(user, &field, value.as_deref()).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Gives an account its first display name; it is in no room yet.
    pub async fn set_display_name(&self, user: UserSn, name: String) -> Result<(), AccountError> {
        let value = Value::String(name).to_string();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { Ok(tx.set_profile_field(user, "displayname", Some(&value)).await?) })
            })
            .await
    }
}

fn read(fields: Vec<(String, String)>) -> Map<String, Value> {
    fields.into_iter().filter_map(|(field, value)| Some((field, serde_json::from_str(&value).ok()?))).collect()
}

fn check(field: &str, value: &Value) -> Result<(), ProfileError> {
    if field.len() > LONGEST_FIELD {
        return Err(ProfileError::FieldTooLong);
    }
    let grammar = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let known = matches!(field, "displayname" | "avatar_url" | "m.tz");
    // Fields of others carry a namespace (appendices, "Common Namespaced Identifier Grammar").
    let namespaced =
        field.contains('.') && field.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_lowercase()));
    let allowed = known || (namespaced && field.chars().all(grammar));
    if !allowed {
        return Err(ProfileError::BadField);
    }
    match (field, value) {
        ("displayname" | "avatar_url" | "m.tz", value) if !value.is_string() => {
            Err(ProfileError::BadValue("this field is a text"))
        }
        ("avatar_url", Value::String(uri)) if !<&ruma::MxcUri>::from(uri.as_str()).is_valid() => {
            Err(ProfileError::BadValue("a picture is an mxc:// URI"))
        }
        _ => Ok(()),
    }
}
