//! Doors of federation: two servers that share rooms, in the name of one of which any bytes are sent to the other.
//!
//! They fail when the server panics or takes the blame, and when what it holds afterwards is not what the sender may say.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use crypto::ServerIdentity;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedRoomId, RoomId, RoomVersionId, UserId,
    signatures::reference_hash,
};
use serde_json::{Value, json, value::to_raw_value};
use tokio::runtime::Runtime;

use super::halves;
use crate::{
    api::testing::Server,
    config::Config,
    domain::{
        events::{Pdu, versions},
        federation::{Limits, Transport as _},
    },
    net::resolve::{Authority, read_answer},
    store::Position,
    testing::{FakeNetwork, TestHome, signed_bytes},
};

/// Nothing that one server sends may keep another busy for longer.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits { deadline: PATIENCE, body: 1 << 24 };
/// Events of one input.
const EVENTS: usize = 8;

/// The servers `one.example`, which is tried, and `two.example`, which both have a user.
pub struct Neighbours {
    runtime: Runtime,
    network: FakeNetwork,
    one: Home,
    two: Home,
    shared: Mutex<HashMap<RoomVersionId, Shared>>,
    sent: AtomicU32,
}

struct Home {
    home: TestHome,
    client: Server,
    token: String,
    user_id: String,
}

/// A room of `one` that `two` may speak in, and change nothing.
#[derive(Clone)]
struct Shared {
    room_id: OwnedRoomId,
    state: BTreeMap<(String, String), OwnedEventId>,
}

impl Home {
    async fn new(name: &str, network: &FakeNetwork) -> anyhow::Result<Self> {
        let config = Config { rate_limits: false, ..Config::default() };
        let home = TestHome::with_config(name, ServerIdentity::generate_for_domain()?, network, config).await;
        let client = Server::over(home.parts.clone());
        let token = client.user("user").await?;
        Ok(Self { home, client, token, user_id: format!("@user:{name}") })
    }
}

impl Neighbours {
    pub fn open() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let network = FakeNetwork::default();
        let one = runtime.block_on(Home::new("one.example", &network))?;
        let two = runtime.block_on(Home::new("two.example", &network))?;
        Ok(Self { runtime, network, one, two, shared: Mutex::default(), sent: AtomicU32::new(0) })
    }

    /// The header of a request. `{key}` and `{sig}` in it stand for what makes it valid.
    pub fn x_matrix(&self, input: &[u8]) -> anyhow::Result<()> {
        self.within(async {
            let body = json!({"origin": self.two.home.name(), "origin_server_ts": 5, "pdus": [], "edus": []});
            let (mut request, [key, sig]) = self.request(Bytes::from(body.to_string()));
            let text = String::from_utf8_lossy(input);
            let may_pass = text.contains("{sig}");
            let text = text.replace("{key}", &key).replace("{sig}", &sig);
            let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else { return Ok(()) };
            request.headers_mut().insert(header::AUTHORIZATION, value);
            let before = self.one.home.parts.store.read().await?.test_row_counts().await?;
            let (status, answer) = self.send(request).await?;
            if status == StatusCode::OK {
                ensure!(may_pass, "it passed without a signature");
                return Ok(());
            }
            ensure!(status.is_client_error() && answer["errcode"].is_string(), "{status} {answer}");
            let after = self.one.home.parts.store.read().await?.test_row_counts().await?;
            ensure!(before == after, "a request that was refused left something behind");
            Ok(())
        })
    }

    /// The body of a transaction; its events are signed where they are not. Names as in [`Self::pdus`] stand for those of a room of
    /// the newest version.
    pub fn transaction(&self, input: &[u8]) -> anyhow::Result<()> {
        self.within(async {
            let version = versions::DEFAULT;
            let shared = self.shared_room(&version).await?;
            let text = self.named(&String::from_utf8_lossy(input), &shared).await?;
            let body = match serde_json::from_str::<Value>(&text) {
                Ok(mut body) => {
                    for pdu in body["pdus"].as_array_mut().into_iter().flatten() {
                        if let Some(signed) = self.signed(pdu.clone(), &version) {
                            *pdu = signed;
                        }
                    }
                    body.to_string()
                }
                Err(_) => text,
            };
            let (request, _) = self.request(Bytes::from(body));
            self.send(request).await?;
            self.settles(&version, &shared).await?;
            self.spoke_for_itself().await
        })
    }

    /// A room version, and events, one a line, each signed where it is not. `{room}`, `{end}`, `{one}` (a user), `{device}` (theirs),
    /// `{two}` (the sender), and event types in braces stand for what the room has; `{prev}` for the event of the line before.
    pub fn pdus(&self, input: &[u8]) -> anyhow::Result<()> {
        self.within(async {
            let (version, events) = halves(input);
            let Ok(version) = RoomVersionId::try_from(&*String::from_utf8_lossy(version)) else { return Ok(()) };
            if versions::rules(&version).is_none() {
                return Ok(());
            }
            let made = versions::STABLE.contains(&version);
            let shared = self.shared_room(if made { &version } else { &versions::DEFAULT }).await?;
            let mut previous = String::new();
            let mut pdus = Vec::new();
            for line in String::from_utf8_lossy(events).lines().take(EVENTS) {
                let text = self.named(&line.replace("{prev}", &previous), &shared).await?;
                let Ok(event) = serde_json::from_str::<Value>(&text) else { continue };
                let event = self.signed(event.clone(), &version).unwrap_or(event);
                if let Some(event_id) = self.read(&event, &version).await? {
                    previous = event_id.to_string();
                }
                pdus.push(event);
            }
            if !made {
                return Ok(());
            }
            let body = json!({"origin": "two.example", "origin_server_ts": 5, "pdus": pdus, "edus": []});
            let (request, _) = self.request(Bytes::from(body.to_string()));
            let (status, answer) = self.send(request).await?;
            // What canonical JSON has no words for spoils the signature of the whole.
            let canonical = pdus.iter().all(|pdu| CanonicalJsonValue::try_from(pdu.clone()).is_ok());
            ensure!(status == StatusCode::OK || !canonical, "{status} {answer}");
            self.settles(&version, &shared).await
        })
    }

    /// An event that is read is the same when it is written and read again.
    async fn read(&self, event: &Value, version: &RoomVersionId) -> anyhow::Result<Option<OwnedEventId>> {
        let Some(rules) = versions::rules(version) else { return Ok(None) };
        let Ok(event) = self.one.home.parts.rooms.verified(&rules, &to_raw_value(event)?).await else {
            return Ok(None);
        };
        let object: CanonicalJsonObject = serde_json::from_str(&event.json)?;
        let again = Pdu::parse(&object, &rules)?;
        ensure!((&again.event_id, &again.json) == (&event.event_id, &event.json), "it is read in two ways");
        let redacted = ruma::canonical_json::redact(object, &rules.redaction, None)?;
        let id = format!("${}", reference_hash(&redacted, &rules)?);
        ensure!(id == event.event_id, "a redaction gives it another id");
        Ok(Some(event.event_id))
    }

    /// An event with what the second server would add to it; `None` when it has signatures, or is no event.
    fn signed(&self, mut event: Value, version: &RoomVersionId) -> Option<Value> {
        let fields = event.as_object_mut()?;
        if fields.contains_key("signatures") {
            return None;
        }
        fields.entry("origin_server_ts").or_insert(json!(self.two.home.parts.clock.now_ms()));
        let mut object: CanonicalJsonObject = serde_json::from_value(event).ok()?;
        let rules = versions::rules(version)?;
        self.two.home.parts.federation.keyring.hash_and_sign_event(&mut object, &rules.redaction).ok()?;
        serde_json::to_value(object).ok()
    }

    /// A text with the names that it uses.
    async fn named(&self, text: &str, shared: &Shared) -> anyhow::Result<String> {
        let mut db = self.one.home.parts.store.read().await?;
        let room = db.room_sn(&shared.room_id).await?.context("the room")?;
        let end = db.forward_extremities(room).await?.pop().map(|(_, event_id, _)| event_id).unwrap_or_default();
        drop(db);
        let device = self.one.client.get(&self.one.token, "/_matrix/client/v3/account/whoami").await?.ok()?;
        let mut text = text
            .replace("{room}", shared.room_id.as_str())
            .replace("{end}", &end)
            .replace("{one}", &self.one.user_id)
            .replace("{two}", &self.two.user_id)
            .replace("{device}", device["device_id"].as_str().unwrap_or_default());
        let own = (String::from("m.room.member"), self.two.user_id.clone());
        for ((kind, state_key), event_id) in self.state(&shared.room_id).await? {
            if state_key.is_empty() || (&kind, &state_key) == (&own.0, &own.1) {
                text = text.replace(&format!("{{{kind}}}"), event_id.as_str());
            }
        }
        Ok(text)
    }

    /// Whatever was staged is worked on. The room is as it was, but for what its guest may do: come, go and ask others in.
    async fn settles(&self, version: &RoomVersionId, shared: &Shared) -> anyhow::Result<()> {
        self.one.home.parts.inbound.work_on_all().await?;
        let own = ("m.room.member".to_owned(), self.two.user_id.clone());
        let now = self.state(&shared.room_id).await?;
        for (key, event_id) in &shared.state {
            ensure!(*key == own || now.get(key) == Some(event_id), "{key:?} of the room was changed");
        }
        let mut db = self.one.home.parts.store.read().await?;
        for (key, event_id) in now.iter().filter(|(key, _)| **key != own && !shared.state.contains_key(*key)) {
            let event = db.event(event_id).await?.context("an event of the state")?;
            let sender = db.user_id(event.sender).await?;
            let invites = ["m.room.member", "m.room.third_party_invite"].contains(&key.0.as_str());
            ensure!(invites && sender == *self.two.user_id, "{key:?} was set by {sender}");
        }
        let room = db.room_sn(&shared.room_id).await?.context("the room")?;
        for event in db.timeline_backwards(room, Position(i64::MIN), Position(i64::MAX), 20).await? {
            let sender = db.user_id(event.sender).await?;
            ensure!([&*self.one.user_id, &*self.two.user_id].contains(&sender.as_str()), "{sender} did not say that");
        }
        let user = db.user_sn(&UserId::parse(&self.two.user_id)?).await?.context("the sender")?;
        let joined =
            db.member(room, user).await?.is_some_and(|member| member.membership == crate::store::Membership::Join);
        drop(db);
        // People can read what came.
        let messages = format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit=20", shared.room_id);
        self.one.client.get(&self.one.token, &messages).await?.ok()?;
        if !joined {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).remove(version);
        }
        Ok(())
    }

    /// What reaches the user beside rooms is only ever of the second server, or their own.
    async fn spoke_for_itself(&self) -> anyhow::Result<()> {
        let synced = self.one.client.get(&self.one.token, "/_matrix/client/v3/sync").await?.ok()?;
        let of_two = |user_id: &str| user_id.ends_with(":two.example");
        for event in synced["to_device"]["events"].as_array().into_iter().flatten() {
            ensure!(event["sender"].as_str().is_some_and(of_two), "a message to a device in another's name: {event}");
        }
        for event in synced["presence"]["events"].as_array().into_iter().flatten() {
            let sender = event["sender"].as_str().unwrap_or_default();
            ensure!(of_two(sender) || sender == self.one.user_id, "a presence in another's name: {event}");
        }
        for room in synced["rooms"]["join"].as_object().into_iter().flat_map(|rooms| rooms.values()) {
            for event in room["ephemeral"]["events"].as_array().into_iter().flatten() {
                let typing = event["content"]["user_ids"].as_array().into_iter().flatten();
                let typing = typing.filter_map(Value::as_str);
                let read = event["content"].as_object().into_iter().flat_map(|events| events.values());
                let read = read.filter_map(|kinds| kinds.as_object()).flat_map(|kinds| kinds.values());
                let read = read.filter_map(Value::as_object).flat_map(|users| users.keys()).map(String::as_str);
                ensure!(typing.chain(read).all(of_two), "in another's name: {event}");
            }
        }
        Ok(())
    }

    /// The room of this version that both are in; a new one where the second server has left.
    async fn shared_room(&self, version: &RoomVersionId) -> anyhow::Result<Shared> {
        if let Some(shared) = self.shared.lock().unwrap_or_else(PoisonError::into_inner).get(version) {
            return Ok(shared.clone());
        }
        let new = json!({"preset": "public_chat", "room_version": version, "name": "Garden"});
        let made = self.one.client.post(&self.one.token, "/_matrix/client/v3/createRoom", new).await?.ok()?;
        let room_id = RoomId::parse(made["room_id"].as_str().unwrap_or_default())?;
        let join = format!("/_matrix/client/v3/join/{room_id}?via=one.example");
        self.two.client.post(&self.two.token, &join, json!({})).await?.ok()?;
        let state = self.state(&room_id).await?;
        let shared = Shared { room_id, state };
        let mut known = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(version.clone(), shared.clone());
        Ok(shared)
    }

    async fn state(&self, room_id: &RoomId) -> anyhow::Result<BTreeMap<(String, String), OwnedEventId>> {
        let mut db = self.one.home.parts.store.read().await?;
        let room = db.room_sn(room_id).await?.context("the room")?;
        let mut state = BTreeMap::new();
        for (key, event) in db.current_state_map(room).await? {
            state.insert(db.state_key(key).await?, db.event_id(event).await?);
        }
        Ok(state)
    }

    /// A transaction of the second server.
    fn request(&self, body: Bytes) -> (Request<Bytes>, [String; 2]) {
        let path = format!("/_matrix/federation/v1/send/{}", self.sent.fetch_add(1, Ordering::Relaxed));
        signed_bytes(&self.two.home, self.one.home.name(), "PUT", &path, body)
    }

    async fn send(&self, request: Request<Bytes>) -> anyhow::Result<(StatusCode, Value)> {
        let response = self.network.send(self.one.home.name(), request, LIMITS).await?;
        let (status, body) = (response.status(), response.into_body());
        ensure!(!status.is_server_error(), "{status} {}", String::from_utf8_lossy(&body));
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn within(&self, tried: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, tried).await.context("it took too long")? })
    }
}

/// A `Cache-Control`, a line's end, and the body of a well-known answer: whoever it names can be written down and read again.
pub fn well_known(input: &[u8]) -> anyhow::Result<()> {
    let (cache, body) = halves(input);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(cache) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    let Ok(read) = read_answer(&headers, body) else { return Ok(()) };
    ensure!((60..=48 * 3600).contains(&read.lifetime.as_secs()), "{:?}", read.lifetime);
    let shown = read.server.to_string();
    ensure!(!shown.contains(['/', '@', '?', '#', '\\']) && !shown.contains(char::is_whitespace), "{shown:?}");
    let name = ruma::ServerName::parse(&shown)?;
    ensure!(Authority::of(&name).as_ref() == Some(&read.server), "{shown:?} is read in two ways");
    shown.parse::<http::uri::Authority>()?;
    Ok(())
}
