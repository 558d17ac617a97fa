//! Receipts and read markers.

use ruma::{
    EventId, RoomId, ServerName, UserId,
    api::federation::transactions::edu::{Edu, ReceiptContent, ReceiptData, ReceiptMap},
    events::receipt::{Receipt, ReceiptThread},
};
use serde_json::json;

use super::{Ephemeral, EphemeralError, owe_to_room, wake_members};
use crate::store::{Durability, Position, RoomSn, StoreError, Tx, UserSn};

/// The types of read markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Read,
    ReadPrivate,
    FullyRead,
}

impl Marker {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "m.read",
            Self::ReadPrivate => "m.read.private",
            Self::FullyRead => "m.fully_read",
        }
    }
}

/// A receipt about to be written.
struct NewReceipt {
    room: RoomSn,
    user: UserSn,
    receipt_type: &'static str,
    thread_id: String,
    event_id: String,
    data: String,
}

impl Ephemeral {
    /// A local user has read up to these events: all are checked before one is written. A marker that would go back is ignored.
    pub async fn mark_read(
        &self,
        user: UserSn,
        user_id: &UserId,
        room_id: &RoomId,
        markers: &[(Marker, &EventId)],
        thread: &ReceiptThread,
    ) -> Result<(), EphemeralError> {
        let mut db = self.store.read().await?;
        let Some(room) = db.room_sn(room_id).await? else { return Err(EphemeralError::NotInRoom) };
        if !db.sync_is_joined(room, user).await? {
            return Err(EphemeralError::NotInRoom);
        }
        let thread_id = thread.as_str().unwrap_or_default().to_owned();
        for (marker, event_id) in markers {
            if *marker == Marker::FullyRead && !thread_id.is_empty() {
                return Err(EphemeralError::ThreadedMarker);
            }
            if db.timeline_position(room, event_id.as_str()).await?.is_none() {
                return Err(EphemeralError::UnknownEvent);
            }
            check_thread(&mut db, event_id, &thread_id).await?;
        }
        drop(db);
        for (marker, event_id) in markers {
            match marker {
                Marker::FullyRead => self.set_fully_read(user, room, event_id).await?,
                Marker::Read | Marker::ReadPrivate => {
                    let public = *marker == Marker::Read;
                    let edu = public.then(|| self.edu(user_id, room_id, event_id, thread)).flatten();
                    let mut receipt = Receipt::new(self.clock.now());
                    receipt.thread = thread.clone();
                    let data = serde_json::to_string(&receipt).map_err(|_| StoreError::Damaged("a receipt"))?;
                    let new = NewReceipt {
                        room,
                        user,
                        receipt_type: marker.as_str(),
                        thread_id: thread_id.clone(),
                        event_id: event_id.to_string(),
                        data,
                    };
                    self.write_own(new, edu).await?;
                }
            }
        }
        Ok(())
    }

    /// What other servers are told of a public receipt, and the key under which a newer one takes its place.
    fn edu(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
        event_id: &EventId,
        thread: &ReceiptThread,
    ) -> Option<(String, String)> {
        let mut receipt = Receipt::new(self.clock.now());
        receipt.thread = thread.clone();
        let read = [(user_id.to_owned(), ReceiptData::new(receipt, vec![event_id.to_owned()]))].into();
        let edu = Edu::Receipt(ReceiptContent::new([(room_id.to_owned(), ReceiptMap::new(read))].into()));
        let key = format!("m.receipt/{room_id}/{user_id}/{}", thread.as_str().unwrap_or_default());
        Some((key, serde_json::to_string(&edu).ok()?))
    }

    async fn write_own(&self, new: NewReceipt, edu: Option<(String, String)>) -> Result<(), EphemeralError> {
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    if write(tx, &new, true).await?
                        && let Some((key, edu)) = edu
                    {
                        owe_to_room(tx, new.room, &key, &edu).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn set_fully_read(&self, user: UserSn, room: RoomSn, event_id: &EventId) -> Result<(), EphemeralError> {
        let content = json!({ "event_id": event_id }).to_string();
        let event_id = event_id.to_string();
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    if let Some(previous) =
                        tx.account_data(user, room, "m.fully_read").await?.as_deref().and_then(marked)
                        && goes_back(tx, room, &previous, &event_id).await?
                    {
                        return Ok(());
                    }
                    tx.set_account_data(user, room, "m.fully_read", &content).await?;
                    Ok(())
                })
            })
            .await
    }

    /// m.receipt of another server, of rooms that listen to it: only m.read, only of its own users who are in the room.
    pub async fn receive_receipts(&self, origin: &ServerName, content: ReceiptContent) -> Result<(), StoreError> {
        let mut new = Vec::new();
        let mut db = self.store.read().await?;
        for (room_id, map) in content.receipts {
            let Some(room) = db.room_sn(&room_id).await? else { continue };
            for (user_id, receipt) in map.read {
                let (Some(user), [event_id]) = (db.user_sn(&user_id).await?, receipt.event_ids.as_slice()) else {
                    continue;
                };
                if user_id.server_name() != origin || !db.may_be_joined(room, user).await? {
                    continue;
                }
                let thread_id = receipt.data.thread.as_str().unwrap_or_default().to_owned();
                // A thread that we do not know shows nowhere, and anybody can think of any number of them.
                if let Ok(root) = EventId::parse(&thread_id) {
                    if db.event_sn(&root).await?.is_none() {
                        continue;
                    }
                } else if !matches!(thread_id.as_str(), "" | "main") {
                    continue;
                }
                let Ok(data) = serde_json::to_string(&receipt.data) else { continue };
                new.push(NewReceipt {
                    room,
                    user,
                    receipt_type: "m.read",
                    thread_id,
                    event_id: event_id.to_string(),
                    data,
                });
            }
        }
        drop(db);
        if new.is_empty() {
            return Ok(());
        }
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move {
                    for receipt in &new {
                        write(tx, receipt, false).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Writes a receipt unless it would go back, and wakes who sees it. Answers whether it was written.
async fn write(tx: &mut Tx, new: &NewReceipt, local: bool) -> Result<bool, StoreError> {
    if let Some(previous) = tx.receipt(new.room, new.user, new.receipt_type, &new.thread_id).await?
        && goes_back(tx, new.room, previous.as_str(), &new.event_id).await?
    {
        return Ok(false);
    }
    tx.set_receipt(new.room, new.user, new.receipt_type, &new.thread_id, &new.event_id, &new.data).await?;
    if local && let Some(position) = tx.timeline_position(new.room, &new.event_id).await? {
        tx.prune_notifications(new.user, new.room, position).await?;
    }
    if local {
        tx.wake_pushers(new.user);
    }
    if new.receipt_type == "m.read" {
        wake_members(tx, new.room).await?;
    } else {
        tx.wake_user(new.user);
    }
    Ok(true)
}

/// Whether `event_id` is `previous` or stands before it. An event that we do not know goes nowhere, so it is taken.
async fn goes_back(tx: &mut Tx, room: RoomSn, previous: &str, event_id: &str) -> Result<bool, StoreError> {
    if previous == event_id {
        return Ok(true);
    }
    let (was, is): (Option<Position>, Option<Position>) =
        (tx.timeline_position(room, previous).await?, tx.timeline_position(room, event_id).await?);
    Ok(matches!((was, is), (Some(was), Some(is)) if is <= was))
}

/// A receipt with a thread must be about an event of that thread; its root belongs to it and to `main`.
async fn check_thread(db: &mut crate::store::Db, event_id: &EventId, thread_id: &str) -> Result<(), EphemeralError> {
    if thread_id.is_empty() || thread_id == event_id.as_str() {
        return Ok(());
    }
    let thread = db.thread_of(event_id.as_str()).await?;
    let fits = match &thread {
        Some(root) => root.as_str() == thread_id,
        None => thread_id == "main",
    };
    if fits { Ok(()) } else { Err(EphemeralError::OtherThread(thread_id.to_owned())) }
}

/// The event that a fully read marker's content names.
fn marked(content: &str) -> Option<String> {
    let content: serde_json::Value = serde_json::from_str(content).ok()?;
    Some(content.get("event_id")?.as_str()?.to_owned())
}
