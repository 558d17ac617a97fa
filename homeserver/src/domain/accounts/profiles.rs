//! What people tell of themselves.

use serde_json::Value;

use crate::store::{Durability, UserSn};

use super::{AccountError, Accounts};

impl Accounts {
    /// Gives an account its first display name; rooms are not told.
    pub async fn set_display_name(&self, user: UserSn, name: String) -> Result<(), AccountError> {
        let value = Value::String(name).to_string();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { Ok(tx.set_profile_field(user, "displayname", Some(&value)).await?) })
            })
            .await
    }
}
