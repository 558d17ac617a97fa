//! What the screen shows of the calls, drawn from what the calls say.

use std::time::Duration;

use calls::{
    CallKey, Cause, Change, Device, LocalMedia, Refusal, Side,
    signal::{Purpose, Streams},
    statistics::Statistics,
};
use client::Session;
use ruma::UserId;
use tokio::{sync::watch, time::Instant};

use super::{reference, ring::Ringing};
use crate::{
    api::call::{
        CallDevice, CallEnd, CallRef, CallState, CallView, NoPicture, NoPictureCause, OurMedia, Quality, TheirMedia,
    },
    cameras::cause,
};

/// Ended calls that stay until somebody looks.
const MAX_ENDED: usize = 8;
/// A share of packets that a voice bears, and one at which words are lost.
const SOME_LOSS: f64 = 0.03;
const MUCH_LOSS: f64 = 0.10;
const SLOW: Duration = Duration::from_millis(300);
const VERY_SLOW: Duration = Duration::from_millis(600);

pub(super) struct Screen {
    session: Session,
    shown: Vec<Shown>,
    show: watch::Sender<Vec<Told>>,
}

/// A call as a page is told of it.
#[derive(Clone, PartialEq)]
pub(crate) struct Told {
    view: CallView,
    connected: Option<Instant>,
}

impl Told {
    /// The view of this moment.
    pub(crate) fn view(&self) -> CallView {
        let mut view = self.view.clone();
        if let (CallState::Connected { elapsed }, Some(since)) = (&mut view.state, self.connected) {
            *elapsed = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        view
    }

    /// It has the camera, or is about to.
    pub(crate) fn films(&self) -> bool {
        self.view.ours.camera && !matches!(self.view.state, CallState::Ended { .. })
    }
}

struct Shown {
    told: Told,
    /// In another call already: ring softly.
    softly: bool,
    /// Packets that came and that were lost, when it was last looked.
    counted: (u64, u64),
}

impl Screen {
    pub(super) fn new(session: Session, show: watch::Sender<Vec<Told>>) -> Self {
        Self { session, shown: Vec::new(), show }
    }

    /// A call of ours begins.
    pub(super) async fn placed(&mut self, key: &CallKey, with: Option<&UserId>) {
        self.look_ahead(key);
        self.entry(key, with, false).await;
    }

    /// False when no such call is shown.
    pub(super) fn close(&mut self, call: &CallRef) -> bool {
        if !self.shown.iter().any(|shown| shown.told.view.call == *call) {
            return false;
        }
        self.shown
            .retain(|shown| shown.told.view.call != *call || !matches!(shown.told.view.state, CallState::Ended { .. }));
        self.tell();
        true
    }

    pub(super) async fn change(&mut self, key: &CallKey, change: Change, with: Option<&UserId>) {
        match change {
            Change::ContinuedAs(_) => {
                self.remove(key);
                return;
            }
            Change::Ended(cause) => {
                match end(cause) {
                    Some(cause) if self.is_shown(key) => {
                        let shown = self.entry(key, with, false).await;
                        shown.told.view.state = CallState::Ended { cause };
                        shown.told.view.lost.clear();
                    }
                    _ => self.remove(key),
                }
                let over =
                    self.shown.iter().filter(|shown| matches!(shown.told.view.state, CallState::Ended { .. })).count();
                if over > MAX_ENDED {
                    let oldest =
                        self.shown.iter().position(|shown| matches!(shown.told.view.state, CallState::Ended { .. }));
                    oldest.map(|at| self.shown.remove(at));
                }
                return;
            }
            _ => {}
        }
        if matches!(change, Change::Connecting) {
            self.look_ahead(key);
        }
        let incoming = matches!(change, Change::Ringing { .. } | Change::Silenced { .. });
        let shown = self.entry(key, with, incoming).await;
        let view = &mut shown.told.view;
        match change {
            Change::Placing => view.state = CallState::Placing,
            Change::Calling { .. } => view.state = CallState::Calling,
            Change::Ringing { video, in_call, .. } => {
                shown.softly = in_call;
                view.state = CallState::Ringing { video, silent: false };
            }
            Change::Silenced { video, .. } => view.state = CallState::Ringing { video, silent: true },
            Change::Connecting => view.state = CallState::Connecting,
            Change::Connected => {
                view.state = CallState::Connected { elapsed: 0 };
                shown.told.connected.get_or_insert_with(Instant::now);
            }
            Change::Reconnecting => view.state = CallState::Reconnecting,
            Change::HeldByThem(held) => view.held_by_them = held,
            Change::Ours(media) => {
                view.ours = ours(media);
                view.no_picture = None;
            }
            Change::Theirs(streams) => view.theirs = theirs(&streams),
            Change::DeviceLost(lost) if !view.lost.contains(&device(lost)) => view.lost.push(device(lost)),
            Change::DeviceBack(back) => view.lost.retain(|lost| *lost != device(back)),
            Change::Refused(Refusal::TheirAppCannot) => {
                view.no_picture = Some(NoPicture { device: CallDevice::Camera, why: NoPictureCause::TheirAppCannot });
            }
            Change::NoPicture(lost, why) => {
                view.no_picture = cause(why).map(|why| NoPicture { device: device(lost), why });
            }
            Change::DeviceLost(_)
            | Change::NegotiationFailed
            | Change::Refused(Refusal::TooEarly)
            | Change::ContinuedAs(_)
            | Change::Ended(_) => {}
        }
    }

    pub(super) fn measured(&mut self, key: &CallKey, statistics: &Statistics) {
        let call = reference(key);
        let Some(shown) = self.shown.iter_mut().find(|shown| shown.told.view.call == call) else { return };
        let now = (statistics.received.packets, statistics.received.lost);
        let came = now.0.saturating_sub(shown.counted.0);
        let lost = now.1.saturating_sub(shown.counted.1);
        shown.counted = now;
        let away = statistics.pair.as_ref().map(|pair| pair.round_trip).unwrap_or_default();
        shown.told.view.quality = quality(came, lost, away);
    }

    /// Tells what changed since it was last told.
    pub(super) fn tell(&mut self) {
        let told: Vec<Told> = self.shown.iter().map(|shown| shown.told.clone()).collect();
        self.show.send_if_modified(|now| {
            let changed = *now != told;
            *now = told;
            changed
        });
    }

    /// The person talks, or calls somebody.
    pub(super) fn in_call(&self) -> bool {
        let idle = |state: &CallState| matches!(state, CallState::Ringing { .. } | CallState::Ended { .. });
        self.shown.iter().any(|shown| !idle(&shown.told.view.state))
    }

    /// What is to be heard now.
    pub(super) fn sound(&self) -> Ringing {
        let of = |shown: &Shown| match shown.told.view.state {
            CallState::Ringing { silent: false, .. } if shown.softly => Ringing::Softly,
            CallState::Ringing { silent: false, .. } => Ringing::Theirs,
            CallState::Calling => Ringing::Ours,
            _ => Ringing::Nothing,
        };
        self.shown.iter().map(of).find(|ringing| *ringing != Ringing::Nothing).unwrap_or_default()
    }

    /// How the last call in this room ended matters no more.
    fn look_ahead(&mut self, next: &CallKey) {
        let room = reference(next).room_id;
        self.shown.retain(|shown| {
            let view = &shown.told.view;
            view.call.room_id != room || !matches!(view.state, CallState::Ended { .. })
        });
    }

    fn is_shown(&self, key: &CallKey) -> bool {
        let call = reference(key);
        self.shown.iter().any(|shown| shown.told.view.call == call)
    }

    fn remove(&mut self, key: &CallKey) {
        let call = reference(key);
        self.shown.retain(|shown| shown.told.view.call != call);
    }

    async fn entry(&mut self, key: &CallKey, with: Option<&UserId>, incoming: bool) -> &mut Shown {
        let call = reference(key);
        let at = match self.shown.iter().position(|shown| shown.told.view.call == call) {
            Some(at) => at,
            None => {
                self.shown.push(Shown {
                    told: Told {
                        view: CallView {
                            call,
                            person: None,
                            incoming,
                            state: CallState::Placing,
                            ours: OurMedia::default(),
                            theirs: TheirMedia::default(),
                            held_by_them: false,
                            lost: Vec::new(),
                            no_picture: None,
                            quality: Quality::Unknown,
                        },
                        connected: None,
                    },
                    softly: false,
                    counted: (0, 0),
                });
                self.shown.len() - 1
            }
        };
        let known =
            self.shown.get(at).and_then(|shown| shown.told.view.person.as_ref()).map(|person| person.user_id.as_str());
        let person = match with {
            Some(with) if known != Some(with.as_str()) => Some(self.session.person_in(&key.room, with).await),
            _ => None,
        };
        #[expect(clippy::indexing_slicing, reason = "the place was found, or made, above")]
        let shown = &mut self.shown[at];
        if person.is_some() {
            shown.told.view.person = person;
        }
        shown
    }
}

fn ours(media: LocalMedia) -> OurMedia {
    OurMedia { microphone: media.microphone, camera: media.camera, screen: media.screen, on_hold: media.on_hold }
}

fn theirs(streams: &Streams) -> TheirMedia {
    let of = |purpose: Purpose| streams.values().filter(move |stream| stream.purpose == purpose);
    TheirMedia {
        muted: of(Purpose::UserMedia).next().is_some() && of(Purpose::UserMedia).all(|stream| stream.audio_muted),
        camera: of(Purpose::UserMedia).any(|stream| !stream.video_muted),
        screen: of(Purpose::ScreenShare).any(|stream| !stream.video_muted),
        screen_stream: streams
            .iter()
            .find(|(_, stream)| stream.purpose == Purpose::ScreenShare)
            .map(|(id, _)| id.clone()),
    }
}

fn device(device: Device) -> CallDevice {
    match device {
        Device::Microphone => CallDevice::Microphone,
        Device::Speaker => CallDevice::Speaker,
        Device::Camera => CallDevice::Camera,
        Device::Screen => CallDevice::Screen,
    }
}

fn quality(came: u64, lost: u64, round_trip: Duration) -> Quality {
    if came + lost == 0 {
        return Quality::Unknown;
    }
    let share = lost as f64 / (came + lost) as f64;
    if share > MUCH_LOSS || round_trip > VERY_SLOW {
        Quality::Poor
    } else if share > SOME_LOSS || round_trip > SLOW {
        Quality::Fair
    } else {
        Quality::Good
    }
}

/// `None`: the call goes from the screen at once, because the person knows or another device tells.
fn end(cause: Cause) -> Option<CallEnd> {
    Some(match cause {
        Cause::HungUp { by: Side::Us } | Cause::Declined { by: Side::Us } | Cause::Glare => return None,
        Cause::AnsweredElsewhere | Cause::DeclinedElsewhere => return None,
        Cause::HungUp { by: Side::Them } => CallEnd::TheyHungUp,
        Cause::Declined { by: Side::Them } => CallEnd::TheyDeclined,
        Cause::NobodyAnswered => CallEnd::NobodyAnswered,
        Cause::Missed => CallEnd::Missed,
        Cause::Busy { by: Side::Us } => CallEnd::WeWereBusy,
        Cause::Busy { by: Side::Them } => CallEnd::TheyAreBusy,
        Cause::Microphone { of: Side::Us } => CallEnd::OurMicrophone,
        Cause::Microphone { of: Side::Them } => CallEnd::TheirMicrophone,
        Cause::NoPath => CallEnd::NoPath,
        Cause::ConnectionLost => CallEnd::ConnectionLost,
        Cause::TheirAppCannot => CallEnd::TheirAppCannot,
        Cause::NotSent => CallEnd::NotSent,
        Cause::TheyLeft => CallEnd::TheyLeft,
        Cause::WeLeft => CallEnd::WeLeft,
        Cause::Engine { of: Side::Us } => CallEnd::OurEngine,
        Cause::Engine { of: Side::Them } => CallEnd::TheirEngine,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Quality, quality};

    #[test]
    fn a_connection_is_as_good_as_its_loss_and_its_delay() {
        let soon = Duration::from_millis(40);
        assert_eq!(quality(0, 0, soon), Quality::Unknown);
        assert_eq!(quality(100, 1, soon), Quality::Good);
        assert_eq!(quality(95, 5, soon), Quality::Fair);
        assert_eq!(quality(80, 20, soon), Quality::Poor);
        assert_eq!(quality(100, 0, Duration::from_millis(400)), Quality::Fair);
        assert_eq!(quality(100, 0, Duration::from_secs(1)), Quality::Poor);
    }
}
