//! What the room says in a call: to its caller, to its callee, and between sessions of one person.

use std::time::Duration;

use ruma::{UserId, VoipId};

use super::{Call, Peer, Phase};
use crate::{
    change::{Cause, Change, Side},
    engine::Command,
    limits::CONNECT_PATIENCE,
    moment::Moment,
    sdp,
    signal::{Body, Description, DescriptionKind, HangupReason, Signal, SignalKind, Streams, Version},
};

impl Call {
    pub(super) fn said(&mut self, sender: &UserId, signal: Signal, age: Duration, now: Moment) {
        let mine = sender == self.me;
        let echo = mine && signal.party_id.as_ref() == Some(&self.party);
        if echo || signal.call_id != self.id {
            return;
        }
        match &self.peer {
            None if self.is_inviting() && self.could_be_with(sender) => self.before_answer(sender, signal, age, now),
            None => {}
            Some(_) if mine => self.other_session(&signal.body),
            Some(peer) if peer.sent(sender, &signal) => self.peer_said(signal.body, age, now),
            Some(_) => {}
        }
    }

    /// Our invite is out, and several sessions may react to it.
    fn before_answer(&mut self, sender: &UserId, signal: Signal, age: Duration, now: Moment) {
        match &signal.body {
            Body::Answer { sdp, streams } => {
                self.peer = Some(Peer::of(sender, &signal, streams.as_ref()));
                self.select(&signal);
                self.answered(sdp.clone(), streams.clone(), now);
            }
            Body::Reject => {
                self.peer = Some(Peer::of(sender, &signal, None));
                self.select(&signal);
                self.end(Cause::Declined { by: Side::Them });
            }
            Body::Hangup(reason) => {
                let cause = match reason {
                    HangupReason::UserHangup => Cause::Declined { by: Side::Them },
                    reason => self.cause_of(*reason),
                };
                self.end(cause);
            }
            Body::Candidates(_) | Body::Negotiate { .. } | Body::StreamsChanged(_) => {
                self.early.keep(sender, signal, age, now);
            }
            Body::Invite(_) | Body::SelectAnswer { .. } => {}
        }
    }

    /// Tells all sessions of the callee which of them was first.
    fn select(&mut self, signal: &Signal) {
        if let (Version::One, Some(party)) = (signal.version, &signal.party_id) {
            self.say(Body::SelectAnswer { selected: party.clone() });
        }
    }

    fn answered(&mut self, sdp: String, streams: Option<Streams>, now: Moment) {
        let Some(outline) = sdp::outline(&sdp) else {
            return self.finish(Cause::TheirAppCannot, HangupReason::UnknownError);
        };
        self.phase = Phase::Connecting { until: now + CONNECT_PATIENCE };
        self.show(Change::Connecting);
        self.remote_is(&outline);
        self.inbox.generation(outline.ufrag);
        let description = Description { kind: DescriptionKind::Answer, sdp };
        self.tell(Command::SetRemote { round: self.negotiation.round, description });
        self.remote_set = true;
        self.hand_over_candidates();
        if let Some(streams) = streams.filter(|streams| !streams.is_empty()) {
            self.their_streams_are(streams);
        }
        if let Some(peer) = self.peer.clone() {
            for (signal, age) in self.early.choose(&peer.user, peer.party.as_ref(), now) {
                self.peer_said(signal.body, age, now);
            }
        }
        self.connect_if_there_is_a_path();
    }

    /// Another session of ours reacted to a call that we ring for or answer.
    fn other_session(&mut self, body: &Body) {
        let undecided = matches!(
            self.phase,
            Phase::Incoming { .. } | Phase::Answering { .. } | Phase::Gathering { .. } if self.side == Side::Them
        );
        match body {
            Body::Answer { .. } if undecided => self.end(Cause::AnsweredElsewhere),
            Body::Reject | Body::Hangup(_) if undecided => self.end(Cause::DeclinedElsewhere),
            // Our answer is sent: the caller says which of the two it saw first.
            Body::Reject => self.rejected_elsewhere = true,
            _ => {}
        }
    }

    fn peer_said(&mut self, body: Body, age: Duration, now: Moment) {
        match body {
            Body::Candidates(candidates) => {
                self.inbox.add(candidates);
                self.hand_over_candidates();
            }
            Body::Negotiate { description, lifetime, streams } => {
                if self.is_active() && self.speaks_one() && age < lifetime {
                    self.they_negotiate(description, streams, now);
                }
            }
            Body::StreamsChanged(streams) => self.their_streams_are(streams),
            Body::SelectAnswer { selected } if self.side == Side::Them => self.caller_chose(&selected),
            Body::Hangup(reason) if self.is_incoming() => {
                let gave_up = matches!(reason, HangupReason::UserHangup | HangupReason::InviteTimeout);
                self.end(if gave_up { Cause::Missed } else { self.cause_of(reason) });
            }
            Body::Hangup(reason) => self.end(self.cause_of(reason)),
            Body::Invite(_) | Body::Answer { .. } | Body::SelectAnswer { .. } | Body::Reject => {}
        }
    }

    fn caller_chose(&mut self, selected: &VoipId) {
        if self.is_active() && *selected == *self.party {
            self.selected = true;
        } else if !self.selected {
            let declined = self.rejected_elsewhere;
            self.end(if declined { Cause::DeclinedElsewhere } else { Cause::AnsweredElsewhere });
        }
    }

    pub(super) fn hand_over_candidates(&mut self) {
        if self.remote_set && self.engine_open {
            let candidates = self.inbox.take();
            if !candidates.is_empty() {
                self.tell(Command::AddCandidates(candidates));
            }
        }
    }

    /// What their hangup means here.
    fn cause_of(&self, reason: HangupReason) -> Cause {
        match reason {
            HangupReason::UserHangup => Cause::HungUp { by: Side::Them },
            HangupReason::UserBusy => Cause::Busy { by: Side::Them },
            HangupReason::UserMediaFailed => Cause::Microphone { of: Side::Them },
            HangupReason::InviteTimeout if self.side == Side::Them => Cause::Missed,
            HangupReason::InviteTimeout => Cause::NobodyAnswered,
            HangupReason::IceTimeout if self.been_connected => Cause::ConnectionLost,
            HangupReason::IceFailed | HangupReason::IceTimeout => Cause::NoPath,
            HangupReason::UnknownError => Cause::Engine { of: Side::Them },
        }
    }

    pub(super) fn left(&mut self, user: &UserId, alone: bool) {
        if user == self.me {
            return self.end(Cause::WeLeft);
        }
        match (&self.peer, &self.invitee) {
            (Some(peer), _) if peer.user == user && self.is_incoming() => self.end(Cause::Missed),
            (Some(peer), _) if peer.user == user => self.end(Cause::TheyLeft),
            (None, Some(invitee)) if invitee == user => self.finish(Cause::TheyLeft, HangupReason::UserHangup),
            (None, _) if alone => self.finish(Cause::TheyLeft, HangupReason::UserHangup),
            _ => {}
        }
    }

    pub(super) fn not_sent(&mut self, kind: SignalKind) {
        match kind {
            SignalKind::Invite if self.is_inviting() => self.end(Cause::NotSent),
            SignalKind::Answer if self.side == Side::Them && self.is_active() && !self.been_connected => {
                self.end(Cause::NotSent);
            }
            SignalKind::Negotiate => self.negotiation_not_sent(),
            SignalKind::Invite | SignalKind::Answer | SignalKind::Other => {}
        }
    }
}
