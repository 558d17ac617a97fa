//! One call from its invite to its end, as a state machine: inputs and the moment in, actions out.

mod asked;
mod candidates;
mod media;
mod negotiation;
mod person;
mod reports;
mod room;
mod time;

use std::time::Duration;

use ruma::{OwnedUserId, OwnedVoipId, UserId, VoipId};

use self::{
    candidates::{Early, Inbox, Outbox},
    negotiation::Negotiation,
};
use crate::{
    change::{Cause, Change, Side, Silence},
    engine::{Command, LocalMedia, Report},
    limits::{ENGINE_PATIENCE, TIME_TO_ACCEPT},
    moment::Moment,
    sdp,
    signal::{Body, HangupReason, Signal, SignalKind, Streams, Version},
};

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Input {
    Person(Person),
    /// A signal of this call from the room. `age`: how old the event was at this moment.
    Said {
        sender: OwnedUserId,
        signal: Signal,
        age: Duration,
    },
    Engine(Report),
    /// Someone left the room; `alone`: nobody else is in it now.
    Left {
        user: OwnedUserId,
        alone: bool,
    },
    /// Another network, another address: what was connected will not stay so.
    NetworkChanged,
    /// A signal of this call could not be sent and will not be tried again.
    NotSent(SignalKind),
    /// Nothing but time passed.
    Tick,
}

/// What the person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    Accept(LocalMedia),
    Decline,
    /// Decline with the words that one is in another call.
    SayBusy,
    /// Stop ringing here; other devices go on.
    Dismiss,
    HangUp,
    Hold(bool),
    Mute(bool),
    Camera(bool),
    Share(bool),
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Say(Signal),
    Engine(Command),
    Show(Change),
}

/// One call. It ends once, closes its engine if it opened it, and does nothing after.
#[derive(Debug)]
pub struct Call {
    id: OwnedVoipId,
    me: OwnedUserId,
    party: OwnedVoipId,
    side: Side,
    phase: Phase,
    invitee: Option<OwnedUserId>,
    peer: Option<Peer>,
    media: LocalMedia,
    engine_open: bool,
    /// The remote description is set, so candidates may be added.
    remote_set: bool,
    /// The engine has a path; `been_connected`: it had one at some time.
    path: bool,
    been_connected: bool,
    /// As callee: the caller chose our answer.
    selected: bool,
    /// A session of ours rejected this call.
    rejected_elsewhere: bool,
    held_by_them: bool,
    local: LocalSide,
    theirs: Streams,
    negotiation: Negotiation,
    outbox: Outbox,
    inbox: Inbox,
    early: Early,
    actions: Vec<Action>,
}

#[derive(Debug)]
enum Phase {
    /// We call; the offer is being made.
    Preparing {
        until: Moment,
    },
    /// Offer or answer is there and waits a little for candidates.
    Gathering {
        until: Moment,
        sdp: String,
    },
    Inviting {
        until: Moment,
    },
    /// They call; nobody here accepted.
    Incoming {
        until: Moment,
        sdp: String,
        alert: Alert,
    },
    /// Accepted; the answer is being made.
    Answering {
        until: Moment,
    },
    Connecting {
        until: Moment,
    },
    Connected,
    Reconnecting {
        until: Moment,
        restart_at: Option<Moment>,
    },
    Ended(Cause),
}

/// Whether the person was told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alert {
    /// Until the whole sync is read it may be answered, rejected or hung up already.
    Pending,
    Told,
}

#[derive(Clone, Debug)]
struct Peer {
    user: OwnedUserId,
    /// None for version 0.
    party: Option<OwnedVoipId>,
    version: Version,
    /// Their app tells streams apart.
    knows_streams: bool,
}

/// What the last local description said, and what was not told since.
#[derive(Debug, Default)]
struct LocalSide {
    streams: Streams,
    sends_video: bool,
    microphone_lost: bool,
    untold: bool,
}

impl Call {
    /// A call that the person places. `party_id` is this session's name in it.
    pub fn place(
        me: OwnedUserId,
        call_id: OwnedVoipId,
        party_id: OwnedVoipId,
        invitee: Option<OwnedUserId>,
        media: LocalMedia,
        now: Moment,
    ) -> (Self, Vec<Action>) {
        let phase = Phase::Preparing { until: now + ENGINE_PATIENCE };
        let mut call = Self::new(me, call_id, party_id, Side::Us, phase);
        call.invitee = invitee;
        call.media = media;
        call.show(Change::Placing);
        call.show(Change::Ours(media));
        call.open_engine(None);
        let round = call.negotiation.next_round();
        call.tell(Command::CreateOffer { round, restart_ice: false });
        let actions = std::mem::take(&mut call.actions);
        (call, actions)
    }

    /// A call that someone else places, silent until [`Self::alert`]. None when its invite is broken, not for `me`, from
    /// `me`, or has too little time left for a person to accept it.
    pub fn incoming(
        me: OwnedUserId,
        party_id: OwnedVoipId,
        sender: &UserId,
        signal: &Signal,
        age: Duration,
        now: Moment,
    ) -> Option<Self> {
        let Body::Invite(invite) = &signal.body else { return None };
        let left = invite.lifetime.saturating_sub(age);
        let for_me = invite.invitee.as_ref().is_none_or(|invitee| *invitee == me);
        if sender == me || !for_me || left < TIME_TO_ACCEPT {
            return None;
        }
        let phase = Phase::Incoming { until: now + left, sdp: invite.sdp.clone(), alert: Alert::Pending };
        let mut call = Self::new(me, signal.call_id.clone(), party_id, Side::Them, phase);
        call.peer = Some(Peer::of(sender, signal, invite.streams.as_ref()));
        call.theirs = invite.streams.clone().unwrap_or_default();
        let outline = sdp::outline(&invite.sdp)?;
        call.remote_is(&outline);
        call.inbox.generation(outline.ufrag);
        Some(call)
    }

    fn new(me: OwnedUserId, id: OwnedVoipId, party: OwnedVoipId, side: Side, phase: Phase) -> Self {
        Self {
            id,
            me,
            party,
            side,
            phase,
            invitee: None,
            peer: None,
            media: LocalMedia::default(),
            engine_open: false,
            remote_set: false,
            path: false,
            been_connected: false,
            selected: false,
            rejected_elsewhere: false,
            held_by_them: false,
            local: LocalSide::default(),
            theirs: Streams::new(),
            negotiation: Negotiation::default(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            early: Early::default(),
            actions: Vec::new(),
        }
    }

    /// Time first, then the input: what comes after a deadline finds the state that the deadline left.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Action> {
        self.expire(now);
        if !self.is_over() {
            match input {
                Input::Person(person) => self.person(person, now),
                Input::Said { sender, signal, age } => self.said(&sender, signal, age, now),
                Input::Engine(report) => self.report(report, now),
                Input::Left { user, alone } => self.left(&user, alone),
                Input::NetworkChanged => self.network_changed(),
                Input::NotSent(kind) => self.not_sent(kind),
                Input::Tick => {}
            }
            self.settle(now);
        }
        std::mem::take(&mut self.actions)
    }

    /// Tells the person of an incoming call, once its whole sync is read.
    pub fn alert(&mut self, silence: Option<Silence>, in_call: bool) -> Vec<Action> {
        let video = self.offers_video();
        let Phase::Incoming { until, alert, .. } = &mut self.phase else { return Vec::new() };
        let (Some(peer), Alert::Pending) = (&self.peer, *alert) else { return Vec::new() };
        *alert = Alert::Told;
        let (caller, until) = (peer.user.clone(), *until);
        let change = match silence {
            None => Change::Ringing { caller, video, until, in_call },
            Some(why) => Change::Silenced { caller, video, until, why },
        };
        vec![Action::Show(change)]
    }

    /// Accepts for the person because both called at once; the devices of `other` move over.
    pub fn take_over(&mut self, other: &Self, now: Moment) -> Vec<Action> {
        self.accept(other.media, Some(other.id.clone()), now);
        self.settle(now);
        std::mem::take(&mut self.actions)
    }

    /// Ends because both called at once and `winner` goes on.
    pub fn give_way(&mut self, winner: &VoipId) -> Vec<Action> {
        if !self.is_over() {
            self.show(Change::ContinuedAs(winner.to_owned()));
            self.finish(Cause::Glare, HangupReason::UserHangup);
        }
        std::mem::take(&mut self.actions)
    }

    /// Ends an incoming call because its caller placed another one.
    pub fn called_again(&mut self) -> Vec<Action> {
        self.end(Cause::Missed);
        std::mem::take(&mut self.actions)
    }

    fn offers_video(&self) -> bool {
        let Phase::Incoming { sdp, .. } = &self.phase else { return false };
        let shown = |streams: &Streams| streams.values().any(|stream| !stream.video_muted);
        let sends = sdp::outline(sdp).is_some_and(|outline| outline.sends_video);
        sends && self.their_streams().is_none_or(shown)
    }

    fn say(&mut self, body: Body) {
        let version = self.peer.as_ref().map_or(Version::One, |peer| peer.version);
        let (call_id, party_id) = (self.id.clone(), Some(self.party.clone()));
        self.actions.push(Action::Say(Signal { call_id, party_id, version, body }));
    }

    fn tell(&mut self, command: Command) {
        if self.engine_open {
            self.actions.push(Action::Engine(command));
        }
    }

    fn show(&mut self, change: Change) {
        self.actions.push(Action::Show(change));
    }

    fn open_engine(&mut self, instead_of: Option<OwnedVoipId>) {
        self.engine_open = true;
        self.tell(Command::Open { media: self.media, instead_of });
    }

    /// Ends the call and tells the other side in the words that fit what was said before.
    fn finish(&mut self, cause: Cause, reason: HangupReason) {
        match self.phase {
            Phase::Preparing { .. } | Phase::Ended(_) => {}
            Phase::Gathering { .. } if self.side == Side::Us => {}
            Phase::Incoming { .. } | Phase::Answering { .. } | Phase::Gathering { .. } => {
                let rejects = self.speaks_one() && reason == HangupReason::UserHangup;
                self.say(if rejects { Body::Reject } else { Body::Hangup(reason) });
            }
            Phase::Inviting { .. } | Phase::Connecting { .. } | Phase::Connected | Phase::Reconnecting { .. } => {
                self.say(Body::Hangup(reason));
            }
        }
        self.end(cause);
    }

    /// Ends the call without a word to the other side.
    fn end(&mut self, cause: Cause) {
        if self.is_over() {
            return;
        }
        self.tell(Command::Close);
        self.engine_open = false;
        let told = !self.is_pending();
        self.phase = Phase::Ended(cause);
        self.outbox = Outbox::default();
        self.inbox = Inbox::default();
        self.early = Early::default();
        self.negotiation = Negotiation::default();
        if told {
            self.show(Change::Ended(cause));
        }
    }

    fn speaks_one(&self) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer.version == Version::One)
    }
}

impl Peer {
    fn of(user: &UserId, signal: &Signal, streams: Option<&Streams>) -> Self {
        let party = signal.party_id.clone().filter(|_| signal.version == Version::One);
        Self {
            user: user.to_owned(),
            party,
            version: signal.version,
            knows_streams: signal.version == Version::One && streams.is_some_and(|streams| !streams.is_empty()),
        }
    }

    /// Whether a signal comes from this session. Version 0 has no sessions.
    fn sent(&self, sender: &UserId, signal: &Signal) -> bool {
        self.user == sender && (self.version == Version::Zero || self.party == signal.party_id)
    }
}
