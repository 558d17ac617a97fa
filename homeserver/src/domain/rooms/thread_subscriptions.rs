//! Following threads (MSC4306).

use ruma::EventId;

use crate::store::{Durability, RoomSn, StoreError, UserSn};

use super::Rooms;

/// How following a thread went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribed {
    Done,
    /// The event that made the client follow by itself is unknown.
    UnknownCause,
    /// It is not in the thread.
    NotInThread,
    /// The user ceased to follow the thread after that event.
    Conflicts,
}

impl Rooms {
    /// Follows a thread: the user asked for it, or a client does it because of an event in the thread.
    pub async fn subscribe_thread(
        &self,
        user: UserSn,
        room: RoomSn,
        root: &EventId,
        cause: Option<&EventId>,
    ) -> Result<Subscribed, StoreError> {
        let (root, cause) = (root.to_owned(), cause.map(ToOwned::to_owned));
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let known = tx.thread_subscription(user, room, &root).await?;
                    let mut automatic = false;
                    if let Some(cause) = &cause {
                        let Some(position) = tx.timeline_position(room, cause.as_str()).await? else {
                            return Ok(Subscribed::UnknownCause);
                        };
                        if tx.thread_of(cause.as_str()).await?.as_ref() != Some(&root) {
                            return Ok(Subscribed::NotInThread);
                        }
                        match &known {
                            Some(known) if known.subscribed => return Ok(Subscribed::Done),
                            Some(known) if position <= known.position => return Ok(Subscribed::Conflicts),
                            _ => automatic = true,
                        }
                    }
                    let same = known.is_some_and(|known| known.subscribed && known.automatic == automatic);
                    if !same {
                        tx.set_thread_subscription(user, room, &root, true, automatic).await?;
                    }
                    Ok(Subscribed::Done)
                })
            })
            .await
    }

    /// Follows a thread no longer.
    pub async fn unsubscribe_thread(&self, user: UserSn, room: RoomSn, root: &EventId) -> Result<(), StoreError> {
        let root = root.to_owned();
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let known = tx.thread_subscription(user, room, &root).await?;
                    if known.is_some_and(|known| known.subscribed) {
                        tx.set_thread_subscription(user, room, &root, false, false).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
