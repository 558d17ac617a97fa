//! Who is typing: kept in memory only, each change with a position of the server's stream.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ruma::{
    OwnedUserId, RoomId, ServerName, UserId,
    api::federation::transactions::edu::{Edu, TypingContent},
};

use tokio::task::AbortHandle;

use super::{Ephemeral, EphemeralError, wake_members};
use crate::store::{Durability, Position, RoomSn, StoreError, UserSn};

/// The longest time that one request may mark a user as typing.
const LONGEST: Duration = Duration::from_secs(120);
/// How long we believe another server that its user types.
const REMOTE: Duration = Duration::from_secs(60);

/// Typing users by room. Cheap to clone.
#[derive(Clone, Default)]
pub struct TypingMap(Arc<Mutex<HashMap<RoomSn, RoomTyping>>>, Timers);

/// Who takes each user off the list in the end: one task for each, however often it is said that they type.
type Timers = Arc<Mutex<HashMap<(RoomSn, UserSn), AbortHandle>>>;

#[derive(Default)]
struct RoomTyping {
    /// Until when each types, in milliseconds since 1970.
    users: BTreeMap<UserSn, (OwnedUserId, i64)>,
    /// When the list last changed.
    position: Position,
}

impl TypingMap {
    /// Who types in the room, when that changed after `since`.
    pub fn changed_since(&self, room: RoomSn, since: Position) -> Option<Vec<OwnedUserId>> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&room).filter(|typing| typing.position > since).map(RoomTyping::user_ids)
    }

    /// Who types in the room now.
    pub fn now(&self, room: RoomSn) -> Vec<OwnedUserId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&room).map(RoomTyping::user_ids).unwrap_or_default()
    }

    /// The rooms whose list changed after `since`.
    pub fn rooms_changed_since(&self, since: Position) -> Vec<RoomSn> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.iter().filter(|(_, typing)| typing.position > since).map(|(room, _)| *room).collect()
    }

    fn is_typing(&self, room: RoomSn, user: UserSn) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&room)
            .is_some_and(|typing| typing.users.contains_key(&user))
    }

    /// Moves the end of a user who is typing already.
    fn extend(&self, room: RoomSn, user: UserSn, until: i64) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, end)) = rooms.get_mut(&room).and_then(|typing| typing.users.get_mut(&user)) {
            *end = until;
        }
    }

    /// Adds (with its end) or removes a user, under the position of the change.
    fn set(&self, room: RoomSn, user: UserSn, user_id: &UserId, until: Option<i64>, position: Position) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let typing = rooms.entry(room).or_default();
        match until {
            Some(until) => {
                typing.users.insert(user, (user_id.to_owned(), until));
            }
            None => {
                typing.users.remove(&user);
            }
        }
        typing.position = typing.position.max(position);
    }

    /// Whether the user's time is over.
    fn is_over(&self, room: RoomSn, user: UserSn, now: i64) -> bool {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&room).and_then(|typing| typing.users.get(&user)).is_some_and(|(_, until)| *until <= now)
    }
}

impl RoomTyping {
    fn user_ids(&self) -> Vec<OwnedUserId> {
        self.users.values().map(|(user_id, _)| user_id.clone()).collect()
    }
}

impl Ephemeral {
    /// A local user types for `time`, or stopped.
    pub async fn set_typing(
        &self,
        user: UserSn,
        user_id: &UserId,
        room_id: &RoomId,
        time: Option<Duration>,
    ) -> Result<(), EphemeralError> {
        let mut db = self.store.read().await?;
        let Some(room) = db.room_sn(room_id).await? else { return Err(EphemeralError::NotInRoom) };
        if !db.sync_is_joined(room, user).await? {
            return Err(EphemeralError::NotInRoom);
        }
        drop(db);
        let edu = Edu::Typing(TypingContent::new(room_id.to_owned(), user_id.to_owned(), time.is_some()));
        let edu = serde_json::to_string(&edu).ok().map(|edu| (format!("m.typing/{room_id}/{user_id}"), edu));
        Ok(self.change_typing(room, user, user_id, time.map(|time| time.min(LONGEST)), edu).await?)
    }

    /// m.typing of another server to whom the room listens. One about a user who is not its own is ignored.
    pub async fn receive_typing(&self, origin: &ServerName, content: TypingContent) -> Result<(), StoreError> {
        let mut db = self.store.read().await?;
        let (Some(room), Some(user)) = (db.room_sn(&content.room_id).await?, db.user_sn(&content.user_id).await?)
        else {
            return Ok(());
        };
        if content.user_id.server_name() != origin || !db.may_be_joined(room, user).await? {
            return Ok(());
        }
        drop(db);
        self.change_typing(room, user, &content.user_id, content.typing.then_some(REMOTE), None).await
    }

    async fn change_typing(
        &self,
        room: RoomSn,
        user: UserSn,
        user_id: &UserId,
        time: Option<Duration>,
        edu: Option<(String, String)>,
    ) -> Result<(), StoreError> {
        let until = time.map(|time| self.clock.now_ms().saturating_add(i64::try_from(time.as_millis()).unwrap_or(0)));
        let was = self.typing.is_typing(room, user);
        if was && let Some(until) = until {
            self.typing.extend(room, user, until);
        }
        let changed = was != until.is_some();
        if changed || (edu.is_some() && until.is_some()) {
            let (typing, user_id) = (self.typing.clone(), user_id.to_owned());
            self.store
                .write(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        if let Some((key, edu)) = edu {
                            for server in tx.joined_servers(room).await? {
                                tx.owe_passing_edu(server, &key, &edu, REMOTE).await?;
                            }
                        }
                        if changed {
                            let position = tx.next_position();
                            typing.set(room, user, &user_id, until, position);
                            wake_members(tx, room).await?;
                        }
                        Ok::<_, StoreError>(())
                    })
                })
                .await?;
        }
        if let Some(time) = time {
            self.end_typing_after(room, user, user_id.to_owned(), time);
        }
        Ok(())
    }

    /// Takes the user off the list when the time is over, unless it was extended meanwhile.
    fn end_typing_after(&self, room: RoomSn, user: UserSn, user_id: OwnedUserId, time: Duration) {
        let this = self.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            this.typing.1.lock().unwrap_or_else(PoisonError::into_inner).remove(&(room, user));
            if this.typing.is_over(room, user, this.clock.now_ms()) {
                let ended: Result<(), StoreError> =
                    Box::pin(this.change_typing(room, user, &user_id, None, None)).await;
                if let Err(error) = ended {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "A user could not be taken off a typing list."
                    );
                }
            }
        });
        let mut timers = self.typing.1.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = timers.insert((room, user), timer.abort_handle()) {
            earlier.abort();
        }
    }
}
