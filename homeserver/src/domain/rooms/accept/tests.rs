//! The same events in any order make the same state: random graphs, delivered to several servers in orders of their own.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use ruma::{
    CanonicalJsonObject, OwnedEventId, OwnedRoomId, RoomVersionId, UserId, events::TimelineEventType,
    room_version_rules::RoomVersionRules,
};
use serde_json::{Value, json};

use crate::{
    domain::{
        events::{
            Pdu,
            auth::needed_state,
            build::{Draft, Place, sign, unsigned},
        },
        rooms::{Acceptance, LocalUser, NewRoom, create::Preset, partial::Omitted},
    },
    store::{Durability, NewAccount, Standing, StateMap, StoreError},
    testing::{FakeNetwork, TestHome},
};

/// Events of one graph.
const EVENTS: usize = 24;
/// Servers that get them each in another order.
const SERVERS: usize = 3;

#[tokio::test]
async fn any_order_of_arrival_makes_the_same_state() {
    for (seed, version) in
        [RoomVersionId::V6, RoomVersionId::V10, RoomVersionId::V12].into_iter().cycle().take(9).enumerate()
    {
        let mut random = StdRng::seed_from_u64(u64::try_from(seed).unwrap());
        let network = FakeNetwork::default();
        let mut maker = Maker::new(&network, version).await;
        let base = maker.base().await;
        for _ in 0..EVENTS {
            maker.grow(&mut random).await;
        }
        let last = maker.tie(&mut random).await;
        let (state, rejected) = outcome(&maker.home, &last, &maker.nodes).await;
        assert!(!state.is_empty(), "seed {seed}");
        for n in 0..SERVERS {
            let other = TestHome::new(&format!("server{n}.example"), &network).await;
            // The last of them comes in without the members and hears of them in the end.
            let partial = n + 1 == SERVERS;
            maker.found(&other, &base, partial).await;
            let order = shuffled(&maker.nodes, &mut random);
            for node in &order {
                let event = maker.nodes[*node].pdu(&maker.rules);
                let fared = other.parts.rooms.accept_remote(&maker.room_id, event, None).await.unwrap();
                assert!(!matches!(fared, Acceptance::Missing { .. } | Acceptance::Known), "seed {seed}: {fared:?}");
            }
            if partial {
                let room = other.parts.store.read().await.unwrap().room_sn(&maker.room_id).await.unwrap().unwrap();
                let told: Vec<OwnedEventId> = base.state.iter().map(|json| maker.parse(json).event_id).collect();
                other.parts.rooms.complete(room, &told).await.unwrap();
            }
            let (theirs, theirs_rejected) = outcome(&other, &last, &maker.nodes).await;
            assert_eq!(theirs_rejected, rejected, "seed {seed}, order {order:?}");
            assert_eq!(theirs, state, "seed {seed}, order {order:?}");
        }
    }
}

struct Node {
    event_id: OwnedEventId,
    json: String,
    parents: Vec<usize>,
}

impl Node {
    fn pdu(&self, rules: &RoomVersionRules) -> Pdu {
        let object: CanonicalJsonObject = serde_json::from_str(&self.json).unwrap();
        Pdu::parse(&object, rules).unwrap()
    }
}

/// The room up to its last ordinary join, from which the graphs grow.
struct Base {
    join: String,
    state: Vec<String>,
    all: Vec<String>,
}

struct Maker {
    home: TestHome,
    users: Vec<LocalUser>,
    room_id: OwnedRoomId,
    version: RoomVersionId,
    rules: RoomVersionRules,
    nodes: Vec<Node>,
}

impl Maker {
    async fn new(network: &FakeNetwork, version: RoomVersionId) -> Self {
        let home = TestHome::new("maker.example", network).await;
        let mut users = Vec::new();
        for n in 0..5 {
            let user_id = UserId::parse(format!("@user{n}:maker.example")).unwrap();
            let id = user_id.clone();
            let added = home
                .parts
                .store
                .write::<_, StoreError, _>(Durability::Full, move |tx| {
                    Box::pin(async move { tx.add_account(&id, &NewAccount::default()).await })
                })
                .await;
            users.push(LocalUser { user: added.unwrap().unwrap(), user_id, device_id: "D".into() });
        }
        let new = NewRoom { preset: Preset::PublicChat, version: Some(version.clone()), ..NewRoom::default() };
        let room_id = home.parts.rooms.create(&users[0], new).await.unwrap();
        for user in &users[1..] {
            home.parts.rooms.join(user, &room_id, &[], None, CanonicalJsonObject::new()).await.unwrap();
        }
        let rules = version.rules().unwrap();
        let mut maker = Self { home, users, room_id, version, rules, nodes: Vec::new() };
        let mut db = maker.home.parts.store.read().await.unwrap();
        let room = db.room_sn(&maker.room_id).await.unwrap().unwrap();
        let end = db.forward_extremities(room).await.unwrap().remove(0).0;
        let join = db.event_by_sn(end).await.unwrap().unwrap();
        drop(db);
        maker.nodes.push(Node { event_id: join.event_id, json: join.json, parents: Vec::new() });
        maker
    }

    async fn base(&self) -> Base {
        let mut db = self.home.parts.store.read().await.unwrap();
        let join = db.event(&self.nodes[0].event_id).await.unwrap().unwrap();
        let mut state = Vec::new();
        for event in db.state(join.snapshot.unwrap()).await.unwrap().into_values() {
            state.push(db.event_by_sn(event).await.unwrap().unwrap().json);
        }
        let least = crate::store::Position(i64::MIN);
        let all = db.timeline_forwards(join.room, least, crate::store::Position(i64::MAX), 1000).await.unwrap();
        Base { join: join.json, state, all: all.into_iter().map(|event| event.json).collect() }
    }

    /// The base becomes known to another server.
    async fn found(&self, other: &TestHome, base: &Base, partial: bool) {
        let mut state: Vec<Pdu> = base.state.iter().map(|json| self.parse(json)).collect();
        let all = base.all.iter().map(|json| self.parse(json)).collect();
        let omitted = partial.then(|| Omitted::new(self.home.name(), Vec::new()));
        if partial {
            state.retain(|event| event.kind != TimelineEventType::RoomMember);
        }
        let join = self.parse(&base.join);
        other.parts.rooms.enter(&self.room_id, &self.version, join, state, all, omitted).await.unwrap();
    }

    fn parse(&self, json: &str) -> Pdu {
        let object: CanonicalJsonObject = serde_json::from_str(json).unwrap();
        Pdu::parse(&object, &self.rules).unwrap()
    }

    /// The state after an event, as the maker has it.
    async fn after(&self, node: usize) -> StateMap {
        let mut db = self.home.parts.store.read().await.unwrap();
        let event = db.event(&self.nodes[node].event_id).await.unwrap().unwrap();
        let mut state = db.state(event.snapshot.unwrap()).await.unwrap();
        if event.standing != Standing::Rejected
            && let Some(key) = event.key
        {
            state.insert(key, event.sn);
        }
        state
    }

    /// One more event after one or two of the newest.
    async fn grow(&mut self, random: &mut StdRng) {
        let newest = self.nodes.len().saturating_sub(6)..self.nodes.len();
        let mut parents = BTreeSet::from([random.random_range(newest.clone())]);
        if random.random_bool(0.3) {
            parents.insert(random.random_range(newest));
        }
        let parents: Vec<usize> = parents.into_iter().collect();
        let sender = self.users.choose(random).unwrap().user_id.clone();
        let target = self.users[1..].choose(random).unwrap().user_id.to_string();
        let member = |membership: &str| json!({"membership": membership});
        let (kind, state_key, content) = match random.random_range(0..8) {
            0 | 1 => {
                ("m.room.topic", String::new(), json!({"topic": format!("topic {}", random.random_range(0..1000))}))
            }
            2 => ("m.room.member", target, member("ban")),
            3 => ("m.room.member", target, member("leave")),
            4 => ("m.room.member", sender.to_string(), member("join")),
            5 => (
                "m.room.join_rules",
                String::new(),
                json!({"join_rule": (["public", "invite"])[random.random_range(0..2)]}),
            ),
            _ => ("m.room.power_levels", String::new(), self.levels(parents[0], &target, random).await),
        };
        self.add(random, parents, sender.to_string(), (kind, Some(state_key), content)).await;
    }

    /// An event after all ends.
    async fn tie(&mut self, random: &mut StdRng) -> OwnedEventId {
        let named: BTreeSet<usize> = self.nodes.iter().flat_map(|node| node.parents.clone()).collect();
        let ends: Vec<usize> = (0..self.nodes.len()).filter(|node| !named.contains(node)).collect();
        let parents = ends[ends.len().saturating_sub(20)..].to_vec();
        let sender = self.users[0].user_id.to_string();
        self.add(random, parents, sender, ("m.room.message", None, json!({"body": "all together"}))).await
    }

    async fn levels(&self, parent: usize, target: &str, random: &mut StdRng) -> Value {
        let state = self.after(parent).await;
        let mut db = self.home.parts.store.read().await.unwrap();
        let key = db.key_sn("m.room.power_levels", "").await.unwrap().unwrap();
        let event = db.event_by_sn(state[&key]).await.unwrap().unwrap();
        let mut content = serde_json::from_str::<Value>(&event.json).unwrap()["content"].clone();
        content["users"][target] = json!([0, 50, 100][random.random_range(0..3)]);
        content
    }

    async fn add(
        &mut self,
        random: &mut StdRng,
        parents: Vec<usize>,
        sender: String,
        (kind, state_key, content): (&str, Option<String>, Value),
    ) -> OwnedEventId {
        let kind = TimelineEventType::from(kind);
        let sender = UserId::parse(&sender).unwrap();
        let content: CanonicalJsonObject = serde_json::from_value(content).unwrap();
        let state = self.after(parents[0]).await;
        let needed = needed_state(&self.rules, &kind, &sender, state_key.as_deref(), &content).unwrap();
        let mut auth_events = Vec::new();
        let mut db = self.home.parts.store.read().await.unwrap();
        for (kind, state_key) in needed {
            let hidden =
                self.rules.authorization.room_create_event_id_as_room_id && kind.to_string() == "m.room.create";
            if let Some(key) = db.key_sn(&kind.to_string(), &state_key).await.unwrap()
                && let Some(event) = state.get(&key).filter(|_| !hidden)
            {
                auth_events.push(db.event_id(*event).await.unwrap());
            }
        }
        drop(db);
        let prev_events: Vec<OwnedEventId> =
            parents.iter().map(|parent| self.nodes[*parent].event_id.clone()).collect();
        let depth = i64::try_from(self.nodes.len()).unwrap() + 20;
        let timestamp = 1_700_000_000_000 + random.random_range(0..5_i64);
        let draft = Draft { kind, sender, state_key, content, redacts: None, timestamp };
        let place = Place { room_id: Some(&self.room_id), prev_events: &prev_events, auth_events: &auth_events, depth };
        let event = sign(unsigned(&draft, &place), &self.rules, self.home.name(), &self.home.identity).unwrap();
        let node = Node { event_id: event.event_id.clone(), json: event.json.clone(), parents };
        let fared = self.home.parts.rooms.accept_remote(&self.room_id, event, None).await.unwrap();
        assert!(!matches!(fared, Acceptance::Missing { .. }), "{fared:?}");
        let event_id = node.event_id.clone();
        if fared != Acceptance::Known {
            self.nodes.push(node);
        }
        event_id
    }
}

/// The state before an event, in words, and which events were rejected.
async fn outcome(
    home: &TestHome,
    last: &OwnedEventId,
    nodes: &[Node],
) -> (BTreeMap<(String, String), OwnedEventId>, BTreeSet<OwnedEventId>) {
    let mut db = home.parts.store.read().await.unwrap();
    let snapshot = db.event(last).await.unwrap().unwrap().snapshot.unwrap();
    let mut state = BTreeMap::new();
    for (key, event) in db.state(snapshot).await.unwrap() {
        state.insert(db.state_key(key).await.unwrap(), db.event_id(event).await.unwrap());
    }
    let mut rejected = BTreeSet::new();
    for node in nodes {
        if db.event(&node.event_id).await.unwrap().unwrap().standing == Standing::Rejected {
            rejected.insert(node.event_id.clone());
        }
    }
    (state, rejected)
}

/// Parents before children, else in any order; the base is there already.
fn shuffled(nodes: &[Node], random: &mut StdRng) -> Vec<usize> {
    let mut done = BTreeSet::from([0]);
    let mut order = Vec::new();
    while done.len() < nodes.len() {
        let ready: Vec<usize> = (0..nodes.len())
            .filter(|node| !done.contains(node) && nodes[*node].parents.iter().all(|parent| done.contains(parent)))
            .collect();
        let next = *ready.choose(random).unwrap();
        done.insert(next);
        order.push(next);
    }
    order
}
