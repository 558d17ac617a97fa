//! Users whose messages and invites a user does not want to see.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, UserId, events::ignored_user_list::IgnoredUserListEventContent};

use crate::{
    domain::rooms::takes_invites,
    store::{Db, EventRow, RoomSn, StoreError, UserSn},
};

/// The ignored users of one viewer.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignored {
    users: BTreeSet<OwnedUserId>,
    /// The viewer wants no invites at all.
    invites: bool,
}

impl Ignored {
    pub(super) async fn of(db: &mut Db, user: UserSn) -> Result<Self, StoreError> {
        let content = db.account_data(user, RoomSn::GLOBAL, "m.ignored_user_list").await?;
        let list = content.and_then(|json| serde_json::from_str::<IgnoredUserListEventContent>(&json).ok());
        let users = list.map(|list| list.ignored_users.into_keys().collect()).unwrap_or_default();
        Ok(Self { users, invites: !takes_invites(db, user).await? })
    }

    pub(super) fn contains(&self, user_id: &UserId) -> bool {
        self.users.contains(user_id)
    }

    /// Whether an invite is not shown.
    pub(super) fn hides_invite(&self, inviter: Option<&UserId>) -> bool {
        self.invites || inviter.is_some_and(|inviter| self.contains(inviter))
    }

    /// State events of ignored users are shown all the same.
    pub(super) fn hides(&self, event: &EventRow) -> bool {
        event.key.is_none() && self.contains(&event.sender_id)
    }
}
