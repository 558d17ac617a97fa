//! Events of calls: whatever a room says, and a media engine that does as it is told.

use std::{collections::BTreeSet, time::Duration};

use ruma::{OwnedRoomId, OwnedUserId, OwnedVoipId, RoomId, UserId};
use serde_json::Value;

use crate::{
    call::Person,
    calls::{CallKey, Calls, Output, RingPolicy, RoomEvent, Verdict},
    change::Change,
    engine::{Command, LocalMedia, Report},
    limits::CALLS,
    moment::Moment,
    signal::{Candidate, DescriptionKind, Streams},
    signalling::CallEvents,
};

/// A description that any other one fits.
const OURS: &str = "v=0\r\no=- 7 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
                    a=ice-ufrag:ours\r\na=sendrecv\r\n";
/// More than any honest event asks of an app, and far less than a flood.
const MOST_OUTPUTS: usize = 200;

/// A JSON array of what happens: `{"type", "content", "sender", "age"}` is an event of the room, `{"do"}` what the person does,
/// `{"wait"}` milliseconds that pass.
pub fn events(input: &[u8]) {
    let Ok(Value::Array(acts)) = serde_json::from_slice(input) else { return };
    let Ok(me) = OwnedUserId::try_from("@me:example.org") else { return };
    let Ok(room) = OwnedRoomId::try_from("!room:example.org") else { return };
    let mut next = 0;
    let new_id = move || {
        next += 1;
        OwnedVoipId::from(format!("id{next}"))
    };
    let mut account = Account {
        calls: Calls::new(me, CallEvents, new_id),
        room,
        now: Moment::default(),
        known: Vec::new(),
        open: BTreeSet::new(),
        reports: Vec::new(),
    };
    for act in acts.iter().take(500) {
        account.act(act);
    }
    account.end();
}

struct Account {
    calls: Calls,
    room: OwnedRoomId,
    now: Moment,
    known: Vec<CallKey>,
    open: BTreeSet<CallKey>,
    reports: Vec<(CallKey, Report)>,
}

struct Always;

impl RingPolicy for Always {
    fn judge(&self, _: &RoomId, _: &UserId, _: bool) -> Verdict {
        Verdict::Ring
    }
}

impl Account {
    fn act(&mut self, act: &Value) {
        let number = |name: &str| act.get(name).and_then(Value::as_u64).unwrap_or_default();
        if let Some(event_type) = act.get("type").and_then(Value::as_str) {
            let sender = act.get("sender").and_then(Value::as_str).unwrap_or("@them:example.org");
            let Ok(sender) = OwnedUserId::try_from(sender) else { return };
            let event = RoomEvent {
                room: self.room.clone(),
                sender,
                event_id: None,
                event_type: event_type.to_owned(),
                content: act.get("content").cloned().unwrap_or_default(),
                age: Duration::from_millis(number("age")),
            };
            let outputs = self.calls.sync(vec![event], &Always, self.now);
            self.take(outputs);
        }
        if let Some(word) = act.get("do").and_then(Value::as_str) {
            self.person(word);
        }
        self.now = self.now + Duration::from_millis(number("wait"));
        let outputs = self.calls.tick(self.now);
        self.take(outputs);
    }

    fn person(&mut self, word: &str) {
        if word == "place" {
            let placed = self.calls.place(self.room.clone(), None, LocalMedia::video(), self.now);
            if let Ok((_, outputs)) = placed {
                self.take(outputs);
            }
            return;
        }
        let person = match word {
            "accept" => Person::Accept(LocalMedia::voice()),
            "decline" => Person::Decline,
            "busy" => Person::SayBusy,
            "hold" => Person::Hold(true),
            "resume" => Person::Hold(false),
            "camera" => Person::Camera(true),
            "share" => Person::Share(true),
            _ => Person::HangUp,
        };
        if let Some(key) = self.known.last().cloned() {
            let outputs = self.calls.person(&key, person, self.now);
            self.take(outputs);
        }
    }

    fn take(&mut self, outputs: Vec<Output>) {
        assert!(outputs.len() <= MOST_OUTPUTS, "{} outputs at once", outputs.len());
        assert!(self.calls.iter().count() <= CALLS);
        for output in outputs {
            match output {
                Output::Engine { call, command } => self.command(call, command),
                Output::Show { call, change: Change::Ended(_) } => self.known.retain(|known| *known != call),
                Output::Show { call, .. } if !self.known.contains(&call) => self.known.push(call),
                Output::Send { content, .. } => {
                    assert!(serde_json::to_vec(&content).is_ok_and(|bytes| bytes.len() < 65_536))
                }
                Output::Show { .. } | Output::CannotJoin { .. } | Output::BrokenInvite { .. } => {}
            }
        }
        if let Some((call, report)) = self.reports.pop() {
            let outputs = self.calls.engine(&call, report, self.now);
            self.take(outputs);
        }
    }

    fn command(&mut self, call: CallKey, command: Command) {
        let described = |round, kind| Report::Described { round, kind, sdp: OURS.to_owned(), streams: Streams::new() };
        let report = match command {
            Command::Open { .. } => {
                assert!(self.open.insert(call), "opened twice");
                return;
            }
            Command::Close => {
                assert!(self.open.remove(&call), "closed twice");
                self.reports.retain(|(other, _)| *other != call);
                return;
            }
            Command::CreateOffer { round, .. } => described(round, DescriptionKind::Offer),
            Command::CreateAnswer { round } => described(round, DescriptionKind::Answer),
            Command::SetRemote { round, description } if description.sdp.contains("refuse") => {
                Report::DescriptionRefused { round }
            }
            Command::SetRemote { .. } => Report::Connected,
            Command::AddCandidates(_) => {
                let candidate = "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned();
                Report::Candidate(Candidate { candidate, mid: None, line: Some(0) })
            }
            Command::Rollback | Command::SetMedia(_) => return,
        };
        self.reports.insert(0, (call, report));
    }

    /// Every call ends when its person wants it to, and no engine outlives its call.
    fn end(&mut self) {
        let keys: Vec<CallKey> = self.calls.iter().map(|(key, _)| key.clone()).collect();
        for key in keys {
            let outputs = self.calls.person(&key, Person::HangUp, self.now);
            self.take(outputs);
        }
        assert_eq!(self.calls.iter().count(), 0, "a call that does not end");
        assert!(self.open.is_empty(), "an engine without a call");
        assert!(self.calls.next_deadline().is_none());
    }
}
