//! What time does to a call: every state but a connected one has an end.

use super::{Call, Phase};
use crate::{
    change::{Cause, Side},
    moment::Moment,
    signal::{Body, HangupReason},
};

impl Call {
    /// When [`super::Input::Tick`] is to come at the latest. None when nothing is waited for.
    pub fn next_deadline(&self) -> Option<Moment> {
        let phase = match &self.phase {
            Phase::Preparing { until }
            | Phase::Gathering { until, .. }
            | Phase::Inviting { until }
            | Phase::Incoming { until, .. }
            | Phase::Answering { until }
            | Phase::Connecting { until } => Some(*until),
            Phase::Reconnecting { until, restart_at } => Some(restart_at.map_or(*until, |at| at.min(*until))),
            Phase::Connected | Phase::Ended(_) => None,
        };
        let candidates = self.outbox.due().filter(|_| self.may_send_candidates());
        [phase, candidates, self.negotiation.deadline()].into_iter().flatten().min()
    }

    pub(super) fn expire(&mut self, now: Moment) {
        match &mut self.phase {
            Phase::Gathering { until, .. } if *until <= now => self.send_description(now),
            Phase::Inviting { until } if *until <= now => {
                self.finish(Cause::NobodyAnswered, HangupReason::InviteTimeout);
            }
            Phase::Incoming { until, .. } if *until <= now => self.end(Cause::Missed),
            Phase::Preparing { until } | Phase::Answering { until } if *until <= now => {
                self.finish(Cause::Engine { of: Side::Us }, HangupReason::UnknownError);
            }
            Phase::Connecting { until } if *until <= now => self.finish(Cause::NoPath, HangupReason::IceFailed),
            Phase::Reconnecting { until, .. } if *until <= now => {
                self.finish(Cause::ConnectionLost, HangupReason::IceTimeout);
            }
            Phase::Reconnecting { restart_at, .. } if restart_at.is_some_and(|at| at <= now) => {
                *restart_at = None;
                if self.speaks_one() {
                    self.want_restart();
                }
            }
            _ => {}
        }
        if self.negotiation.deadline().is_some_and(|until| until <= now) {
            self.negotiation_failed();
        }
        self.send_candidates(now);
    }

    fn may_send_candidates(&self) -> bool {
        self.is_inviting() || self.is_active()
    }

    pub(super) fn send_candidates(&mut self, now: Moment) {
        let say_end = self.speaks_one();
        while self.may_send_candidates() {
            match self.outbox.poll(say_end, now) {
                Some(batch) if batch.is_empty() => {}
                Some(batch) => self.say(Body::Candidates(batch)),
                None => return,
            }
        }
    }
}
