//! All calls of one account: routes what the room, the person, the engines and time bring to the call that it concerns.

mod early;
mod invited;
mod policy;
mod recent;

use std::{collections::BTreeMap, time::Duration};

use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId, OwnedVoipId, RoomId, UserId, events::AnyMessageLikeEventContent as Content,
};
use serde_json::Value;
use thiserror::Error;

pub use self::policy::{RingPolicy, RoomFacts, Verdict};
use self::{early::EarlyCalls, recent::Recent};
use crate::{
    call::{Action, Call, Input, Person},
    change::Change,
    engine::{Command, LocalMedia, Report},
    limits::{CALLS, ENDED_CALLS, INVITES_PER_MINUTE, SEEN_EVENTS},
    moment::{Allowance, Moment},
    signal::{Body, SignalKind},
    signalling::{CallEvents, Reading, Signalling},
};

/// Call ids are chosen by callers, so a call is named with its room: no other room can meddle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    pub room: OwnedRoomId,
    pub call_id: OwnedVoipId,
}

/// An event of a room's timeline, decrypted.
#[derive(Clone, Debug)]
pub struct RoomEvent {
    pub room: OwnedRoomId,
    pub sender: OwnedUserId,
    pub event_id: Option<OwnedEventId>,
    pub event_type: String,
    pub content: Value,
    /// `unsigned.age` and the time since the event was received.
    pub age: Duration,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// [`crate::signalling::to_json`] has the JSON that goes out.
    Send {
        call: CallKey,
        kind: SignalKind,
        content: Box<Content>,
    },
    Engine {
        call: CallKey,
        command: Command,
    },
    Show {
        call: CallKey,
        change: Change,
    },
    /// A call that this app cannot join yet.
    CannotJoin {
        room: OwnedRoomId,
        sender: OwnedUserId,
    },
    /// Someone's app called in words that cannot be understood.
    BrokenInvite {
        room: OwnedRoomId,
        sender: OwnedUserId,
    },
}

/// Why a call is not placed. Names the call that is in the way.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotPlaced {
    #[error("there is a call in this room already")]
    InThisRoom(CallKey),
    #[error("another call is being set up")]
    BeingSetUp(CallKey),
    #[error("too many calls at once")]
    TooMany,
}

/// The calls of one account. `S`: the protocol that they are signalled in.
pub struct Calls<S = CallEvents> {
    me: OwnedUserId,
    signalling: S,
    new_id: Box<dyn FnMut() -> OwnedVoipId + Send>,
    calls: BTreeMap<CallKey, Call>,
    ended: Recent<CallKey>,
    seen: Recent<OwnedEventId>,
    early: EarlyCalls,
    invites: Allowance,
}

impl<S: Signalling> Calls<S> {
    /// `new_id` gives a new random id at each call, such as `VoipId::new`.
    pub fn new(me: OwnedUserId, signalling: S, new_id: impl FnMut() -> OwnedVoipId + Send + 'static) -> Self {
        Self {
            me,
            signalling,
            new_id: Box::new(new_id),
            calls: BTreeMap::new(),
            ended: Recent::new(ENDED_CALLS),
            seen: Recent::new(SEEN_EVENTS),
            early: EarlyCalls::default(),
            invites: Allowance::new(INVITES_PER_MINUTE, Duration::from_secs(60)),
        }
    }

    /// Calls someone; other calls are put on hold. `invitee`: the one who may answer, anyone in the room when absent.
    pub fn place(
        &mut self,
        room: OwnedRoomId,
        invitee: Option<OwnedUserId>,
        media: LocalMedia,
        now: Moment,
    ) -> Result<(CallKey, Vec<Output>), NotPlaced> {
        for (key, call) in &self.calls {
            if key.room == room {
                return Err(NotPlaced::InThisRoom(key.clone()));
            }
            if !call.is_active() && !call.is_incoming() {
                return Err(NotPlaced::BeingSetUp(key.clone()));
            }
        }
        if self.calls.len() >= CALLS {
            return Err(NotPlaced::TooMany);
        }
        let key = CallKey { room, call_id: (self.new_id)() };
        let mut out = self.make_room_for(&key, now);
        let party = (self.new_id)();
        let (call, actions) = Call::place(self.me.clone(), key.call_id.clone(), party, invitee, media, now);
        self.calls.insert(key.clone(), call);
        self.put(&key, actions, &mut out);
        Ok((key, out))
    }

    /// Takes all events of one sync. Nothing rings before the last of them is read, because it may say that the call is
    /// over.
    pub fn sync(&mut self, events: Vec<RoomEvent>, policy: &dyn RingPolicy, now: Moment) -> Vec<Output> {
        let mut out = self.tick(now);
        for event in events {
            self.event(event, &mut out, now);
        }
        let pending: Vec<CallKey> =
            self.calls.iter().filter(|(_, call)| call.is_pending()).map(|(key, _)| key.clone()).collect();
        for key in pending {
            self.alert(&key, policy, &mut out, now);
        }
        out
    }

    pub fn person(&mut self, key: &CallKey, person: Person, now: Moment) -> Vec<Output> {
        let accepts = matches!(person, Person::Accept(_)) && self.get(key).is_some_and(Call::is_incoming);
        let mut out = if accepts { self.make_room_for(key, now) } else { Vec::new() };
        self.handle(key, Input::Person(person), &mut out, now);
        out
    }

    pub fn engine(&mut self, key: &CallKey, report: Report, now: Moment) -> Vec<Output> {
        let mut out = Vec::new();
        self.handle(key, Input::Engine(report), &mut out, now);
        out
    }

    /// An event of this call could not be sent and will not be tried again.
    pub fn not_sent(&mut self, key: &CallKey, kind: SignalKind, now: Moment) -> Vec<Output> {
        let mut out = Vec::new();
        self.handle(key, Input::NotSent(kind), &mut out, now);
        out
    }

    /// `user` left the room; `alone`: nobody but us is left in it.
    pub fn left(&mut self, room: &RoomId, user: &UserId, alone: bool, now: Moment) -> Vec<Output> {
        let input = Input::Left { user: user.to_owned(), alone };
        self.handle_each(|key, _| key.room == room, &input, now)
    }

    pub fn network_changed(&mut self, now: Moment) -> Vec<Output> {
        self.handle_each(|_, _| true, &Input::NetworkChanged, now)
    }

    /// To be called at [`Self::next_deadline`]; more often does no harm.
    pub fn tick(&mut self, now: Moment) -> Vec<Output> {
        let due = |_: &CallKey, call: &Call| call.next_deadline().is_some_and(|deadline| deadline <= now);
        self.handle_each(due, &Input::Tick, now)
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.calls.values().filter_map(Call::next_deadline).min()
    }

    pub fn get(&self, key: &CallKey) -> Option<&Call> {
        self.calls.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&CallKey, &Call)> {
        self.calls.iter()
    }

    fn event(&mut self, event: RoomEvent, out: &mut Vec<Output>, now: Moment) {
        if event.event_id.as_ref().is_some_and(|id| !self.seen.insert(id.clone())) {
            return;
        }
        let RoomEvent { room, sender, event_type, content, age, .. } = event;
        let signal = match self.signalling.read(&event_type, &content) {
            Reading::Signal(signal) => *signal,
            Reading::CannotJoin if sender != self.me => return out.push(Output::CannotJoin { room, sender }),
            Reading::Malformed { invite: Some(call_id), .. } => {
                let new = self.ended.insert(CallKey { room: room.clone(), call_id });
                if new && sender != self.me && self.invites.take(now) {
                    out.push(Output::BrokenInvite { room, sender });
                }
                return;
            }
            Reading::CannotJoin | Reading::Malformed { .. } | Reading::NotACall => return,
        };
        let key = CallKey { room, call_id: signal.call_id.clone() };
        if self.ended.contains(&key) {
            return;
        }
        if self.calls.contains_key(&key) {
            self.handle(&key, Input::Said { sender, signal, age }, out, now);
        } else if let Body::Invite(_) = signal.body {
            self.invited(key, &sender, &signal, age, out, now);
        } else {
            self.early.keep(key, sender, signal, age, now);
        }
    }

    fn alert(&mut self, key: &CallKey, policy: &dyn RingPolicy, out: &mut Vec<Output>, now: Moment) {
        let in_call = self.calls.iter().any(|(other, call)| other != key && !call.is_incoming());
        let Some(call) = self.calls.get_mut(key) else { return };
        let caller = call.peer().unwrap_or(&self.me).to_owned();
        let actions = match policy.judge(&key.room, &caller, in_call) {
            Verdict::Ring => call.alert(None, in_call),
            Verdict::Silent(why) => call.alert(Some(why), in_call),
            Verdict::SayBusy => call.handle(Input::Person(Person::SayBusy), now),
        };
        self.put(key, actions, out);
    }

    /// One conversation at a time: others are held, or given up when nobody is in them yet.
    fn make_room_for(&mut self, key: &CallKey, now: Moment) -> Vec<Output> {
        let mut out = Vec::new();
        let others: Vec<(CallKey, bool)> = self
            .calls
            .iter()
            .filter(|(other, call)| *other != key && !call.is_incoming())
            .map(|(other, call)| (other.clone(), call.is_active()))
            .collect();
        for (other, active) in others {
            let person = if active { Person::Hold(true) } else { Person::HangUp };
            self.handle(&other, Input::Person(person), &mut out, now);
        }
        out
    }

    fn handle_each(&mut self, which: impl Fn(&CallKey, &Call) -> bool, input: &Input, now: Moment) -> Vec<Output> {
        let keys: Vec<CallKey> =
            self.calls.iter().filter(|(key, call)| which(key, call)).map(|(key, _)| key.clone()).collect();
        let mut out = Vec::new();
        for key in keys {
            self.handle(&key, input.clone(), &mut out, now);
        }
        out
    }

    fn handle(&mut self, key: &CallKey, input: Input, out: &mut Vec<Output>, now: Moment) {
        if let Some(call) = self.calls.get_mut(key) {
            let actions = call.handle(input, now);
            self.put(key, actions, out);
        }
    }

    /// Turns a call's actions into outputs, and forgets a call that is over.
    fn put(&mut self, key: &CallKey, actions: Vec<Action>, out: &mut Vec<Output>) {
        for action in actions {
            let call = key.clone();
            out.push(match action {
                Action::Say(signal) => {
                    Output::Send { call, kind: signal.body.kind(), content: Box::new(self.signalling.write(&signal)) }
                }
                Action::Engine(command) => Output::Engine { call, command },
                Action::Show(change) => Output::Show { call, change },
            });
        }
        if self.calls.get(key).is_some_and(Call::is_over) {
            self.calls.remove(key);
            self.ended.insert(key.clone());
        }
    }
}
