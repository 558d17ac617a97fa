//! A server that lies: some of its answers are the test's, and it sends events that no honest server would make.

use http::StatusCode;
use ruma::{
    CanonicalJsonObject, EventId, OwnedEventId, OwnedRoomId, RoomId, RoomVersionId, UserId, events::TimelineEventType,
};
use serde_json::{Value, json};

use crate::{
    domain::{
        events::{
            auth::needed_state,
            build::{Draft, Place, sign, unsigned},
        },
        rooms::create::Preset,
    },
    store::Membership,
    testing::{FakeNetwork, Lies},
};

use super::{
    running::{Running, running},
    send, signed, transaction,
};

pub struct Liar {
    pub running: Running,
    network: FakeNetwork,
    lies: Lies,
}

/// An event as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Crafted {
    pub event_id: OwnedEventId,
    pub json: Value,
}

/// What an event says and on which events it rests.
pub struct Craft<'a> {
    pub kind: &'a str,
    pub state_key: Option<&'a str>,
    pub content: Value,
    pub prev_events: Vec<OwnedEventId>,
    /// Beside those that the room's rules ask for.
    pub auth_events: Vec<OwnedEventId>,
}

impl<'a> Craft<'a> {
    pub fn message(body: &str, prev_events: &[OwnedEventId]) -> Self {
        Self {
            kind: "m.room.message",
            state_key: None,
            content: json!({"msgtype": "m.text", "body": body}),
            prev_events: prev_events.to_vec(),
            auth_events: Vec::new(),
        }
    }

    pub fn state(kind: &'a str, state_key: &'a str, content: Value, prev_events: &[OwnedEventId]) -> Self {
        Self { kind, state_key: Some(state_key), content, prev_events: prev_events.to_vec(), auth_events: Vec::new() }
    }
}

/// A room of `one` that the liar has come into.
pub async fn shared_room(one: &Running, evil: &Liar, version: RoomVersionId) -> OwnedRoomId {
    let room_id = one.make_room(Preset::PublicChat, version).await;
    evil.running.join(&room_id, one).await.unwrap();
    one.sees(&room_id, &evil.running.user, Membership::Join).await;
    room_id
}

impl Liar {
    pub async fn new(name: &str, network: &FakeNetwork) -> Self {
        let running = running(name, network).await;
        let lies = Lies::default();
        network.attach(running.home.name(), lies.router(running.home.parts.clone()));
        Self { running, network: network.clone(), lies }
    }

    /// Answers requests whose path contains `part` with this from now on; null is "not found", a number an error of its own.
    pub fn lies(&self, part: &'static str, answer: Value) {
        self.lies.tell(part, answer);
    }

    /// The same with the text that a function of path, query and body makes.
    pub fn lies_by(&self, part: &'static str, answer: impl Fn(&str, &Value) -> String + Send + Sync + 'static) {
        self.lies.tell_by(part, answer);
    }

    /// From now on it answers honestly.
    pub fn repents(&self) {
        self.lies.end();
    }

    /// An event of its store.
    pub async fn stored(&self, event_id: &EventId) -> Crafted {
        let event = self.running.home.parts.store.read().await.unwrap().event(event_id).await.unwrap().unwrap();
        Crafted { event_id: event.event_id, json: serde_json::from_str(&event.json).unwrap() }
    }

    pub async fn stored_state(&self, room_id: &OwnedRoomId, kind: &str) -> Value {
        self.stored(&self.running.state(room_id, kind, "").await.unwrap()).await.json
    }

    pub async fn stored_states(&self, room_id: &RoomId) -> Vec<Value> {
        let mut state = Vec::new();
        for event_id in self.state_without(room_id, &[]).await {
            state.push(self.stored(&event_id).await.json);
        }
        state
    }

    /// Its user joins a room of `to` by hand; answers the room's state.
    pub async fn joins(&self, to: &Running, room_id: &RoomId, omit_members: bool) -> (StatusCode, Value) {
        let user = &self.running.user.user_id;
        let path = format!("/_matrix/federation/v1/make_join/{room_id}/{user}?ver=11");
        let (_, template) = self.asks(to, "GET", &path, None).await;
        let mut event = template["event"].clone();
        event["origin_server_ts"] = json!(self.running.home.parts.clock.now_ms());
        let join = self.signs(event, &RoomVersionId::V11);
        let path = format!("/_matrix/federation/v2/send_join/{room_id}/{}?omit_members={omit_members}", join.event_id);
        self.asks(to, "PUT", &path, Some(&join.json)).await
    }

    /// The ends of a room's graph as this server has them.
    pub async fn ends(&self, room_id: &RoomId) -> Vec<OwnedEventId> {
        let mut db = self.running.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        let ends = db.forward_extremities(room).await.unwrap();
        ends.into_iter().map(|(_, id, _)| id.try_into().unwrap()).collect()
    }

    /// The ids of a room's state events as this server has them, but those of these types.
    pub async fn state_without(&self, room_id: &RoomId, kinds: &[&str]) -> Vec<OwnedEventId> {
        let mut db = self.running.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        let mut ids = Vec::new();
        for (key, event) in db.current_state_map(room).await.unwrap() {
            if !kinds.contains(&&*db.state_key(key).await.unwrap().0) {
                ids.push(db.event_id(event).await.unwrap());
            }
        }
        ids
    }

    /// An event of this server's user in a room that it is in, signed; it is stored nowhere.
    pub async fn craft(&self, room_id: &OwnedRoomId, craft: Craft<'_>) -> Crafted {
        let user = &self.running.user.user_id;
        let mut db = self.running.home.parts.store.read().await.unwrap();
        let room = db.room_by_id(room_id).await.unwrap().unwrap();
        let rules = room.version.rules().unwrap();
        let kind = TimelineEventType::from(craft.kind);
        let content: CanonicalJsonObject = serde_json::from_value(craft.content).unwrap();
        let needed = needed_state(&rules, &kind, user, craft.state_key, &content).unwrap();
        let hidden_create = rules.authorization.room_create_event_id_as_room_id;
        let needed: Vec<(String, String)> = needed
            .into_iter()
            .map(|(kind, state_key)| (kind.to_string(), state_key))
            .filter(|(kind, _)| !(hidden_create && kind == "m.room.create"))
            .collect();
        let mut auth_events: Vec<OwnedEventId> = Vec::new();
        for (kind, state_key, event) in db.current_state_events(room.sn, &needed).await.unwrap() {
            let own = kind == "m.room.member" && state_key == user.as_str();
            if !(own && craft.auth_events.iter().any(|id| id.as_str() != event.event_id)) {
                auth_events.push(event.event_id);
            }
        }
        auth_events.extend(craft.auth_events);
        let depth = db.forward_extremities(room.sn).await.unwrap().first().map_or(1, |(_, _, depth)| depth + 1);
        drop(db);
        let draft = Draft {
            kind,
            sender: user.clone(),
            state_key: craft.state_key.map(ToOwned::to_owned),
            content,
            redacts: None,
            timestamp: self.running.home.parts.clock.now_ms(),
        };
        let place = Place { room_id: Some(room_id), prev_events: &craft.prev_events, auth_events: &auth_events, depth };
        let event = sign(unsigned(&draft, &place), &rules, self.running.home.name(), &self.running.home.identity);
        let event = event.unwrap();
        Crafted { event_id: event.event_id.clone(), json: serde_json::from_str(&event.json).unwrap() }
    }

    /// Any event as if it were this server's.
    pub fn signs(&self, mut json: Value, version: &RoomVersionId) -> Crafted {
        for field in ["signatures", "hashes"] {
            json.as_object_mut().unwrap().remove(field);
        }
        let object = serde_json::from_value(json).unwrap();
        let event = sign(object, &version.rules().unwrap(), self.running.home.name(), &self.running.home.identity);
        let event = event.unwrap();
        Crafted { event_id: event.event_id.clone(), json: serde_json::from_str(&event.json).unwrap() }
    }

    /// An invite for a user into any room of any version, signed.
    pub async fn invite(&self, room_id: &RoomId, version: &RoomVersionId, invited: &UserId) -> Crafted {
        let draft = Draft {
            kind: TimelineEventType::RoomMember,
            sender: self.running.user.user_id.clone(),
            state_key: Some(invited.to_string()),
            content: serde_json::from_value(json!({"membership": "invite"})).unwrap(),
            redacts: None,
            timestamp: self.running.home.parts.clock.now_ms(),
        };
        let place =
            Place { room_id: Some(room_id), prev_events: &[nobody_has()], auth_events: &[nobody_has()], depth: 9 };
        let rules = version.rules().unwrap();
        let event = sign(unsigned(&draft, &place), &rules, self.running.home.name(), &self.running.home.identity);
        let event = event.unwrap();
        Crafted { event_id: event.event_id.clone(), json: serde_json::from_str(&event.json).unwrap() }
    }

    /// Sends events in a transaction; answers the results.
    pub async fn sends(&self, to: &Running, events: &[&Crafted]) -> Value {
        static SENT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let txn_id = SENT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let pdus: Vec<Value> = events.iter().map(|event| event.json.clone()).collect();
        let body = transaction(self.running.home.name(), &pdus, 0);
        let path = format!("/_matrix/federation/v1/send/lie{txn_id}");
        let (status, answer) = self.asks(to, "PUT", &path, Some(&body)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["pdus"].clone()
    }

    /// Asks with a signature of its own.
    pub async fn asks(&self, to: &Running, method: &str, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        send(&self.network, to.home.name(), signed(&self.running.home, to.home.name(), method, path, body)).await
    }
}

/// The id of an event that does not exist.
pub fn nobody_has() -> OwnedEventId {
    EventId::parse("$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap()
}
