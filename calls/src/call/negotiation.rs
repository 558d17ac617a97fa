//! Renegotiation of a call that stands: hold, added video, ICE restart; perfect negotiation with a polite callee.

use std::time::Duration;

use super::Call;
use crate::{
    change::{Change, Refusal, Side},
    engine::{Command, LocalMedia},
    limits::{ENGINE_PATIENCE, NEGOTIATION_LIFETIME, OFFERS_PER_MINUTE},
    moment::{Allowance, Moment},
    sdp::{self, Origin, Outline},
    signal::{Body, Description, DescriptionKind, Streams},
};

/// The round of the invite and its answer.
pub(super) const FIRST_ROUND: u32 = 1;

#[derive(Debug)]
pub(super) struct Negotiation {
    pub round: u32,
    step: Step,
    /// There is something to offer, and whether it is an ICE restart.
    wanted: bool,
    restart: bool,
    their_offers: Allowance,
    /// Of their last description that was set: what was made before it is out of date.
    origin: Option<Origin>,
    /// An offer that came while ours was under way. It may be one that overtook the answer to ours.
    passed_over: Option<(Origin, Description, Option<Streams>)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Stable,
    /// Our offer is being made.
    Making {
        until: Moment,
        restart: bool,
    },
    /// Our offer waits for their answer.
    Offered {
        until: Moment,
        restart: bool,
    },
    /// Our answer is being made.
    Answering {
        until: Moment,
    },
}

impl Default for Negotiation {
    fn default() -> Self {
        let their_offers = Allowance::new(OFFERS_PER_MINUTE, Duration::from_secs(60));
        Self {
            round: 0,
            step: Step::Stable,
            wanted: false,
            restart: false,
            their_offers,
            origin: None,
            passed_over: None,
        }
    }
}

impl Negotiation {
    pub fn next_round(&mut self) -> u32 {
        self.round = self.round.saturating_add(1);
        self.round
    }

    /// Whether what was set is later than a description of this origin.
    fn is_after(&self, origin: &Origin) -> bool {
        self.origin.as_ref().is_some_and(|set| origin.is_before(set))
    }

    pub fn deadline(&self) -> Option<Moment> {
        match self.step {
            Step::Stable => None,
            Step::Making { until, .. } | Step::Offered { until, .. } | Step::Answering { until } => Some(until),
        }
    }
}

impl Call {
    pub(super) fn want_offer(&mut self) {
        self.negotiation.wanted = true;
    }

    pub(super) fn want_restart(&mut self) {
        self.negotiation.wanted = true;
        self.negotiation.restart = true;
    }

    /// Does what waited for the call to be able to: candidates, an offer, metadata.
    pub(super) fn settle(&mut self, now: Moment) {
        self.send_candidates(now);
        if !self.is_active() {
            return;
        }
        if !self.speaks_one() {
            return self.forget_wishes();
        }
        if self.side == Side::Them && !self.selected && !self.been_connected {
            return;
        }
        if self.negotiation.wanted && matches!(self.negotiation.step, Step::Stable) {
            self.make_offer(now);
        }
        if matches!(self.negotiation.step, Step::Stable | Step::Offered { .. }) && !self.negotiation.wanted {
            self.tell_streams();
        }
    }

    /// Version 0 has no renegotiation. Hold works all the same: we fall silent without telling.
    fn forget_wishes(&mut self) {
        let wanted = std::mem::take(&mut self.negotiation.wanted);
        self.negotiation.restart = false;
        if wanted && self.media.camera && !self.local.sends_video {
            self.set_media(LocalMedia { camera: false, ..self.media });
            self.show(Change::Refused(Refusal::TheirAppCannot));
        }
    }

    fn make_offer(&mut self, now: Moment) {
        self.negotiation.wanted = false;
        let restart = std::mem::take(&mut self.negotiation.restart);
        if restart {
            self.outbox.generation();
        }
        self.negotiation.step = Step::Making { until: now + ENGINE_PATIENCE, restart };
        let round = self.negotiation.next_round();
        self.tell(Command::CreateOffer { round, restart_ice: restart });
    }

    /// A description of a later round is ready. One that nobody waits for any more is dropped.
    pub(super) fn renegotiated(&mut self, kind: DescriptionKind, sdp: String, now: Moment) {
        self.negotiation.step = match (self.negotiation.step, kind) {
            (Step::Making { restart, .. }, DescriptionKind::Offer) => {
                Step::Offered { until: now + NEGOTIATION_LIFETIME, restart }
            }
            (Step::Answering { .. }, DescriptionKind::Answer) => Step::Stable,
            _ => return,
        };
        self.local.untold = false;
        let streams = self.our_streams();
        self.say(Body::Negotiate { description: Description { kind, sdp }, lifetime: NEGOTIATION_LIFETIME, streams });
    }

    pub(super) fn they_negotiate(&mut self, description: Description, streams: Option<Streams>, now: Moment) {
        let Some(outline) = sdp::outline(&description.sdp) else { return };
        if outline.origin.as_ref().is_some_and(|origin| self.negotiation.is_after(origin)) {
            return;
        }
        match description.kind {
            DescriptionKind::Offer if !self.negotiation.their_offers.take(now) => {}
            DescriptionKind::Offer if self.yields() => self.take_offer(description, &outline, streams, now),
            DescriptionKind::Offer => self.pass_over(description, outline.origin, streams),
            DescriptionKind::Answer if matches!(self.negotiation.step, Step::Offered { .. }) => {
                self.take_answer(description, &outline, streams, now);
            }
            DescriptionKind::Answer => {}
        }
    }

    fn take_offer(&mut self, description: Description, outline: &Outline, streams: Option<Streams>, now: Moment) {
        self.negotiation.passed_over = None;
        self.negotiation.step = Step::Answering { until: now + ENGINE_PATIENCE };
        let round = self.negotiation.next_round();
        if self.inbox.generation(outline.ufrag.clone()) {
            self.outbox.generation();
        }
        self.set_remote(round, description, outline, streams);
        self.tell(Command::CreateAnswer { round });
    }

    fn take_answer(&mut self, description: Description, outline: &Outline, streams: Option<Streams>, now: Moment) {
        self.negotiation.step = Step::Stable;
        self.inbox.generation(outline.ufrag.clone());
        self.set_remote(self.negotiation.round, description, outline, streams);
        // What they offered after this answer still waits for ours; what they offered before it they gave up.
        if let Some((origin, offer, streams)) = self.negotiation.passed_over.take()
            && outline.origin.as_ref().is_some_and(|answered| answered.is_before(&origin))
        {
            self.they_negotiate(offer, streams, now);
        }
    }

    fn pass_over(&mut self, offer: Description, origin: Option<Origin>, streams: Option<Streams>) {
        let kept = &mut self.negotiation.passed_over;
        if let Some(origin) = origin
            && kept.as_ref().is_none_or(|(kept, ..)| kept.is_before(&origin))
        {
            *kept = Some((origin, offer, streams));
        }
    }

    pub(super) fn remote_is(&mut self, outline: &Outline) {
        self.negotiation.origin = outline.origin.clone();
    }

    fn set_remote(&mut self, round: u32, description: Description, outline: &Outline, streams: Option<Streams>) {
        self.remote_is(outline);
        self.tell(Command::SetRemote { round, description });
        self.hand_over_candidates();
        if let Some(streams) = streams {
            self.their_streams_are(streams);
        }
        self.read_hold(outline);
    }

    /// Whether their offer is taken. When ours is under way too, the callee gives its own up for now.
    fn yields(&mut self) -> bool {
        let restart = match self.negotiation.step {
            Step::Stable | Step::Answering { .. } => return true,
            Step::Making { restart, .. } | Step::Offered { restart, .. } => restart,
        };
        if self.side == Side::Us {
            return false;
        }
        self.tell(Command::Rollback);
        self.negotiation.wanted = true;
        self.negotiation.restart |= restart;
        true
    }

    pub(super) fn negotiation_failed(&mut self) {
        self.negotiation.step = Step::Stable;
        self.negotiation.passed_over = None;
        // The round is over: what the engine still makes of it is not wanted.
        self.negotiation.next_round();
        self.tell(Command::Rollback);
        self.show(Change::NegotiationFailed);
    }

    pub(super) fn negotiation_not_sent(&mut self) {
        if matches!(self.negotiation.step, Step::Offered { .. }) {
            self.negotiation_failed();
        }
    }
}
