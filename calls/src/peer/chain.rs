//! The chain of interceptors that media passes between us and the wire.

mod estimate;
mod key_frames;
mod pacer;
mod repair;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Instant,
};

use rtc::{
    interceptor::{CongestionControlBuilder, Registry, Slot, TaggedPacket},
    peer_connection::configuration::{
        interceptor_registry::{configure_twcc_sender_only, register_default_interceptors},
        media_engine::{MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine},
    },
    rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind},
    shared::error::Result,
};

use self::{estimate::Estimate, key_frames::KeyFrameRequests, pacer::Pacer, repair::Repaired};

const START: u32 = 600_000;

/// What the chain and the encoders tell each other.
#[derive(Debug)]
pub struct Pace {
    target: AtomicU32,
    queued: AtomicUsize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { target: AtomicU32::new(START), queued: AtomicUsize::new(0) }
    }
}

impl Pace {
    /// Bits per second that may be sent in all.
    pub fn target(&self) -> u32 {
        self.target.load(Ordering::Relaxed)
    }

    /// Whether what waits to be sent would take longer than a frame may be late.
    pub fn is_behind(&self) -> bool {
        let bits = self.queued.load(Ordering::Relaxed).saturating_mul(8);
        bits > self.target() as usize / 4
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
    let registry = configure_twcc_sender_only(registry, &mut engine)?
        .with(Slot::CongestionControl, estimate)
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
    inward: std::collections::VecDeque<TaggedPacket>,
    outward: std::collections::VecDeque<TaggedPacket>,
}
