//! Users whose messages a user does not want to see.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, events::ignored_user_list::IgnoredUserListEventContent};

use crate::store::{Db, RoomSn, StoreError, UserSn};

/// The users that `user` ignores.
pub async fn ignored_users(db: &mut Db, user: UserSn) -> Result<BTreeSet<OwnedUserId>, StoreError> {
    let content = db.account_data(user, RoomSn::GLOBAL, "m.ignored_user_list").await?;
    let list = content.and_then(|json| serde_json::from_str::<IgnoredUserListEventContent>(&json).ok());
    Ok(list.map(|list| list.ignored_users.into_keys().collect()).unwrap_or_default())
}

/// The numbers of those of them that were seen here.
pub async fn ignored_sns(db: &mut Db, user: UserSn) -> Result<BTreeSet<UserSn>, StoreError> {
    let mut ignored = BTreeSet::new();
    for user_id in ignored_users(db, user).await? {
        ignored.extend(db.user_sn(&user_id).await?);
    }
    Ok(ignored)
}
