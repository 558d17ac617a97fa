//! What the person does to a call.

use ruma::OwnedVoipId;

use super::{Alert, Call, Person, Phase};
use crate::{
    change::{Cause, Change, Refusal, Side, Silence},
    engine::{Command, LocalMedia},
    limits::ENGINE_PATIENCE,
    moment::Moment,
    signal::{Body, Description, DescriptionKind, HangupReason},
};

impl Call {
    pub(super) fn person(&mut self, person: Person, now: Moment) {
        match person {
            Person::Accept(media) => self.accept(media, None, now),
            Person::Decline if self.is_incoming() => {
                self.finish(Cause::Declined { by: Side::Us }, HangupReason::UserHangup);
            }
            Person::SayBusy if self.is_incoming() => self.say_busy(),
            Person::Dismiss => self.dismiss(),
            Person::Decline | Person::SayBusy => {}
            Person::HangUp if self.is_incoming() => {
                self.finish(Cause::Declined { by: Side::Us }, HangupReason::UserHangup);
            }
            Person::HangUp => self.finish(Cause::HungUp { by: Side::Us }, HangupReason::UserHangup),
            Person::Hold(on) => self.hold(on),
            Person::Mute(muted) => self.set_media(LocalMedia { microphone: !muted, ..self.media }),
            Person::Camera(on) => self.camera(on),
            Person::Share(on) => self.share(on),
        }
    }

    pub(super) fn accept(&mut self, media: LocalMedia, instead_of: Option<OwnedVoipId>, now: Moment) {
        let Phase::Incoming { sdp, alert, .. } = &mut self.phase else { return };
        *alert = Alert::Told;
        let description = Description { kind: DescriptionKind::Offer, sdp: std::mem::take(sdp) };
        self.phase = Phase::Answering { until: now + ENGINE_PATIENCE };
        self.media = media;
        self.show(Change::Connecting);
        self.show(Change::Ours(media));
        self.open_engine(instead_of);
        let round = self.negotiation.next_round();
        self.tell(Command::SetRemote { round, description });
        self.remote_set = true;
        self.hand_over_candidates();
        self.tell(Command::CreateAnswer { round });
        if !self.theirs.is_empty() {
            self.show(Change::Theirs(self.theirs.clone()));
        }
    }

    /// A hangup with the reason for those who read it, and a reject for those who take no hangup before an answer.
    fn say_busy(&mut self) {
        self.say(Body::Hangup(HangupReason::UserBusy));
        if self.speaks_one() {
            self.say(Body::Reject);
        }
        self.end(Cause::Busy { by: Side::Us });
    }

    fn dismiss(&mut self) {
        let video = self.offers_video();
        let (Phase::Incoming { until, .. }, Some(peer)) = (&self.phase, &self.peer) else { return };
        let (caller, until) = (peer.user.clone(), *until);
        self.show(Change::Silenced { caller, video, until, why: Silence::Dismissed });
    }

    fn hold(&mut self, on: bool) {
        if !self.is_active() {
            return self.show(Change::Refused(Refusal::TooEarly));
        }
        if on != self.media.on_hold {
            self.set_media(LocalMedia { on_hold: on, ..self.media });
            self.want_offer();
        }
    }

    fn camera(&mut self, on: bool) {
        let needs_offer = on && !self.local.sends_video;
        if needs_offer && self.is_active() && !self.speaks_one() {
            return self.show(Change::Refused(Refusal::TheirAppCannot));
        }
        self.set_media(LocalMedia { camera: on, ..self.media });
        if needs_offer && !self.is_incoming() && !matches!(self.phase, Phase::Preparing { .. }) {
            self.want_offer();
        }
    }

    fn share(&mut self, on: bool) {
        let knows = self.peer.as_ref().is_some_and(|peer| peer.knows_streams);
        if on && !self.is_active() {
            return self.show(Change::Refused(Refusal::TooEarly));
        }
        if on && !knows {
            return self.show(Change::Refused(Refusal::TheirAppCannot));
        }
        if on != self.media.screen {
            self.set_media(LocalMedia { screen: on, ..self.media });
            self.want_offer();
        }
    }
}
