//! What passes: typing, receipts, presence. Of our users and, by EDUs, of others.

mod error;
pub mod presence;
pub mod receipts;
pub mod typing;

use ruma::OwnedServerName;

use crate::{
    clock::Clock,
    store::{RoomSn, ServerSn, Store, StoreError, Tx},
};

use self::{presence::PresenceMap, typing::TypingMap};

pub use self::error::EphemeralError;

/// Typing, receipts and presence. Cheap to clone.
#[derive(Clone)]
pub struct Ephemeral {
    store: Store,
    clock: Clock,
    server_name: OwnedServerName,
    /// Whether presence is exchanged with other servers.
    presence_over_federation: bool,
    typing: TypingMap,
    presence: PresenceMap,
}

impl Ephemeral {
    pub fn new(store: Store, clock: Clock, server_name: OwnedServerName, presence_over_federation: bool) -> Self {
        Self {
            store,
            clock,
            server_name,
            presence_over_federation,
            typing: TypingMap::default(),
            presence: PresenceMap::default(),
        }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Who is typing where.
    pub fn typing(&self) -> &TypingMap {
        &self.typing
    }

    /// Who is online.
    pub fn presence(&self) -> &PresenceMap {
        &self.presence
    }
}

/// Wakes the room's local members.
async fn wake_members(tx: &mut Tx, room: RoomSn) -> Result<(), StoreError> {
    for user in tx.local_joined_members(room).await? {
        tx.wake_user(user);
    }
    Ok(())
}

/// Owes an EDU to the other servers of the room.
async fn owe_to_room(tx: &mut Tx, room: RoomSn, coalesce_key: &str, edu: &str) -> Result<(), StoreError> {
    for server in tx.joined_servers(room).await? {
        if server != ServerSn::OURS {
            tx.owe_edu(server, coalesce_key, edu).await?;
        }
    }
    Ok(())
}
