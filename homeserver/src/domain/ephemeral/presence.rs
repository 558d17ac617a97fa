//! Who is online: kept in memory only, each change with a position of the server's stream.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ruma::{
    OwnedUserId, ServerName, UInt, UserId,
    api::federation::transactions::edu::{Edu, PresenceContent, PresenceUpdate},
    presence::PresenceState,
};

use super::{Ephemeral, EphemeralError};
use crate::store::{Durability, Position, StoreError, UserSn};

/// A user whose last sync ended this long ago is offline.
const OFFLINE_AFTER: Duration = Duration::from_secs(30);
/// Someone active within this time is currently active.
const CURRENTLY: i64 = 5 * 60 * 1000;
const LONGEST_STATUS: usize = 1024;
/// How long it is worth telling other servers.
const PASSES: Duration = Duration::from_secs(5 * 60);

/// Presence by user. Cheap to clone.
#[derive(Clone, Default)]
pub struct PresenceMap(Arc<Mutex<HashMap<UserSn, Presence>>>);

/// What is known of one user.
#[derive(Clone, Debug)]
pub struct Presence {
    pub user_id: OwnedUserId,
    pub state: PresenceState,
    pub status_msg: Option<String>,
    /// Milliseconds since 1970.
    pub last_active_ts: i64,
    position: Position,
    /// Syncs under way.
    syncs: u32,
    /// Goes up with each sync, so that a timer sees whether another came.
    seen: u64,
}

impl Presence {
    fn offline(user_id: &UserId) -> Self {
        Self {
            user_id: user_id.to_owned(),
            state: PresenceState::Offline,
            status_msg: None,
            last_active_ts: 0,
            position: Position(0),
            syncs: 0,
            seen: 0,
        }
    }

    /// Milliseconds since the user did something; none when that was never seen.
    pub fn last_active_ago(&self, now: i64) -> Option<u64> {
        (self.last_active_ts > 0).then(|| u64::try_from(now.saturating_sub(self.last_active_ts)).unwrap_or_default())
    }

    pub fn currently_active(&self, now: i64) -> bool {
        self.state == PresenceState::Online && now.saturating_sub(self.last_active_ts) < CURRENTLY
    }
}

impl PresenceMap {
    /// What is known of the user.
    pub fn of(&self, user: UserSn) -> Option<Presence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&user).cloned()
    }

    /// What changed after `since` of these users.
    pub fn changed_since(&self, since: Position, users: &BTreeSet<UserSn>) -> Vec<Presence> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.iter()
            .filter(|(user, presence)| presence.position > since && users.contains(user))
            .map(|(_, p)| p.clone())
            .collect()
    }

    /// What changed after `since` of anybody.
    pub fn all_changed_since(&self, since: Position) -> Vec<(UserSn, Presence)> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.iter().filter(|(_, presence)| presence.position > since).map(|(user, p)| (*user, p.clone())).collect()
    }

    /// Whether anything changed after `since`, of anybody.
    pub fn any_changed_since(&self, since: Position) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().any(|presence| presence.position > since)
    }

    fn update<T>(&self, user: UserSn, user_id: &UserId, change: impl FnOnce(&mut Presence) -> T) -> T {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(map.entry(user).or_insert_with(|| Presence::offline(user_id)))
    }
}

/// A sync under way; the user goes offline some time after the last one ended.
pub struct Syncing {
    ephemeral: Ephemeral,
    user: UserSn,
    user_id: OwnedUserId,
}

impl Drop for Syncing {
    fn drop(&mut self) {
        let seen = self.ephemeral.presence.update(self.user, &self.user_id, |presence| {
            presence.syncs = presence.syncs.saturating_sub(1);
            (presence.syncs == 0 && presence.state != PresenceState::Offline).then_some(presence.seen)
        });
        let (Some(seen), Ok(runtime)) = (seen, tokio::runtime::Handle::try_current()) else { return };
        let (ephemeral, user, user_id) = (self.ephemeral.clone(), self.user, self.user_id.clone());
        runtime.spawn(async move {
            tokio::time::sleep(OFFLINE_AFTER).await;
            let away = ephemeral.presence.of(user).is_some_and(|presence| presence.syncs == 0 && presence.seen == seen);
            if away && let Err(error) = ephemeral.change_presence(user, &user_id, PresenceState::Offline, None).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "A user could not be shown as offline.");
            }
        });
    }
}

impl Ephemeral {
    /// A sync of the user begins and sets this presence (`Offline` sets none).
    pub async fn syncing(
        &self,
        user: UserSn,
        user_id: &UserId,
        state: &PresenceState,
    ) -> Result<Option<Syncing>, StoreError> {
        if *state == PresenceState::Offline {
            return Ok(None);
        }
        let now = self.clock.now_ms();
        let changes = self.presence.update(user, user_id, |presence| {
            presence.syncs += 1;
            presence.seen += 1;
            if *state == PresenceState::Online {
                presence.last_active_ts = now;
            }
            presence.state != *state
        });
        let syncing = Syncing { ephemeral: self.clone(), user, user_id: user_id.to_owned() };
        if changes {
            self.change_presence(user, user_id, state.clone(), None).await?;
        }
        Ok(Some(syncing))
    }

    /// A local user sets presence and status by hand.
    pub async fn set_presence(
        &self,
        user: UserSn,
        user_id: &UserId,
        state: PresenceState,
        status_msg: Option<String>,
    ) -> Result<(), EphemeralError> {
        if status_msg.as_ref().is_some_and(|text| text.len() > LONGEST_STATUS) {
            return Err(EphemeralError::StatusTooLong);
        }
        let now = self.clock.now_ms();
        self.presence.update(user, user_id, |presence| presence.last_active_ts = now);
        Ok(self.change_presence(user, user_id, state, Some(status_msg)).await?)
    }

    /// A local user has another name or picture: presence tells it with the rest.
    pub async fn profile_changed(&self, user: UserSn, user_id: &UserId) -> Result<(), StoreError> {
        match self.presence.of(user) {
            Some(presence) => self.change_presence(user, user_id, presence.state, None).await,
            None => Ok(()),
        }
    }

    /// m.presence of another server: only of its own users who share a room with one of ours, and only when settings allow.
    pub async fn receive_presence(&self, origin: &ServerName, content: PresenceContent) -> Result<(), StoreError> {
        if !self.presence_over_federation {
            return Ok(());
        }
        let now = self.clock.now_ms();
        for update in content.push {
            if update.user_id.server_name() != origin {
                continue;
            }
            let mut db = self.store.read().await?;
            let Some(user) = db.user_sn(&update.user_id).await? else { continue };
            if db.local_users_sharing_rooms(user).await?.is_empty() {
                continue;
            }
            drop(db);
            let ago = i64::try_from(u64::from(update.last_active_ago)).unwrap_or(i64::MAX);
            self.presence.update(user, &update.user_id, |presence| presence.last_active_ts = now.saturating_sub(ago));
            let status = update.status_msg.filter(|text| text.len() <= LONGEST_STATUS);
            self.change_presence(user, &update.user_id, update.presence, Some(status)).await?;
        }
        Ok(())
    }

    /// Changes what is known and tells who shares a room with the user. `status_msg`: `None` leaves it as it is.
    async fn change_presence(
        &self,
        user: UserSn,
        user_id: &UserId,
        state: PresenceState,
        status_msg: Option<Option<String>>,
    ) -> Result<(), StoreError> {
        let (map, user_id, now, federate) =
            (self.presence.clone(), user_id.to_owned(), self.clock.now_ms(), self.presence_over_federation);
        let ours = user_id.server_name() == self.server_name;
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let position = tx.next_position();
                    let update = map.update(user, &user_id, |presence| {
                        presence.state = state;
                        if let Some(status) = status_msg {
                            presence.status_msg = status;
                        }
                        presence.position = position;
                        let ago =
                            UInt::try_from(presence.last_active_ago(now).unwrap_or_default()).unwrap_or(UInt::MAX);
                        let mut update = PresenceUpdate::new(user_id.clone(), presence.state.clone(), ago);
                        update.status_msg.clone_from(&presence.status_msg);
                        update.currently_active = presence.currently_active(now);
                        update
                    });
                    tx.wake_user(user);
                    for other in tx.local_users_sharing_rooms(user).await? {
                        tx.wake_user(other);
                    }
                    if ours
                        && federate
                        && let Ok(edu) = serde_json::to_string(&Edu::Presence(PresenceContent::new(vec![update])))
                    {
                        for server in tx.servers_sharing_rooms(user).await? {
                            tx.owe_passing_edu(server, &format!("m.presence/{user_id}"), &edu, PASSES).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }
}
