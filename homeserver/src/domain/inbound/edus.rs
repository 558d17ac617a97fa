//! EDUs of a transaction, handed to whoever knows their kind.

use futures_util::future::BoxFuture;
use ruma::{
    OwnedRoomId, RoomId,
    api::federation::transactions::edu::{Edu, TypingContent},
    serde::Raw,
};

use crate::{
    domain::{encryption::Encryption, ephemeral::Ephemeral, federation::Origin},
    store::StoreError,
};

use super::{Inbound, access::is_denied};

/// A part of the server that takes EDUs: encryption, typing and receipts.
///
/// It checks that the users named belong to the origin and ignores what makes no sense; only the store can fail it. What must survive a
/// crash is durable when it returns: the transaction is acknowledged then.
pub trait TakesEdus: Send + Sync + 'static {
    fn take<'a>(&'a self, origin: &'a Origin, edu: &'a Edu) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl TakesEdus for Encryption {
    fn take<'a>(&'a self, origin: &'a Origin, edu: &'a Edu) -> BoxFuture<'a, Result<(), StoreError>> {
        let name = &origin.server_name;
        Box::pin(async move {
            match edu {
                Edu::DeviceListUpdate(content) => self.receive_device_list_update(name, content.clone()).await,
                Edu::SigningKeyUpdate(content) => self.receive_signing_key_update(name, content.clone()).await,
                Edu::DirectToDevice(content) => self.receive_direct_to_device(name, content.clone()).await,
                _ => Ok(()),
            }
        })
    }
}

impl TakesEdus for Ephemeral {
    fn take<'a>(&'a self, origin: &'a Origin, edu: &'a Edu) -> BoxFuture<'a, Result<(), StoreError>> {
        let name = &origin.server_name;
        Box::pin(async move {
            match edu {
                Edu::Typing(content) => self.receive_typing(name, content.clone()).await,
                Edu::Receipt(content) => self.receive_receipts(name, content.clone()).await,
                Edu::Presence(content) => self.receive_presence(name, content.clone()).await,
                _ => Ok(()),
            }
        })
    }
}

impl Inbound {
    /// Hands out to-device messages or all the others.
    pub(super) async fn take_edus(
        &self,
        origin: &Origin,
        edus: &[Raw<Edu>],
        to_device: bool,
    ) -> Result<(), StoreError> {
        for raw in edus {
            let Ok(edu) = raw.deserialize() else {
                tracing::debug!(origin = %origin.server_name, "An EDU that cannot be read was ignored.");
                continue;
            };
            if matches!(edu, Edu::DirectToDevice(_)) != to_device {
                continue;
            }
            let Some(edu) = self.within_access_lists(origin, edu).await? else { continue };
            for part in &*self.edus {
                part.take(origin, &edu).await?;
            }
        }
        Ok(())
    }

    /// Access lists hold for typing and receipts too.
    async fn within_access_lists(&self, origin: &Origin, edu: Edu) -> Result<Option<Edu>, StoreError> {
        match edu {
            Edu::Typing(TypingContent { ref room_id, .. }) => {
                Ok(if self.is_kept_out(origin, room_id).await? { None } else { Some(edu) })
            }
            Edu::Receipt(mut content) => {
                let rooms: Vec<OwnedRoomId> = content.receipts.keys().cloned().collect();
                for room_id in rooms {
                    if self.is_kept_out(origin, &room_id).await? {
                        content.receipts.remove(&room_id);
                    }
                }
                Ok(Some(Edu::Receipt(content)))
            }
            other => Ok(Some(other)),
        }
    }

    /// Not in the room, or denied by its list.
    async fn is_kept_out(&self, origin: &Origin, room_id: &RoomId) -> Result<bool, StoreError> {
        let mut db = self.store.read().await?;
        let Some(room) = db.room_sn(room_id).await? else { return Ok(true) };
        Ok(!db.server_is_joined(room, origin.server).await? || is_denied(&mut db, room, &origin.server_name).await?)
    }
}
