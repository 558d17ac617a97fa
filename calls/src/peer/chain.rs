//! The chain of interceptors that media passes between us and the wire.

mod also_repairs;
mod burst;
mod estimate;
mod key_frames;
mod pacer;
mod repair;
mod resending;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{CongestionControlBuilder, Registry, Slot, TaggedPacket, TwccSenderBuilder},
    peer_connection::configuration::{
        interceptor_registry::register_default_interceptors,
        media_engine::{MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine},
    },
    rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind},
    shared::error::Result,
};

use self::{
    also_repairs::AlsoRepairs, estimate::Estimate, key_frames::KeyFrameRequests, pacer::Pacer, repair::Repaired,
};
use crate::congestion::Probe;

const START: u32 = 600_000;
/// Packets of bursts of which nothing was reported yet.
const PROBING: usize = 256;

/// What the chain and the encoders tell each other.
#[derive(Debug)]
pub struct Pace {
    target: AtomicU32,
    /// Milliseconds from sending a packet until it is known to have arrived.
    round_trip: AtomicU32,
    /// Bits per second of what is sent again.
    repairs: AtomicU32,
    queued: AtomicUsize,
    /// A burst that is wished for.
    probe: Mutex<Option<Probe>>,
    /// Source and number of packets of bursts, with the burst's id.
    probing: Mutex<VecDeque<(u32, u16, u32)>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            target: AtomicU32::new(START),
            round_trip: AtomicU32::new(100),
            repairs: AtomicU32::new(0),
            queued: AtomicUsize::new(0),
            probe: Mutex::default(),
            probing: Mutex::default(),
        }
    }
}

impl Pace {
    /// Bits per second that sound and pictures may take.
    pub fn target(&self) -> u32 {
        let (total, repairs) = (self.total(), self.repairs.load(Ordering::Relaxed));
        total - repairs.min(total / 2)
    }

    /// Bits per second that may be sent in all.
    fn total(&self) -> u32 {
        self.target.load(Ordering::Relaxed)
    }

    fn round_trip(&self) -> Duration {
        Duration::from_millis(self.round_trip.load(Ordering::Relaxed).into())
    }

    /// Whether what waits to be sent would take longer than a frame may be late.
    pub fn is_behind(&self) -> bool {
        let bits = self.queued.load(Ordering::Relaxed).saturating_mul(8);
        bits > self.target() as usize / 4
    }

    fn wish_for(&self, probe: Probe) {
        *self.probe.lock().unwrap_or_else(PoisonError::into_inner) = Some(probe);
    }

    fn take_probe(&self) -> Option<Probe> {
        self.probe.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A packet of a burst leaves.
    fn probing(&self, source: u32, number: u16, id: u32) {
        let mut probing = self.probing.lock().unwrap_or_else(PoisonError::into_inner);
        probing.push_back((source, number, id));
        if probing.len() > PROBING {
            probing.pop_front();
        }
    }

    /// The burst that a packet belonged to.
    fn probe_of(&self, source: u32, number: u16) -> Option<u32> {
        let probing = self.probing.lock().unwrap_or_else(PoisonError::into_inner);
        probing.iter().rev().find(|packet| (packet.0, packet.1) == (source, number)).map(|packet| packet.2)
    }
}

/// The codecs we speak, best first, and the chain for them.
pub fn build(pace: &Arc<Pace>, now: Instant) -> Result<(MediaEngine, Registry)> {
    let mut engine = MediaEngine::default();
    for (codec, kind) in codecs() {
        engine.register_codec(codec, kind)?;
    }
    let registry = register_default_interceptors(Registry::new(), &mut engine)?;
    let estimate = CongestionControlBuilder::new(Estimate::new(Arc::clone(pace), now)).build();
    let registry = registry
        .with(Slot::CongestionControl, AlsoRepairs(estimate))
        .with(Slot::TwccSender, AlsoRepairs(TwccSenderBuilder::new().build()))
        .with(Slot::Pacer, Pacer::new(Arc::clone(pace)))
        // Between the pacer and the generator of NACKs, and where the application is near.
        .with(Slot::from(6_500), Repaired::default())
        .with(Slot::from(14_000), KeyFrameRequests::default());
    Ok((engine, registry))
}

pub fn opus() -> RTCRtpCodec {
    codec(MIME_TYPE_OPUS, "minptime=10;useinbandfec=1;usedtx=1", 48_000, 2, &[])
}

pub fn vp8() -> RTCRtpCodec {
    codec(MIME_TYPE_VP8, "", 90_000, 0, &[("nack", ""), ("nack", "pli"), ("ccm", "fir")])
}

fn codecs() -> [(RTCRtpCodecParameters, RtpCodecKind); 3] {
    let repair = codec(MIME_TYPE_RTX, "apt=96", 90_000, 0, &[]);
    [
        (RTCRtpCodecParameters { rtp_codec: opus(), payload_type: 111 }, RtpCodecKind::Audio),
        (RTCRtpCodecParameters { rtp_codec: vp8(), payload_type: 96 }, RtpCodecKind::Video),
        (RTCRtpCodecParameters { rtp_codec: repair, payload_type: 97 }, RtpCodecKind::Video),
    ]
}

fn codec(mime: &str, parameters: &str, clock: u32, channels: u16, feedback: &[(&str, &str)]) -> RTCRtpCodec {
    let rtcp_feedback = feedback
        .iter()
        .map(|(kind, parameter)| RTCPFeedback { typ: (*kind).to_owned(), parameter: (*parameter).to_owned() })
        .collect();
    RTCRtpCodec {
        mime_type: mime.to_owned(),
        clock_rate: clock,
        channels,
        sdp_fmtp_line: parameters.to_owned(),
        rtcp_feedback,
    }
}

/// What waits in an interceptor to be taken on, each way.
#[derive(Default)]
struct Queues {
    inward: VecDeque<TaggedPacket>,
    outward: VecDeque<TaggedPacket>,
}

#[cfg(test)]
mod tests;
