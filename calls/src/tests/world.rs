//! A room with sessions in it: what one sends reaches all, late, doubled, in any order or never, as the test says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{OwnedRoomId, OwnedUserId, OwnedVoipId, RoomId, UserId, events::MessageLikeEventContent as _};
use serde_json::Value;

use super::pretended::{Pretended, Traits};
use crate::{
    call::Person,
    calls::{CallKey, Calls, NotPlaced, Output, RingPolicy, RoomEvent, Verdict},
    change::{Cause, Change},
    engine::{Command, LocalMedia, Report},
    limits::CALLS,
    moment::Moment,
    signalling::CallEvents,
};

pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const BOBS_PHONE: usize = 2;

pub struct World {
    pub now: Moment,
    pub sessions: Vec<Session>,
    pub network: Network,
    in_flight: Vec<Flight>,
    /// Whether packets pass between the engines.
    pub path: bool,
    /// Fragments of a network that is gone: they never meet again.
    stale: BTreeSet<String>,
    events: u64,
    random: u64,
}

pub struct Session {
    pub user: OwnedUserId,
    pub calls: Calls,
    pub engines: BTreeMap<CallKey, Pretended>,
    pub traits: Traits,
    pub policy: Verdict,
    pub shown: Vec<(CallKey, Change)>,
    /// (type, content), in the order of sending.
    pub sent: Vec<(String, Value)>,
    pub notices: Vec<Output>,
    pub offline: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub delay: Duration,
    /// Added to the delay of each delivery, up to this: what reorders.
    pub jitter: Duration,
    pub loss: f64,
    pub doubling: f64,
}

struct Flight {
    at: Moment,
    to: usize,
    sent: Moment,
    event: RoomEvent,
}

impl RingPolicy for Verdict {
    fn judge(&self, _: &RoomId, _: &UserId, in_call: bool) -> Verdict {
        match self {
            Verdict::SayBusy if !in_call => Verdict::Ring,
            verdict => *verdict,
        }
    }
}

pub fn room() -> OwnedRoomId {
    "!room:example.org".try_into().unwrap()
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    /// Alice and Bob, one session each.
    pub fn two() -> Self {
        Self::of(&["@alice:example.org", "@bob:example.org"])
    }

    /// Alice, Bob, and Bob's phone.
    pub fn three() -> Self {
        Self::of(&["@alice:example.org", "@bob:example.org", "@bob:example.org"])
    }

    pub fn of(users: &[&str]) -> Self {
        let sessions = users.iter().enumerate().map(|(n, user)| Session::new(n, user)).collect();
        let network = Network { delay: ms(40), jitter: ms(0), loss: 0.0, doubling: 0.0 };
        let now = Moment::at(ms(1_000_000));
        Self {
            now,
            sessions,
            network,
            in_flight: Vec::new(),
            path: true,
            stale: BTreeSet::new(),
            events: 0,
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    pub fn seeded(mut self, seed: u64) -> Self {
        self.random ^= seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1;
        self
    }

    /// A number from 0 to 1, the same in every run.
    pub fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn place(&mut self, who: usize, media: LocalMedia) -> CallKey {
        let invitee = Some(self.sessions[1 - who.min(1)].user.clone());
        self.try_place(who, invitee, media).unwrap()
    }

    pub fn try_place(
        &mut self,
        who: usize,
        invitee: Option<OwnedUserId>,
        media: LocalMedia,
    ) -> Result<CallKey, NotPlaced> {
        let (key, outputs) = self.sessions[who].calls.place(room(), invitee, media, self.now)?;
        self.take(who, outputs);
        Ok(key)
    }

    pub fn person(&mut self, who: usize, person: Person) {
        let key = self.call_of(who);
        self.person_in(who, &key, person);
    }

    pub fn person_in(&mut self, who: usize, key: &CallKey, person: Person) {
        let outputs = self.sessions[who].calls.person(key, person, self.now);
        self.take(who, outputs);
    }

    pub fn report(&mut self, who: usize, report: Report) {
        let key = self.call_of(who);
        let outputs = self.sessions[who].calls.engine(&key, report, self.now);
        self.take(who, outputs);
    }

    /// The one call of a session.
    pub fn call_of(&self, who: usize) -> CallKey {
        let mut keys = self.sessions[who].calls.iter().map(|(key, _)| key.clone());
        let key = keys.next().expect("a call");
        assert_eq!(keys.next(), None, "one call");
        key
    }

    /// Something that a foreign app writes into the room; it reaches everyone like all else.
    pub fn write(&mut self, user: &str, event_type: &str, content: Value) {
        self.write_aged(user, event_type, content, Duration::ZERO);
    }

    pub fn write_aged(&mut self, user: &str, event_type: &str, content: Value, age: Duration) {
        self.events += 1;
        let event = RoomEvent {
            room: room(),
            sender: user.try_into().unwrap(),
            event_id: Some(format!("$event{}:example.org", self.events).try_into().unwrap()),
            event_type: event_type.to_owned(),
            content,
            age,
        };
        for to in 0..self.sessions.len() {
            let copies = 1 + usize::from(self.chance() < self.network.doubling);
            for _ in 0..copies {
                let late = self.network.jitter.mul_f64(self.chance());
                if self.chance() >= self.network.loss {
                    let at = self.now + self.network.delay + late;
                    self.in_flight.push(Flight { at, to, sent: self.now, event: event.clone() });
                }
            }
        }
    }

    /// What is connected loses its path for good; only a new ICE generation finds another.
    pub fn lose_addresses(&mut self) {
        let engines = self.sessions.iter().flat_map(|session| session.engines.values());
        self.stale.extend(engines.filter_map(|engine| engine.local_ufrag.clone()));
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.paths();
            let flights = self.in_flight.iter().filter(|flight| !self.sessions[flight.to].offline).map(|f| f.at);
            let reports = self.sessions.iter().flat_map(Session::reports_at);
            let deadlines = self.sessions.iter().filter_map(|session| session.calls.next_deadline());
            let Some(next) = flights.chain(reports).chain(deadlines).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.deliver();
            for who in 0..self.sessions.len() {
                self.reports(who);
                let outputs = self.sessions[who].calls.tick(self.now);
                self.take(who, outputs);
            }
        }
        self.now = end;
    }

    /// Everyone hangs up and time passes: nothing may be left.
    pub fn ends(mut self) {
        self.network = Network { delay: ms(40), jitter: ms(0), loss: 0.0, doubling: 0.0 };
        for who in 0..self.sessions.len() {
            self.sessions[who].offline = false;
            let keys: Vec<CallKey> = self.sessions[who].calls.iter().map(|(key, _)| key.clone()).collect();
            for key in keys {
                self.person_in(who, &key, Person::HangUp);
            }
        }
        self.run(Duration::from_secs(400));
        for session in &self.sessions {
            assert_eq!(session.calls.iter().count(), 0, "{}: a call without an end", session.user);
            assert!(session.engines.values().all(|engine| !engine.open), "{}: an engine left open", session.user);
            let ends =
                |key: &CallKey| session.shown.iter().filter(|(k, c)| k == key && matches!(c, Change::Ended(_))).count();
            for key in session.engines.keys() {
                assert_eq!(ends(key), 1, "{}: {:?}", session.user, session.changes());
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (sessions, mut due) = (&self.sessions, Vec::new());
        self.in_flight.retain_mut(|flight| {
            let here = flight.at <= now && !sessions[flight.to].offline;
            if here {
                let mut event = flight.event.clone();
                event.age += now.since(flight.sent);
                due.push((flight.at, flight.to, event));
            }
            !here
        });
        due.sort_by_key(|(at, _, _)| *at);
        for who in 0..self.sessions.len() {
            let batch: Vec<RoomEvent> =
                due.iter().filter(|(_, to, _)| *to == who).map(|(_, _, event)| event.clone()).collect();
            if !batch.is_empty() {
                let policy = self.sessions[who].policy;
                let outputs = self.sessions[who].calls.sync(batch, &policy, now);
                self.take(who, outputs);
            }
        }
    }

    fn reports(&mut self, who: usize) {
        let now = self.now;
        let mut due = Vec::new();
        for (key, engine) in &mut self.sessions[who].engines {
            engine.reports.sort_by_key(|(at, _)| *at);
            let many = engine.reports.iter().take_while(|(at, _)| *at <= now).count();
            due.extend(engine.reports.drain(..many).map(|(_, report)| (key.clone(), report)));
        }
        for (key, report) in due {
            let outputs = self.sessions[who].calls.engine(&key, report, now);
            self.take(who, outputs);
        }
    }

    /// Engines that know each other's descriptions and candidates find each other while packets pass.
    fn paths(&mut self) {
        let ends: Vec<(Option<String>, Option<String>)> = self
            .sessions
            .iter()
            .flat_map(|session| session.engines.values())
            .filter(|engine| engine.open && engine.remote_candidates > 0)
            .map(|engine| (engine.local_ufrag.clone(), engine.remote_ufrag.clone()))
            .collect();
        let (path, now) = (self.path, self.now);
        let stale = |ufrag: &Option<String>| ufrag.as_ref().is_some_and(|ufrag| self.stale.contains(ufrag));
        for engine in self.sessions.iter_mut().flat_map(|session| session.engines.values_mut()) {
            let pair = (engine.remote_ufrag.clone(), engine.local_ufrag.clone());
            let was = engine.connected;
            let possible = path && engine.open && !stale(&engine.local_ufrag) && !stale(&engine.remote_ufrag);
            let meets = possible && (was || engine.remote_candidates > 0 && ends.contains(&pair));
            engine.connected = meets;
            if meets && !was {
                engine.later(ms(20), Report::Connected, now);
            } else if was && !meets && engine.open {
                engine.later(ms(20), Report::Disconnected, now);
            }
        }
    }

    pub fn take(&mut self, who: usize, outputs: Vec<Output>) {
        assert!(self.sessions[who].calls.iter().count() <= CALLS);
        for output in outputs {
            match output {
                Output::Send { content, .. } => {
                    let json = serde_json::to_value(&content).unwrap();
                    assert!(json.to_string().len() < 60_000, "an event that no server takes");
                    let event_type = content.event_type().to_string();
                    self.sessions[who].sent.push((event_type.clone(), json.clone()));
                    let user = self.sessions[who].user.to_string();
                    self.write(&user, &event_type, json);
                }
                Output::Engine { call, command } => {
                    let session = &mut self.sessions[who];
                    if matches!(command, Command::Open { .. }) {
                        let name = format!("{}{who}x", &call.call_id.as_str());
                        let old = session.engines.insert(call.clone(), Pretended::new(name, session.traits.clone()));
                        assert!(old.is_none(), "an engine opened twice");
                    }
                    session.engines.get_mut(&call).expect("a command without an engine").command(command, self.now);
                }
                Output::Show { call, change } => {
                    let shown = &mut self.sessions[who].shown;
                    let over = shown.iter().any(|(key, change)| *key == call && matches!(change, Change::Ended(_)));
                    assert!(!over, "{change:?} after the end: {shown:?}");
                    shown.push((call, change));
                }
                notice @ (Output::CannotJoin { .. } | Output::BrokenInvite { .. }) => {
                    self.sessions[who].notices.push(notice);
                }
            }
        }
    }
}

impl Session {
    fn new(number: usize, user: &str) -> Self {
        let user: OwnedUserId = user.try_into().unwrap();
        let mut next = 0;
        let new_id = move || {
            next += 1;
            OwnedVoipId::from(format!("s{number}n{next}"))
        };
        Self {
            calls: Calls::new(user.clone(), CallEvents, new_id),
            user,
            engines: BTreeMap::new(),
            traits: Traits::default(),
            policy: Verdict::Ring,
            shown: Vec::new(),
            sent: Vec::new(),
            notices: Vec::new(),
            offline: false,
        }
    }

    fn reports_at(&self) -> impl Iterator<Item = Moment> {
        self.engines.values().flat_map(|engine| engine.reports.iter().map(|(at, _)| *at))
    }

    pub fn changes(&self) -> Vec<&Change> {
        self.shown.iter().map(|(_, change)| change).collect()
    }

    pub fn rang(&self) -> bool {
        self.shown.iter().any(|(_, change)| matches!(change, Change::Ringing { .. }))
    }

    pub fn connected(&self) -> bool {
        self.calls.iter().any(|(_, call)| call.is_connected())
    }

    /// The cause of the last end.
    pub fn ended(&self) -> Option<Cause> {
        let mut ends = self.shown.iter().filter_map(|(_, change)| match change {
            Change::Ended(cause) => Some(*cause),
            _ => None,
        });
        ends.next_back()
    }

    pub fn sent_types(&self) -> Vec<&str> {
        self.sent.iter().map(|(event_type, _)| event_type.trim_start_matches("m.call.")).collect()
    }

    pub fn sent_of(&self, event_type: &str) -> Vec<&Value> {
        self.sent.iter().filter(|(sent, _)| sent == event_type).map(|(_, content)| content).collect()
    }
}
