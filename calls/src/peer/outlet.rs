//! A track of ours: what is written to it goes to the other side, once it is negotiated.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU16, Ordering},
};

use bytes::Bytes;
use rand::RngCore;
use rtc::{
    media_stream::MediaStreamTrack,
    rtp::{Packet, header::Header},
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
    },
    shared::error::Result,
};
use webrtc::{
    media_stream::track_local::{TrackLocal, TrackLocalEvent, static_rtp::TrackLocalStaticRTP},
    peer_connection::PeerConnection,
    rtp_transceiver::RtpSender,
};

/// No payload type is so large: nothing is negotiated.
const NONE: u16 = u16::MAX;

pub(super) struct Outlet {
    track: Arc<TrackLocalStaticRTP>,
    pub sender: Arc<dyn RtpSender>,
    pub stream: String,
    source: u32,
    /// Of the next packet; it goes on when a camera is off and on again, for the other side counts by source.
    number: AtomicU16,
    /// Where the clock of packets begins.
    base: u32,
    payload_type: AtomicU16,
    pub key_frame_wanted: AtomicBool,
}

impl Outlet {
    /// Adds a track to the connection, in the stream of this id.
    pub async fn add(
        connection: &Arc<dyn PeerConnection>,
        kind: RtpCodecKind,
        codec: RTCRtpCodec,
        stream: &str,
        rng: &mut (dyn RngCore + Send),
    ) -> Result<Arc<Self>> {
        let (source, repairs) = (rng.next_u32(), rng.next_u32());
        let rtx = (kind == RtpCodecKind::Video).then_some(RTCRtpRtxParameters { ssrc: repairs });
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(source),
                rtx,
                ..RTCRtpCodingParameters::default()
            },
            active: true,
            codec,
            ..RTCRtpEncodingParameters::default()
        };
        let id = format!("{source:08x}");
        let track = MediaStreamTrack::new(stream.to_owned(), id.clone(), id, kind, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let sender = connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
        Ok(Arc::new(Self {
            track,
            sender,
            stream: stream.to_owned(),
            source,
            // RFC 3550 wants both to start anywhere; halved, so that the first turn of the counter is far.
            number: AtomicU16::new((rng.next_u32() & 0x7fff) as u16),
            base: rng.next_u32() >> 1,
            payload_type: AtomicU16::new(NONE),
            key_frame_wanted: AtomicBool::new(true),
        }))
    }

    /// Reads what was negotiated for this codec.
    pub async fn negotiated(&self, mime: &str) {
        let parameters = self.sender.get_parameters().await.ok();
        let codec = parameters.as_ref().and_then(|parameters| {
            let codecs = &parameters.rtp_parameters.codecs;
            codecs.iter().find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime))
        });
        self.payload_type.store(codec.map_or(NONE, |codec| codec.payload_type.into()), Ordering::Relaxed);
    }

    fn payload_type(&self) -> Option<u8> {
        u8::try_from(self.payload_type.load(Ordering::Relaxed)).ok()
    }

    /// Waits until the other side asks for a key frame. False when the track is gone.
    pub async fn key_frame_request(&self) -> bool {
        matches!(self.track.poll().await, Some(TrackLocalEvent::OnRtcpPacket(_)))
    }
}

/// Numbers packets on their way into an outlet.
pub(super) struct Writer {
    outlet: Arc<Outlet>,
}

impl Writer {
    pub fn new(outlet: Arc<Outlet>) -> Self {
        Self { outlet }
    }

    pub fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }

    /// False when nothing is negotiated, or the connection is closed.
    pub async fn write(&mut self, payload: Bytes, stamp: u32, marker: bool) -> bool {
        let Some(payload_type) = self.outlet.payload_type() else { return false };
        let header = Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: self.outlet.number.fetch_add(1, Ordering::Relaxed),
            timestamp: self.outlet.base.wrapping_add(stamp),
            ssrc: self.outlet.source,
            ..Header::default()
        };
        self.outlet.track.write_rtp(Packet { header, payload }).await.is_ok()
    }
}
