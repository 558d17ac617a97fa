//! The one call of a caller: events, commands and time go into the state machine, and what comes out is done.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use calls::{
    CallKey, Calls, Cause, Change, LocalMedia, Moment, Output, Person, RoomEvent, Side,
    calls::{RingPolicy, Verdict},
    peer::{CallReport, Engine},
    signalling::CallEvents,
    statistics::Statistics,
};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId, VoipId, events::MessageLikeEventContent as _};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    account::{Lost, Outgoing},
    answer,
    screen::Screen,
};

pub struct Conversation {
    calls: Calls,
    engine: Option<Engine>,
    screen: Arc<Screen>,
    outbox: Option<mpsc::UnboundedSender<Outgoing>>,
    /// With what a call is accepted; None for one who calls.
    answers: Option<LocalMedia>,
    key: Option<CallKey>,
    media: LocalMedia,
    began: Instant,
    connected_at: Option<Instant>,
    statistics: Statistics,
    marks: BTreeMap<&'static str, u64>,
    log: Vec<Value>,
    held: bool,
    ended: Option<Cause>,
}

/// Whoever calls a test is welcome.
struct Everybody;

impl RingPolicy for Everybody {
    fn judge(&self, _: &RoomId, _: &UserId, _: bool) -> Verdict {
        Verdict::Ring
    }
}

impl Conversation {
    pub fn new(
        me: OwnedUserId,
        engine: Engine,
        screen: Arc<Screen>,
        outbox: mpsc::UnboundedSender<Outgoing>,
        answers: Option<LocalMedia>,
        began: Instant,
    ) -> Self {
        let mut conversation = Self {
            calls: Calls::new(me, CallEvents, VoipId::new),
            engine: Some(engine),
            screen,
            outbox: Some(outbox),
            answers,
            key: None,
            media: answers.unwrap_or_default(),
            began,
            connected_at: None,
            statistics: Statistics::default(),
            marks: BTreeMap::new(),
            log: Vec::new(),
            held: false,
            ended: None,
        };
        conversation.mark("synced");
        conversation
    }

    pub async fn place(&mut self, room: OwnedRoomId, invitee: Option<OwnedUserId>, media: LocalMedia) -> Result<()> {
        let placed = self.calls.place(room, invitee, media, self.now());
        match placed {
            Ok((key, outputs)) => {
                (self.key, self.media) = (Some(key), media);
                self.mark("placed");
                self.take(outputs);
                Ok(())
            }
            Err(why) => bail!("{why}"),
        }
    }

    pub async fn heard(&mut self, events: Vec<RoomEvent>) {
        let outputs = self.calls.sync(events, &Everybody, self.now());
        self.take(outputs);
    }

    pub async fn reported(&mut self, report: CallReport) {
        let outputs = self.calls.engine(&report.call, report.report, self.now());
        self.take(outputs);
    }

    pub async fn not_sent(&mut self, lost: &Lost) {
        let outputs = self.calls.not_sent(&lost.call, lost.kind, self.now());
        self.take(outputs);
    }

    /// When time itself asks for something.
    pub async fn due(&self) {
        match self.calls.next_deadline() {
            Some(deadline) => sleep_until(self.began + deadline.since(Moment::default())).await,
            None => pending().await,
        }
    }

    pub async fn tick(&mut self) {
        let outputs = self.calls.tick(self.now());
        self.take(outputs);
    }

    /// Looks how the call does, while it can be asked.
    pub async fn sample(&mut self) {
        let (Some(engine), Some(key)) = (&self.engine, &self.key) else { return };
        if let Some(statistics) = engine.statistics(key).await {
            self.statistics = statistics;
            if self.statistics.received.energy > 1e-3 {
                self.mark("firstSound");
            }
        }
        if self.screen.frames() > 0 {
            self.mark("firstFrame");
        }
    }

    pub fn is_heard_and_seen(&self) -> bool {
        self.marks.contains_key("firstSound") && self.marks.contains_key("firstFrame")
    }

    pub async fn hang_up(&mut self) {
        self.sample().await;
        if self.key.is_none() {
            self.ended = Some(Cause::HungUp { by: Side::Us });
        }
        self.person(Person::HangUp);
    }

    /// Does what a line of standard input says.
    pub async fn told(&mut self, line: &str) -> Value {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let on = rest == "on";
        match word {
            "stats" => {
                self.sample().await;
                return self.stats();
            }
            "look" => return answer::look(&self.screen, rest),
            "mute" => self.person(Person::Mute(on)),
            "camera" => self.person(Person::Camera(on)),
            "hold" => self.person(Person::Hold(on)),
            "hangup" => self.hang_up().await,
            _ => return json!({ "error": format!("nobody knows {word:?}") }),
        }
        json!({ "done": line.trim() })
    }

    /// When the first sync was over, in milliseconds since the start.
    pub fn synced(&self) -> Value {
        json!({ "synced": self.marks.get("synced") })
    }

    pub fn connected_at(&self) -> Option<Instant> {
        self.connected_at
    }

    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Closes devices, and lets the account see that nothing more is to be sent.
    pub fn close(&mut self) {
        (self.engine, self.outbox) = (None, None);
    }

    pub fn answer(&self) -> Value {
        json!({
            "marks": self.marks,
            "cause": self.ended.map(|cause| format!("{cause:?}")),
            "a": { "stats": self.stats(), "log": self.log },
        })
    }

    fn stats(&self) -> Value {
        let state = match (&self.key, self.ended, self.connected_at) {
            (_, Some(_), _) => "ended",
            (_, None, Some(_)) => "connected",
            (Some(_), None, None) => "connecting",
            (None, None, None) => "waiting",
        };
        let mut stats = answer::stats(&self.statistics, &self.screen);
        tests::user::field(&mut stats, "state", json!(state));
        tests::user::field(&mut stats, "heldByThem", json!(self.held));
        stats
    }

    fn person(&mut self, person: Person) {
        if let Some(key) = self.key.clone() {
            let outputs = self.calls.person(&key, person, self.now());
            self.take(outputs);
        }
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { call, kind, content } => {
                    self.note("sent", &content.event_type().to_string());
                    if let Some(outbox) = &self.outbox {
                        // Gone with the account, and then nothing can be sent.
                        let _ = outbox.send(Outgoing { call, kind, content });
                    }
                }
                Output::Engine { call, command } => {
                    if let Some(engine) = &mut self.engine {
                        engine.command(&call, command);
                    }
                }
                Output::Show { call, change } => self.show(call, change),
                Output::CannotJoin { room, .. } | Output::BrokenInvite { room, .. } => {
                    self.note("a call that is none", room.as_str());
                }
            }
        }
    }

    fn show(&mut self, call: CallKey, change: Change) {
        self.note("shown", &format!("{change:?}"));
        match change {
            Change::Ringing { .. } => {
                self.mark("ringing");
                if let (None, Some(media)) = (&self.key, self.answers) {
                    self.key = Some(call);
                    self.person(Person::Accept(media));
                    self.mark("answered");
                }
                return;
            }
            Change::ContinuedAs(other) if self.key.as_ref() == Some(&call) => {
                self.key = Some(CallKey { room: call.room, call_id: other });
                return;
            }
            _ => {}
        }
        if self.key.as_ref() != Some(&call) {
            return;
        }
        match change {
            Change::Calling { .. } => self.mark("invited"),
            Change::Connected => {
                self.mark("connected");
                self.connected_at.get_or_insert_with(Instant::now);
            }
            Change::HeldByThem(held) => self.held = held,
            Change::Ours(media) => self.media = media,
            Change::Ended(cause) => {
                self.mark("ended");
                self.ended = Some(cause);
            }
            _ => {}
        }
    }

    /// Only the first time counts.
    fn mark(&mut self, what: &'static str) {
        let now = self.millis();
        self.marks.entry(what).or_insert(now);
    }

    fn note(&mut self, kind: &str, what: &str) {
        self.log.push(json!({ "ms": self.millis(), "kind": kind, "what": what }));
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> Moment {
        Moment::at(self.began.elapsed().max(Duration::from_nanos(1)))
    }
}
