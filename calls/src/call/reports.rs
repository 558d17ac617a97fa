//! What the media engine reports.

use super::{Call, LocalSide, Phase, negotiation::FIRST_ROUND};
use crate::{
    change::{Cause, Change, Side},
    engine::Report,
    limits::{
        BATCH_AFTER_ANSWER, BATCH_AFTER_INVITE, CONNECT_PATIENCE, FIRST_CANDIDATES, INVITE_LIFETIME,
        RECONNECT_PATIENCE, RESTART_BY_CALLEE, RESTART_BY_CALLER, STREAMS,
    },
    moment::Moment,
    sdp::{self, with_candidates},
    signal::{Body, DescriptionKind, HangupReason, Invite, Streams},
};

/// Candidates that go into a description; the rest follow, so that the event keeps within its size.
const IN_DESCRIPTION: usize = 32;

impl Call {
    pub(super) fn report(&mut self, report: Report, now: Moment) {
        if !self.engine_open {
            return;
        }
        match report {
            Report::Described { round, kind, sdp, streams } if round == self.negotiation.round => {
                self.described(kind, sdp, streams, now);
            }
            Report::DescriptionRefused { round } if round == self.negotiation.round => self.refused(round),
            Report::Described { .. } | Report::DescriptionRefused { .. } => {}
            Report::Candidate(candidate) if candidate.is_end() => self.gathered(now),
            Report::Candidate(candidate) => self.outbox.add(candidate, now),
            Report::GatheringDone => self.gathered(now),
            Report::Connected => self.connected(),
            Report::Disconnected => self.disconnected(now),
            Report::Failed => self.failed(now),
            Report::DeviceFailed(device) => self.device_failed(device),
            Report::NoPicture { device, why } => self.no_picture(device, why),
            Report::DeviceBack(device) => self.device_back(device),
            Report::Broken => self.finish(Cause::Engine { of: Side::Us }, HangupReason::UnknownError),
        }
    }

    fn described(&mut self, kind: DescriptionKind, sdp: String, streams: Streams, now: Moment) {
        let Some(outline) = sdp::outline(&sdp) else {
            return self.finish(Cause::Engine { of: Side::Us }, HangupReason::UnknownError);
        };
        self.local = LocalSide {
            streams: streams.into_iter().take(STREAMS).collect(),
            sends_video: outline.sends_video,
            ..std::mem::take(&mut self.local)
        };
        match (&self.phase, kind) {
            (Phase::Preparing { .. }, DescriptionKind::Offer) | (Phase::Answering { .. }, DescriptionKind::Answer) => {
                self.phase = Phase::Gathering { until: now + FIRST_CANDIDATES, sdp };
                if self.media.camera && !outline.sends_video {
                    self.want_offer();
                }
                if self.outbox.is_gathered() {
                    self.send_description(now);
                }
            }
            _ if self.is_active() => self.renegotiated(kind, sdp, now),
            _ => {}
        }
    }

    /// Sends the invite or the answer with the candidates that were found by now.
    pub(super) fn send_description(&mut self, now: Moment) {
        let Phase::Gathering { sdp, .. } = &self.phase else { return };
        let first = self.outbox.take_first(IN_DESCRIPTION);
        let all = self.outbox.is_gathered() && self.outbox.is_empty();
        let sdp = with_candidates(sdp, &first, all);
        let streams = self.our_streams();
        self.local.untold = false;
        match self.side {
            Side::Us => {
                let until = now + INVITE_LIFETIME;
                self.phase = Phase::Inviting { until };
                self.outbox.open(now + BATCH_AFTER_INVITE);
                let invitee = self.invitee.clone();
                self.say(Body::Invite(Invite { sdp, lifetime: INVITE_LIFETIME, invitee, streams }));
                self.show(Change::Calling { until });
            }
            Side::Them => {
                self.phase = Phase::Connecting { until: now + CONNECT_PATIENCE };
                self.outbox.open(now + BATCH_AFTER_ANSWER);
                self.say(Body::Answer { sdp, streams });
                self.connect_if_there_is_a_path();
            }
        }
    }

    /// The other side's description does not fit: at first that ends the call, later it goes on as it was.
    fn refused(&mut self, round: u32) {
        if round == FIRST_ROUND {
            return self.finish(Cause::TheirAppCannot, HangupReason::UnknownError);
        }
        self.negotiation_failed();
    }

    fn gathered(&mut self, now: Moment) {
        self.outbox.gathered();
        self.send_description(now);
    }

    fn connected(&mut self) {
        self.path = true;
        self.connect_if_there_is_a_path();
    }

    pub(super) fn connect_if_there_is_a_path(&mut self) {
        if self.path && matches!(self.phase, Phase::Connecting { .. } | Phase::Reconnecting { .. }) {
            self.phase = Phase::Connected;
            self.been_connected = true;
            self.show(Change::Connected);
        }
    }

    fn disconnected(&mut self, now: Moment) {
        self.path = false;
        let patience = if self.side == Side::Us { RESTART_BY_CALLER } else { RESTART_BY_CALLEE };
        if self.is_connected() {
            self.reconnect(now + patience, now);
        }
    }

    fn failed(&mut self, now: Moment) {
        self.path = false;
        let speaks_one = self.speaks_one();
        match &mut self.phase {
            Phase::Connecting { .. } => self.finish(Cause::NoPath, HangupReason::IceFailed),
            Phase::Connected | Phase::Reconnecting { .. } if !speaks_one => {
                self.finish(Cause::ConnectionLost, HangupReason::IceTimeout);
            }
            Phase::Connected => self.reconnect(now, now),
            Phase::Reconnecting { restart_at, .. } => *restart_at = Some(now + RESTART_BY_CALLER),
            _ => {}
        }
    }

    fn reconnect(&mut self, restart_at: Moment, now: Moment) {
        self.phase = Phase::Reconnecting { until: now + RECONNECT_PATIENCE, restart_at: Some(restart_at) };
        self.show(Change::Reconnecting);
        self.expire(now);
    }

    pub(super) fn network_changed(&mut self) {
        if self.is_active() && self.speaks_one() {
            self.want_restart();
        }
    }
}
