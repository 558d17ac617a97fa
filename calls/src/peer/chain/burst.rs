//! Bursts that probe the path: packets that were sent lately go once more, as repairs that nobody asked for.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{BufMut as _, BytesMut};
use rtc::{
    interceptor::{AttributedPacket, Packet, StreamInfo, TaggedPacket},
    rtp,
    shared::TransportContext,
};

use super::Pace;
use crate::congestion::Probe;

/// Of the packets that are kept, for all streams together.
const KEPT: usize = 64;
/// Timers are late now and then; what is due by then goes at once.
const LATE: Duration = Duration::from_millis(1);
/// A burst that takes longer is given up: media waits for it.
const LONGEST: Duration = Duration::from_millis(300);
/// Of IP, UDP, RTP and its encryption.
const HEADERS: usize = 60;

pub struct Bursts {
    pace: Arc<Pace>,
    /// By the source of a stream: where its repairs go.
    repairs: HashMap<u32, Repairs>,
    /// The newest last.
    kept: VecDeque<(TransportContext, rtp::Packet)>,
    burst: Option<Burst>,
}

struct Repairs {
    ssrc: u32,
    payload_type: u8,
    number: u16,
}

struct Burst {
    probe: Probe,
    left: usize,
    due: Instant,
    since: Instant,
    turn: usize,
}

impl Bursts {
    pub fn new(pace: Arc<Pace>) -> Self {
        Self { pace, repairs: HashMap::new(), kept: VecDeque::new(), burst: None }
    }

    pub fn bind(&mut self, stream: &StreamInfo) {
        if let (Some(ssrc), Some(payload_type)) = (stream.ssrc_rtx, stream.payload_type_rtx) {
            self.repairs.insert(stream.ssrc, Repairs { ssrc, payload_type, number: 0 });
        }
    }

    pub fn unbind(&mut self, stream: &StreamInfo) {
        self.repairs.remove(&stream.ssrc);
        self.kept.retain(|(_, packet)| packet.header.ssrc != stream.ssrc);
    }

    /// Whether this source is one of repairs.
    pub fn repairs(&self, source: u32) -> bool {
        self.repairs.values().any(|repairs| repairs.ssrc == source)
    }

    /// A packet leaves: one of media is kept, and one that repairs gets the next number of its stream, since bursts take
    /// numbers as well.
    pub fn leaving(&mut self, packet: &mut TaggedPacket) {
        let Packet::Rtp(rtp) = &mut packet.message.packet else { return };
        if let Some(repairs) = self.repairs.values_mut().find(|repairs| repairs.ssrc == rtp.header.ssrc) {
            rtp.header.sequence_number = repairs.next();
        } else if self.repairs.contains_key(&rtp.header.ssrc) {
            self.kept.push_back((packet.transport, rtp.clone()));
            if self.kept.len() > KEPT {
                self.kept.pop_front();
            }
        }
    }

    /// Whether a burst is under way, which media waits for.
    pub fn is_under_way(&self) -> bool {
        self.burst.is_some()
    }

    pub fn due(&self) -> Option<Instant> {
        self.burst.as_ref().map(|burst| burst.due)
    }

    /// What is to be sent now.
    pub fn release(&mut self, now: Instant) -> Vec<TaggedPacket> {
        if self.burst.is_none() && !self.kept.is_empty() {
            let probe = self.pace.take_probe();
            self.burst = probe.map(|probe| Burst { probe, left: probe.bytes, due: now, since: now, turn: 0 });
        }
        let Some(mut burst) = self.burst.take() else { return Vec::new() };
        let mut packets = Vec::new();
        while burst.left > 0 && burst.due <= now + LATE {
            let Some((transport, packet)) = self.again(&mut burst) else { return packets };
            let bytes = size(&packet);
            let packet = TaggedPacket { now, transport, message: AttributedPacket::new(Packet::Rtp(packet)) };
            burst.left = burst.left.saturating_sub(bytes);
            burst.due += Duration::from_secs_f64(bytes as f64 * 8.0 / burst.probe.rate.max(1.0));
            packets.push(packet);
        }
        let over = burst.left == 0 || now.saturating_duration_since(burst.since) > LONGEST;
        self.burst = Some(burst).filter(|_| !over);
        packets
    }

    /// One of the kept packets that is about as large as the probe wants it, as a repair.
    fn again(&mut self, burst: &mut Burst) -> Option<(TransportContext, rtp::Packet)> {
        let most = burst.probe.packet + burst.probe.packet / 2;
        let fitting: Vec<_> = self.kept.iter().rev().filter(|(_, packet)| size(packet) <= most).collect();
        let smallest = || self.kept.iter().min_by_key(|(_, packet)| size(packet));
        let (transport, media) = fitting.get(burst.turn % fitting.len().max(1)).copied().or_else(smallest)?;
        burst.turn += 1;
        let repairs = self.repairs.get_mut(&media.header.ssrc)?;
        let mut payload = BytesMut::with_capacity(2 + media.payload.len());
        payload.put_u16(media.header.sequence_number);
        payload.extend_from_slice(&media.payload);
        let mut again = rtp::Packet { header: media.header.clone(), payload: payload.freeze() };
        (again.header.ssrc, again.header.payload_type) = (repairs.ssrc, repairs.payload_type);
        again.header.sequence_number = repairs.next();
        self.pace.probing(again.header.ssrc, again.header.sequence_number, burst.probe.id);
        Some((*transport, again))
    }
}

impl Repairs {
    fn next(&mut self) -> u16 {
        self.number = self.number.wrapping_add(1);
        self.number
    }
}

fn size(packet: &rtp::Packet) -> usize {
    packet.payload.len() + HEADERS
}
