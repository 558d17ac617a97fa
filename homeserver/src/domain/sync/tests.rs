//! Both syncs over real rooms: what each answer holds, what the next one adds.

mod sliding;
mod v3;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crypto::identity::ServerIdentity;
use ruma::{
    CanonicalJsonObject, OwnedEventId, OwnedRoomId,
    events::{TimelineEventType, receipt::ReceiptThread},
    owned_user_id, server_name,
};
use serde_json::Value;

use super::{Sync, Viewer};
use crate::{
    clock::Clock,
    domain::{
        appservices::Appservices,
        ephemeral::{Ephemeral, receipts::Marker},
        federation::Federation,
        notifier::Notifier,
        rooms::{LocalUser, NewMessage, NewRoom, Rooms},
    },
    store::{Durability, NewAccount, Store, StoreError},
};

/// A server with two users, without listeners.
struct Home {
    rooms: Rooms,
    ephemeral: Ephemeral,
    sync: Sync,
    store: Store,
    alice: LocalUser,
    bob: LocalUser,
    _folder: tempfile::TempDir,
}

impl Home {
    async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // Rooms made in the same millisecond would be one room: their ids are hashes of what made them.
        let now = AtomicI64::new(1_700_000_000_000);
        let clock = Clock::from_fn(move || now.fetch_add(1, Ordering::Relaxed));
        let name = server_name!("one.example").to_owned();
        let notifier = Notifier::default();
        let told = notifier.clone();
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path, &name, clock.clone(), move |commit| told.committed(commit)).await?;
        let identity = Arc::new(ServerIdentity::generate_for_domain()?);
        let federation = Federation::offline(identity, name.clone(), store.clone(), clock.clone());
        let appservices = Appservices::none(name.clone(), store.clone());
        let rooms = Rooms::new(store.clone(), clock.clone(), name.clone(), federation, appservices);
        let ephemeral = Ephemeral::new(store.clone(), clock.clone(), name, false);
        let sync = Sync::new(store.clone(), clock, notifier, ephemeral.clone(), rooms.clone());
        let mut users = Vec::new();
        for user_id in [owned_user_id!("@alice:one.example"), owned_user_id!("@bob:one.example")] {
            let id = user_id.clone();
            let user = store
                .write::<_, StoreError, _>(Durability::Full, move |tx| {
                    Box::pin(async move {
                        let new = NewAccount { password_hash: None, admin: false, guest: false };
                        let user = tx.add_account(&id, &new).await?.unwrap();
                        tx.add_device(user, "DEVICE".into(), None).await?;
                        Ok(user)
                    })
                })
                .await?;
            users.push(LocalUser { user, user_id, device_id: "DEVICE".into() });
        }
        let bob = users.pop().unwrap();
        let alice = users.pop().unwrap();
        Ok(Self { rooms, ephemeral, sync, store, alice, bob, _folder: folder })
    }

    async fn room(&self, name: &str) -> anyhow::Result<OwnedRoomId> {
        Ok(self.rooms.create(&self.alice, NewRoom { name: Some(name.to_owned()), ..NewRoom::default() }).await?)
    }

    /// A room with both.
    async fn shared_room(&self, name: &str) -> anyhow::Result<OwnedRoomId> {
        let room = self.room(name).await?;
        self.rooms.invite(&self.alice, &room, &self.bob.user_id, None, false).await?;
        self.rooms.join(&self.bob, &room, &[], None, CanonicalJsonObject::new()).await?;
        Ok(room)
    }

    async fn say(&self, from: &LocalUser, room: &OwnedRoomId, words: &str) -> anyhow::Result<OwnedEventId> {
        let fields = [("msgtype", "m.text"), ("body", words)];
        let content = fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into())).collect();
        Ok(self.rooms.send(from, message(room, TimelineEventType::RoomMessage, None, content)).await?)
    }

    async fn set_name(&self, room: &OwnedRoomId, name: &str) -> anyhow::Result<OwnedEventId> {
        let content = [("name".to_owned(), name.to_owned().into())].into();
        let state_key = Some(String::new());
        Ok(self.rooms.send(&self.alice, message(room, TimelineEventType::RoomName, state_key, content)).await?)
    }

    async fn read(&self, user: &LocalUser, room: &OwnedRoomId, event: &OwnedEventId) -> anyhow::Result<()> {
        let thread = ReceiptThread::Unthreaded;
        self.ephemeral.mark_read(user.user, &user.user_id, room, &[(Marker::Read, event)], &thread).await?;
        Ok(())
    }

    async fn typing(&self, user: &LocalUser, room: &OwnedRoomId, seconds: u64) -> anyhow::Result<()> {
        let time = (seconds > 0).then(|| Duration::from_secs(seconds));
        self.ephemeral.set_typing(user.user, &user.user_id, room, time).await?;
        Ok(())
    }
}

fn message(
    room_id: &OwnedRoomId,
    kind: TimelineEventType,
    state_key: Option<String>,
    content: CanonicalJsonObject,
) -> NewMessage {
    NewMessage { room_id: room_id.clone(), kind, state_key, content, txn_id: None, redacts: None, timestamp: None }
}

fn viewer(user: &LocalUser) -> Viewer {
    Viewer { user: user.user, user_id: user.user_id.clone(), device_id: user.device_id.clone() }
}

/// The bodies of the messages in a list of events.
fn bodies(events: &Value) -> Vec<String> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
}

/// The types of events, sorted.
fn types(events: &Value) -> Vec<String> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut types: Vec<String> = events.iter().filter_map(|event| event["type"].as_str().map(str::to_owned)).collect();
    types.sort();
    types
}
