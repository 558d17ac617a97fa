//! Users who take no invites (Client-Server API, "Invite permission").

use serde::Deserialize;

use crate::store::{Db, RoomSn, StoreError, UserSn};

#[derive(Deserialize)]
struct Permission {
    default_action: Option<String>,
}

/// Whether a local user wants to be invited at all.
pub async fn takes_invites(db: &mut Db, user: UserSn) -> Result<bool, StoreError> {
    let content = db.account_data(user, RoomSn::GLOBAL, "m.invite_permission_config").await?;
    let permission = content.and_then(|content| serde_json::from_str::<Permission>(&content).ok());
    Ok(permission.and_then(|permission| permission.default_action).as_deref() != Some("block"))
}
