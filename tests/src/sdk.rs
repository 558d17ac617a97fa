//! A user of matrix-sdk with end-to-end encryption: what our own client is built on, used here without it.

use anyhow::{Context, Result};
use matrix_sdk::{
    Client, Room,
    config::SyncSettings,
    encryption::EncryptionSettings,
    ruma::{
        EventId, OwnedEventId, OwnedRoomId, RoomId, UserId,
        api::client::room::create_room::v3::{Request as CreateRoom, RoomPreset},
        events::{
            AnySyncMessageLikeEvent, AnySyncTimelineEvent, InitialStateEvent, SyncMessageLikeEvent,
            room::{
                encryption::{InitialRoomEncryptionEvent, RoomEncryptionEventContent},
                message::RoomMessageEventContent,
            },
        },
    },
};
use tokio::time::{Instant, timeout_at};

use crate::{
    DEADLINE, install_tls,
    server::TestServer,
    user::{PASSWORD, TestUser},
};

/// A device with its own keys, in memory.
pub struct SdkUser {
    pub client: Client,
}

/// A message as it was read: its words, and whether it came encrypted.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub words: String,
    pub encrypted: bool,
}

impl SdkUser {
    /// Makes an account and signs in to it with the SDK.
    pub async fn register(server: &TestServer, name: &str) -> Result<Self> {
        TestUser::register(server, name).await?;
        Self::login(server, name).await
    }

    /// Signs in on a new device, with cross-signing set up when it is the first.
    pub async fn login(server: &TestServer, name: &str) -> Result<Self> {
        install_tls();
        let settings = EncryptionSettings { auto_enable_cross_signing: true, ..EncryptionSettings::default() };
        let builder = Client::builder().homeserver_url(server.client_url()?).with_encryption_settings(settings);
        let client = builder.build().await?;
        client.matrix_auth().login_username(name, PASSWORD).initial_device_display_name("sdk").send().await?;
        client.encryption().wait_for_e2ee_initialization_tasks().await;
        let user = Self { client };
        user.sync().await?;
        Ok(user)
    }

    pub fn id(&self) -> Result<&UserId> {
        self.client.user_id().context("signed in")
    }

    /// One /v3/sync, which also sends the keys that wait to be sent.
    pub async fn sync(&self) -> Result<()> {
        let settings = SyncSettings::default().timeout(std::time::Duration::from_millis(500));
        self.client.sync_once(settings).await.map(drop).map_err(Into::into)
    }

    /// Makes an encrypted room and invites the others.
    pub async fn make_room(&self, guests: &[&Self]) -> Result<Room> {
        let mut ask = CreateRoom::new();
        ask.preset = Some(RoomPreset::PrivateChat);
        ask.is_direct = guests.len() == 1;
        ask.invite = guests.iter().map(|guest| guest.id().map(ToOwned::to_owned)).collect::<Result<_>>()?;
        let encryption: InitialRoomEncryptionEvent =
            InitialStateEvent::with_empty_state_key(RoomEncryptionEventContent::with_recommended_defaults());
        ask.initial_state = vec![encryption.to_raw_any()];
        self.client.create_room(ask).await.map_err(Into::into)
    }

    /// Waits for an invite and accepts it.
    pub async fn join(&self, room: &RoomId) -> Result<Room> {
        self.until("an invite", async || Ok(self.client.get_room(room))).await?.join().await?;
        self.until("the joined room", async || {
            Ok(self.client.joined_rooms().into_iter().find(|joined| joined.room_id() == room))
        })
        .await
    }

    /// Waits until so many users have joined, as this device sees it.
    pub async fn sees_joined(&self, room: &RoomId, count: u64) -> Result<()> {
        self.until("the others to join", async || {
            Ok(self.client.get_room(room).filter(|room| room.joined_members_count() == count).map(drop))
        })
        .await
    }

    pub async fn say(&self, room: &RoomId, words: &str) -> Result<OwnedEventId> {
        let room = self.client.get_room(room).context("a room that this device knows")?;
        Ok(room.send(RoomMessageEventContent::text_plain(words)).await?.response.event_id)
    }

    /// Syncs until the event can be read.
    pub async fn reads(&self, room: &RoomId, event: &EventId) -> Result<Heard> {
        self.until("a message that can be read", async || {
            let Some(room) = self.client.get_room(room) else { return Ok(None) };
            // Not known here yet, or its key is still on its way: asked again after the next sync.
            let Ok(event) = room.event(event, None).await else { return Ok(None) };
            let encrypted = event.encryption_info().is_some();
            let AnySyncTimelineEvent::MessageLike(AnySyncMessageLikeEvent::RoomMessage(
                SyncMessageLikeEvent::Original(message),
            )) = event.raw().deserialize()?
            else {
                return Ok(None);
            };
            Ok(Some(Heard { words: message.content.body().to_owned(), encrypted }))
        })
        .await
    }

    /// Syncs until `find` finds something or the deadline passes.
    pub async fn until<T>(&self, what: &str, mut find: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let deadline = Instant::now() + DEADLINE;
        let looking = async {
            loop {
                if let Some(found) = find().await? {
                    return Ok(found);
                }
                self.sync().await?;
            }
        };
        timeout_at(deadline, looking)
            .await
            .with_context(|| format!("{:?} waited for {what} in vain", self.client.user_id()))?
    }

    pub fn rooms(&self) -> Vec<OwnedRoomId> {
        self.client.rooms().iter().map(|room| room.room_id().to_owned()).collect()
    }
}
