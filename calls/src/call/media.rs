//! What each side sends: devices, mute, hold, and the metadata that tells of it.

use super::{Call, Phase};
use crate::{
    change::{Cause, Change, Device, Side},
    device::NoPicture,
    engine::{Command, LocalMedia},
    sdp::Outline,
    signal::{Body, HangupReason, Purpose, Stream, Streams},
};

impl Call {
    pub(super) fn set_media(&mut self, media: LocalMedia) {
        if self.media == media {
            return;
        }
        self.media = media;
        self.local.untold = true;
        self.tell(Command::SetMedia(media));
        self.show(Change::Ours(media));
    }

    /// Our streams with what is muted in them. None when there are none to speak of.
    pub(super) fn our_streams(&self) -> Option<Streams> {
        let LocalMedia { microphone, camera, on_hold, .. } = self.media;
        let marked = self.local.streams.iter().map(|(id, stream)| {
            let (audio_muted, video_muted) = match stream.purpose {
                Purpose::UserMedia => (!microphone || on_hold || self.local.microphone_lost, !camera || on_hold),
                Purpose::ScreenShare => (on_hold, on_hold),
            };
            (id.clone(), Stream { purpose: stream.purpose, audio_muted, video_muted })
        });
        Some(marked.collect()).filter(|streams: &Streams| !streams.is_empty())
    }

    /// Tells the peer what changed, where its app understands it.
    pub(super) fn tell_streams(&mut self) {
        if !self.local.untold || !self.peer.as_ref().is_some_and(|peer| peer.knows_streams) {
            return;
        }
        self.local.untold = false;
        if let Some(streams) = self.our_streams() {
            self.say(Body::StreamsChanged(streams));
        }
    }

    pub(super) fn their_streams_are(&mut self, streams: Streams) {
        if let Some(peer) = &mut self.peer {
            peer.knows_streams = true;
        }
        if self.theirs != streams {
            self.theirs = streams;
            if !self.is_incoming() {
                self.show(Change::Theirs(self.theirs.clone()));
            }
        }
    }

    /// Reads in their description whether they hold us.
    pub(super) fn read_hold(&mut self, outline: &Outline) {
        if self.held_by_them != outline.on_hold {
            self.held_by_them = outline.on_hold;
            self.show(Change::HeldByThem(outline.on_hold));
        }
    }

    /// Without a microphone there is no call to set up; in a call that stands it can come back.
    pub(super) fn device_failed(&mut self, device: Device) {
        match device {
            Device::Microphone if !self.is_active() => {
                let cause = Cause::Microphone { of: Side::Us };
                return self.finish(cause, HangupReason::UserMediaFailed);
            }
            Device::Microphone => {
                self.local.untold |= !self.local.microphone_lost;
                self.local.microphone_lost = true;
            }
            Device::Camera | Device::Screen => return self.no_picture(device, NoPicture::Vanished),
            Device::Speaker => {}
        }
        self.show(Change::DeviceLost(device));
    }

    /// The call goes on without; who thought better of it knows.
    pub(super) fn no_picture(&mut self, device: Device, why: NoPicture) {
        if device == Device::Screen && self.media.screen {
            self.set_media(LocalMedia { screen: false, ..self.media });
            self.want_offer();
        } else if device == Device::Camera {
            self.set_media(LocalMedia { camera: false, ..self.media });
        }
        if why != NoPicture::Cancelled {
            self.show(Change::NoPicture(device, why));
        }
    }

    pub(super) fn device_back(&mut self, device: Device) {
        if matches!(self.phase, Phase::Incoming { .. }) {
            return;
        }
        if device == Device::Microphone && self.local.microphone_lost {
            self.local.microphone_lost = false;
            self.local.untold = true;
        }
        self.show(Change::DeviceBack(device));
    }
}
