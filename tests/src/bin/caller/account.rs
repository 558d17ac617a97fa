//! The account of a caller: events of its rooms, and events into them, encrypted where the room is.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use calls::{CallKey, RoomEvent, peer::IceServer, signal::SignalKind, signalling::to_json};
use matrix_sdk::{
    Client, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::SyncSettings,
    ruma::{
        OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId,
        api::client::voip::get_turn_server_info,
        events::{AnyMessageLikeEventContent, MessageLikeEventContent as _},
        serde::Raw,
    },
};
use serde::Deserialize;
use serde_json::Value;
use tests::DEADLINE;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};

pub struct Account {
    client: Client,
    user: OwnedUserId,
    events: mpsc::Receiver<Result<Vec<RoomEvent>>>,
    /// Of the first sync, which was waited for.
    first: Option<Vec<RoomEvent>>,
    outbox: Option<mpsc::UnboundedSender<Outgoing>>,
    lost: Option<mpsc::UnboundedReceiver<Lost>>,
    sending: JoinHandle<()>,
    syncing: JoinHandle<()>,
}

/// An event on its way into the room of its call.
pub struct Outgoing {
    pub call: CallKey,
    pub kind: SignalKind,
    pub content: Box<AnyMessageLikeEventContent>,
}

/// What could not be sent.
pub struct Lost {
    pub call: CallKey,
    pub kind: SignalKind,
}

/// What the engine of calls wants to know of an event.
#[derive(Deserialize)]
struct Event {
    sender: OwnedUserId,
    event_id: Option<OwnedEventId>,
    #[serde(rename = "type")]
    event_type: String,
    content: Value,
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    age: Option<i64>,
}

impl Account {
    /// `text`: address, user id, access token and, unless the server is to be asked, the device, with commas between.
    pub async fn open(text: &str) -> Result<Self> {
        let mut parts = text.split(',');
        let (Some(address), Some(user), Some(token), device) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            anyhow::bail!("an account is given as URL,USER,TOKEN[,DEVICE]");
        };
        let user = UserId::parse(user)?;
        let client = Client::builder().homeserver_url(address).build().await?;
        let device = match device {
            Some(device) => device.into(),
            None => device_of(address, token).await?,
        };
        let tokens = SessionTokens { access_token: token.to_owned(), refresh_token: None };
        let meta = SessionMeta { user_id: user.clone(), device_id: device };
        client.restore_session(MatrixSession { meta, tokens }).await?;
        client.encryption().wait_for_e2ee_initialization_tasks().await;
        let (events_out, events) = mpsc::channel(16);
        let syncing = tokio::spawn(sync(client.clone(), events_out));
        let (outbox, inbox) = mpsc::unbounded_channel();
        let (losses, lost) = mpsc::unbounded_channel();
        let sending = tokio::spawn(send(client.clone(), inbox, losses));
        let mut account =
            Self { client, user, events, first: None, outbox: Some(outbox), lost: Some(lost), sending, syncing };
        account.first = Some(account.next_events().await?);
        Ok(account)
    }

    pub fn user(&self) -> &UserId {
        &self.user
    }

    pub fn sender(&self) -> mpsc::UnboundedSender<Outgoing> {
        // Gone only after `finish`, when nobody has an account to ask.
        self.outbox.clone().unwrap_or_else(|| mpsc::unbounded_channel().0)
    }

    /// Servers that the homeserver offers; none when it offers none.
    pub async fn turn_servers(&self) -> Vec<IceServer> {
        match self.client.send(get_turn_server_info::v3::Request::new()).await {
            Ok(offer) => vec![IceServer { uris: offer.uris, username: offer.username, password: offer.password }],
            Err(error) => {
                tracing::info!(%error, "no TURN server");
                Vec::new()
            }
        }
    }

    /// The events of the next sync, of all rooms.
    pub async fn next_events(&mut self) -> Result<Vec<RoomEvent>> {
        match self.first.take() {
            Some(first) => Ok(first),
            None => self.events.recv().await.context("the sync is over")?,
        }
    }

    /// What could not be sent, from now on; to be asked for once.
    pub fn losses(&mut self) -> mpsc::UnboundedReceiver<Lost> {
        self.lost.take().unwrap_or_else(|| mpsc::unbounded_channel().1)
    }

    /// The room once somebody else is in it, and that person when it is one.
    pub async fn other_of(&mut self, room: &str) -> Result<(OwnedRoomId, Option<OwnedUserId>)> {
        let room = RoomId::parse(room)?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(known) = self.client.get_room(&room).filter(|known| known.joined_members_count() >= 2) {
                let members = known.joined_user_ids().await?;
                let mut others = members.into_iter().filter(|member| *member != self.user);
                let (other, more) = (others.next(), others.next());
                return Ok((room, other.filter(|_| more.is_none())));
            }
            ensure!(Instant::now() < deadline, "nobody else is in {room}");
            self.next_events().await?;
        }
    }

    /// Comes back when everything is sent.
    pub async fn finish(&mut self) -> Result<()> {
        self.outbox = None;
        timeout(DEADLINE, &mut self.sending).await.context("the last events are not sent")??;
        self.syncing.abort();
        Ok(())
    }
}

async fn device_of(address: &str, token: &str) -> Result<OwnedDeviceId> {
    let url = reqwest::Url::parse(address)?.join("/_matrix/client/v3/account/whoami")?;
    let answer = reqwest::Client::builder().no_proxy().build()?.get(url).bearer_auth(token).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let device = answer.get("device_id").and_then(Value::as_str).context("a session with a device")?;
    Ok(device.into())
}

async fn sync(client: Client, out: mpsc::Sender<Result<Vec<RoomEvent>>>) {
    loop {
        let settings = SyncSettings::default().timeout(Duration::from_secs(10));
        let synced = client.sync_once(settings).await;
        let failed = synced.is_err();
        let events = synced.map(|answer| {
            let rooms = answer.rooms.joined.into_iter();
            rooms.flat_map(|(room, update)| {
                let events = update.timeline.events.into_iter();
                events.filter_map(move |event| read(room.clone(), event.raw()))
            })
        });
        let events = events.map(Iterator::collect).map_err(anyhow::Error::from);
        if out.send(events).await.is_err() || failed {
            return;
        }
    }
}

fn read<T>(room: OwnedRoomId, raw: &Raw<T>) -> Option<RoomEvent> {
    let Event { sender, event_id, event_type, content, unsigned } = serde_json::from_str(raw.json().get()).ok()?;
    let age = Duration::from_millis(unsigned.age.and_then(|age| u64::try_from(age).ok()).unwrap_or_default());
    Some(RoomEvent { room, sender, event_id, event_type, content, age })
}

/// One after the other: an answer must not overtake its invite.
async fn send(client: Client, mut inbox: mpsc::UnboundedReceiver<Outgoing>, losses: mpsc::UnboundedSender<Lost>) {
    while let Some(Outgoing { call, kind, content }) = inbox.recv().await {
        let sent = async {
            let room = client.get_room(&call.room).context("the room of the call")?;
            let value = to_json(&content)?;
            room.send_raw(&content.event_type().to_string(), value).await?;
            anyhow::Ok(())
        };
        if let Err(error) = sent.await {
            tracing::warn!(%error, "an event of a call was not sent");
            // Whoever ended cares no more.
            let _ = losses.send(Lost { call, kind });
        }
    }
}
