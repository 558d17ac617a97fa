//! Lets sound through at once and video at a pace that the path can take.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket},
    sansio::Protocol,
    shared::error::Error,
};

use super::{Pace, Queues, burst::Bursts, resending::Resending};

/// How much faster than the target a frame may leave, so that it is not late; libwebrtc's factor.
const FASTER: f64 = 2.5;
const LEAST_RATE: f64 = 150_000.0;
/// What may leave at once after a pause.
const BURST: Duration = Duration::from_millis(20);
const BURST_BITS: f64 = 12_000.0;
const TURN: Duration = Duration::from_millis(5);
/// Of IP, UDP and RTP.
const HEADERS: usize = 40;
/// What waits at most; an encoder that heeds [`Pace::is_behind`] never comes near.
const MOST_WAITING: usize = 2_000;

pub struct Pacer {
    pace: Arc<Pace>,
    sound: HashSet<u32>,
    video: VecDeque<TaggedPacket>,
    bursts: Bursts,
    resending: Resending,
    repaired: Repaired,
    queues: Queues,
    budget: f64,
    last: Option<Instant>,
}

impl Pacer {
    pub fn new(pace: Arc<Pace>) -> Self {
        let (sound, video, queues) = (HashSet::new(), VecDeque::new(), Queues::default());
        let bursts = Bursts::new(Arc::clone(&pace));
        let (resending, repaired) = (Resending::default(), Repaired::default());
        Self { pace, sound, video, bursts, resending, repaired, queues, budget: 0.0, last: None }
    }

    fn release(&mut self, now: Instant) {
        let rate = f64::from(self.pace.total()).max(LEAST_RATE) * FASTER;
        if let Some(last) = self.last {
            let earned = rate * now.saturating_duration_since(last).as_secs_f64();
            self.budget = (self.budget + earned).min(rate * BURST.as_secs_f64() + BURST_BITS);
        }
        self.last = Some(now);
        self.queues.outward.extend(self.bursts.release(now));
        while self.budget > 0.0 && !self.bursts.is_under_way() {
            let Some(mut packet) = self.video.pop_front() else { break };
            let bytes = size(&packet);
            self.budget -= bytes as f64 * 8.0;
            self.pace.queued.fetch_sub(bytes, Ordering::Relaxed);
            packet.now = now;
            self.bursts.leaving(&mut packet);
            self.queues.outward.push_back(packet);
        }
    }
}

/// How much is sent again, over about a second.
#[derive(Default)]
struct Repaired {
    bits: f64,
    last: Option<Instant>,
}

impl Repaired {
    fn count(&mut self, bytes: usize, pace: &Pace, now: Instant) {
        let passed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.bits = self.bits * (-passed).exp() + bytes as f64 * 8.0;
        self.last = Some(now);
        pace.repairs.store(self.bits as u32, Ordering::Relaxed);
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Pacer {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.queues.inward.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.queues.inward.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        match &packet.message.packet {
            Packet::Rtp(rtp) if !self.sound.contains(&rtp.header.ssrc) => {
                let (now, bytes) = (packet.now, size(&packet));
                let repairs = self.bursts.repairs(rtp.header.ssrc);
                let allowed = !repairs || self.resending.allows(rtp.header.ssrc, &rtp.payload, bytes, &self.pace, now);
                if repairs {
                    self.repaired.count(if allowed { bytes } else { 0 }, &self.pace, now);
                }
                if allowed && self.video.len() < MOST_WAITING {
                    self.pace.queued.fetch_add(size(&packet), Ordering::Relaxed);
                    self.video.push_back(packet);
                }
                self.release(now);
            }
            _ => self.queues.outward.push_back(packet),
        }
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.queues.outward.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.repaired.count(0, &self.pace, now);
        self.release(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let media = self.last.filter(|_| !self.video.is_empty() && !self.bursts.is_under_way()).map(|last| last + TURN);
        media.or(self.bursts.due())
    }
}

impl Interceptor for Pacer {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        if stream.mime_type.to_ascii_lowercase().starts_with("audio/") {
            self.sound.insert(stream.ssrc);
        }
        self.bursts.bind(stream);
    }

    fn unbind_local_stream(&mut self, stream: &StreamInfo) {
        self.sound.remove(&stream.ssrc);
        self.bursts.unbind(stream);
    }

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

fn size(packet: &TaggedPacket) -> usize {
    match &packet.message.packet {
        Packet::Rtp(rtp) => rtp.payload.len() + HEADERS,
        _ => 0,
    }
}
