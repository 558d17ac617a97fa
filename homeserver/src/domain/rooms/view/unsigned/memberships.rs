//! What the viewer was in the room when an event came (`unsigned.membership`).

use ruma::UserId;

use crate::store::{Db, KeySn, LocalMembership, Membership, SnapshotSn, StoreError, StoredEvent};

use super::super::visibility::{in_joined_time, membership_in, membership_of};

/// The viewer's memberships in one room; neighbours in the timeline mostly share the state before them.
pub(super) struct Memberships<'a> {
    user_id: &'a UserId,
    mine: Option<LocalMembership>,
    /// The key of the viewer's member events, once it was looked up.
    key: Option<Option<KeySn>>,
    last: Option<(SnapshotSn, Membership)>,
}

impl<'a> Memberships<'a> {
    pub(super) fn of(user_id: &'a UserId, mine: Option<LocalMembership>) -> Self {
        Self { user_id, mine, key: None, last: None }
    }

    /// The membership at the event; the one it makes when it is the viewer's own. Unknown where no state came with the event, and not
    /// looked up for other state events from before the viewer came: those are shown by thousands.
    pub(super) async fn at(&mut self, db: &mut Db, event: &StoredEvent) -> Result<Option<Membership>, StoreError> {
        if event.key.is_some() && event.key == self.own_key(db).await? {
            return Ok(Some(membership_of(Some(&event.json))));
        }
        if in_joined_time(self.mine.as_ref(), event) {
            return Ok(Some(Membership::Join));
        }
        let Some(snapshot) = event.snapshot.filter(|_| event.key.is_none()) else { return Ok(None) };
        if let Some((same, membership)) = self.last
            && same == snapshot
        {
            return Ok(Some(membership));
        }
        let membership = membership_in(db, self.user_id, snapshot).await?;
        self.last = Some((snapshot, membership));
        Ok(Some(membership))
    }

    async fn own_key(&mut self, db: &mut Db) -> Result<Option<KeySn>, StoreError> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let key = db.key_sn("m.room.member", self.user_id.as_str()).await?;
        self.key = Some(key);
        Ok(key)
    }
}
