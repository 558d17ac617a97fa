//! Who types where, as sync tells it.

use matrix_sdk::Room;
use ruma::{OwnedUserId, RoomId, events::typing::SyncTypingEvent};
use tokio::sync::broadcast::error::RecvError;

use crate::{Result, Session, people, view::Typing};

impl Session {
    /// Tells the server that the person types, or stopped.
    pub async fn set_typing(&self, room_id: &str, typing: bool) -> Result<()> {
        Ok(self.room(room_id)?.typing_notice(typing).await?)
    }

    /// Who types in a room, now and at each change; runs until dropped.
    pub async fn follow_room_typing(&self, room_id: &str, mut tell: impl FnMut(Typing) + Send) -> Result<()> {
        let room = self.room_when_known(room_id).await?;
        let mut touched = self.touched();
        let mut last: Option<Vec<OwnedUserId>> = None;
        loop {
            let now = self.typing_in(room.room_id());
            if last.as_ref() != Some(&now) {
                tell(Typing { people: people_of(&room, &now).await });
                last = Some(now);
            }
            loop {
                match touched.recv().await {
                    Ok(id) if id == room.room_id() => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(()),
                }
            }
        }
    }

    pub(crate) fn typing_in(&self, room_id: &RoomId) -> Vec<OwnedUserId> {
        self.typing_map().lock().ok().and_then(|map| map.get(room_id).cloned()).unwrap_or_default()
    }

    pub(crate) fn follow_typing(&self) {
        let session = self.downgrade();
        self.client().add_event_handler(move |event: SyncTypingEvent, room: Room| {
            let session = session.clone();
            async move {
                let Some(session) = session.upgrade() else { return };
                let others =
                    event.content.user_ids.into_iter().filter(|id| id != session.user_id()).collect::<Vec<_>>();
                if let Ok(mut map) = session.typing_map().lock() {
                    if others.is_empty() {
                        map.remove(room.room_id());
                    } else {
                        map.insert(room.room_id().to_owned(), others);
                    }
                }
                session.touch(room.room_id().to_owned());
            }
        });
    }
}

async fn people_of(room: &Room, ids: &[OwnedUserId]) -> Vec<crate::view::Person> {
    let mut out = Vec::with_capacity(ids.len());
    for id in ids.iter().take(8) {
        out.push(people::in_room(room, id).await);
    }
    out
}
