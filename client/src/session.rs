//! A signed-in client: opened with a store key, shared by every screen.

mod open;
mod register;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use matrix_sdk::{Client, Room, authentication::matrix::MatrixSession};
use matrix_sdk_ui::sync_service::SyncService;
use ruma::{EventId, OwnedRoomId, OwnedUserId, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, broadcast};
use zeroize::Zeroizing;

use crate::{
    ClientError, Result, ids,
    media::Media,
    notifications::{Notification, Told},
    timeline::OpenTimelines,
};

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Homeserver {
    /// Our own, in this process or another of this machine.
    Socket(PathBuf),
    /// A URL, or a server name that is looked up.
    Address(String),
}

/// The client's databases: a folder and the 32-byte key that opens them. They are never deleted here, whatever happens to the key.
#[derive(Clone)]
pub struct Store {
    pub folder: PathBuf,
    pub key: Zeroizing<[u8; 32]>,
}

/// A new account on the server.
pub struct Registration {
    pub localpart: String,
    pub password: Zeroizing<String>,
    pub device_name: String,
    /// What `m.login.registration_token` asks for.
    pub token: Option<Zeroizing<String>>,
}

/// An account that exists.
pub struct SignIn {
    pub username: String,
    pub password: Zeroizing<String>,
    pub device_name: String,
}

/// What must be kept, sealed, to open the session again.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SavedSession(MatrixSession);

impl SavedSession {
    pub fn user_id(&self) -> &str {
        self.0.meta.user_id.as_str()
    }

    pub fn device_id(&self) -> &str {
        self.0.meta.device_id.as_str()
    }
}

/// A signed-in client; cheap to clone.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    sync: SyncService,
    user_id: OwnedUserId,
    timelines: OpenTimelines,
    media: Media,
    typing: std::sync::Mutex<HashMap<OwnedRoomId, Vec<OwnedUserId>>>,
    /// Rooms whose row must be drawn anew for reasons that the SDK does not tell: typing, drafts.
    touched: broadcast::Sender<OwnedRoomId>,
    notifications: broadcast::Sender<Notification>,
    told: Told,
    /// Direct chats made in this run: sync tells of them a moment later, and two answers to one link must not make two.
    direct_chats: Mutex<HashMap<OwnedUserId, OwnedRoomId>>,
}

impl Session {
    async fn assemble(client: Client) -> Result<Self> {
        let user_id = client.user_id().ok_or(ClientError::SignedOut)?.to_owned();
        client.event_cache().subscribe().map_err(ClientError::other)?;
        let sync = SyncService::builder(client.clone()).with_offline_mode().build().await?;
        client.send_queue().enable_upload_progress(true);
        client.send_queue().respawn_tasks_for_rooms_with_unsent_requests().await;
        let session = Self {
            inner: Arc::new(Inner {
                media: Media::new(client.clone()),
                client,
                sync,
                user_id,
                timelines: OpenTimelines::default(),
                typing: std::sync::Mutex::default(),
                touched: broadcast::Sender::new(256),
                notifications: broadcast::Sender::new(64),
                told: Told::default(),
                direct_chats: Mutex::default(),
            }),
        };
        session.follow_typing();
        session.follow_notifications().await;
        session.retry_sending();
        Ok(session)
    }

    pub fn saved(&self) -> Result<SavedSession> {
        self.client().matrix_auth().session().map(SavedSession).ok_or(ClientError::SignedOut)
    }

    pub fn user_id(&self) -> &UserId {
        &self.inner.user_id
    }

    pub fn device_id(&self) -> String {
        self.client().device_id().map(ToString::to_string).unwrap_or_default()
    }

    /// Pictures and files of the rooms, by the names that the view gives them.
    pub fn media(&self) -> &Media {
        &self.inner.media
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn sync_loop(&self) -> &SyncService {
        &self.inner.sync
    }

    pub(crate) fn timelines(&self) -> &OpenTimelines {
        &self.inner.timelines
    }

    pub(crate) fn touch(&self, room_id: OwnedRoomId) {
        // Nobody listens before the room list is open.
        let _ = self.inner.touched.send(room_id);
    }

    pub(crate) fn touched(&self) -> broadcast::Receiver<OwnedRoomId> {
        self.inner.touched.subscribe()
    }

    pub(crate) fn notification_sender(&self) -> &broadcast::Sender<Notification> {
        &self.inner.notifications
    }

    /// Whether a notification of this event was made before; it counts as made now.
    pub(crate) fn told_before(&self, event_id: &EventId) -> bool {
        self.inner.told.put(event_id)
    }

    pub(crate) fn typing_map(&self) -> &std::sync::Mutex<HashMap<OwnedRoomId, Vec<OwnedUserId>>> {
        &self.inner.typing
    }

    pub(crate) fn direct_chats(&self) -> &Mutex<HashMap<OwnedUserId, OwnedRoomId>> {
        &self.inner.direct_chats
    }

    /// A weak handle for event handlers, which live as long as the SDK's client: a strong one would be a circle.
    pub(crate) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.inner))
    }

    /// The room, as soon as sync has told of it: what was just made or joined elsewhere may be a moment away.
    pub(crate) async fn room_when_known(&self, room_id: &str) -> Result<Room> {
        let id = ids::room_id(room_id)?;
        let mut updates = self.client().room_info_notable_update_receiver();
        loop {
            if let Some(room) = self.client().get_room(&id) {
                return Ok(room);
            }
            if matches!(updates.recv().await, Err(broadcast::error::RecvError::Closed)) {
                return Err(ClientError::NotFound("the room"));
            }
        }
    }

    pub(crate) fn room(&self, room_id: &str) -> Result<Room> {
        self.client().get_room(&ids::room_id(room_id)?).ok_or(ClientError::NotFound("the room"))
    }
}

#[derive(Clone)]
pub(crate) struct WeakSession(std::sync::Weak<Inner>);

impl WeakSession {
    pub(crate) fn upgrade(&self) -> Option<Session> {
        self.0.upgrade().map(|inner| Session { inner })
    }
}
