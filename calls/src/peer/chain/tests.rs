//! The whole chain of a sender and that of a receiver with a narrow link between them, millisecond by millisecond.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rtc::{
    interceptor::{AttributedPacket, Interceptor, Packet, RTCPFeedback, RTPHeaderExtension, StreamInfo, TaggedPacket},
    rtp::{self, codec::vp8::Vp8Payloader, header::Header, packetizer::Payloader as _},
    shared::TransportContext,
};

use super::{Pace, build};
use crate::{
    assembly::Assembly,
    congestion::{Allocator, Step},
    moment::Moment,
};

const VIDEO: u32 = 1;
const REPAIRS: u32 = 2;
const SOUND: u32 = 3;
const DELAY: Duration = Duration::from_millis(25);

fn stream(ssrc: u32, payload_type: u8, mime: &str, repairs: Option<(u32, u8)>) -> StreamInfo {
    let feedback = |kind: &str| RTCPFeedback { typ: kind.to_owned(), parameter: String::new() };
    StreamInfo {
        ssrc,
        ssrc_rtx: repairs.map(|repairs| repairs.0),
        payload_type,
        payload_type_rtx: repairs.map(|repairs| repairs.1),
        rtp_header_extensions: vec![RTPHeaderExtension {
            uri: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01".to_owned(),
            id: 3,
        }],
        mime_type: mime.to_owned(),
        clock_rate: if mime.starts_with("video/") { 90_000 } else { 48_000 },
        rtcp_feedback: if mime.starts_with("video/") {
            vec![feedback("nack"), feedback("transport-cc")]
        } else {
            vec![feedback("transport-cc")]
        },
        ..StreamInfo::default()
    }
}

/// Bits per second at each second, and how long a packet may wait.
struct Link {
    capacity: fn(f64) -> f64,
    queue: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    target: f64,
    received: f64,
    /// The longest between two frames that could be shown.
    frozen_ms: u128,
    lost: u32,
    repairs: u32,
}

struct World<S, R> {
    sender: S,
    receiver: R,
    pace: Arc<Pace>,
    link: Link,
    start: Instant,
    now: Instant,
    free_at: Instant,
    there: VecDeque<(Instant, TaggedPacket)>,
    back: VecDeque<(Instant, TaggedPacket)>,
    allocator: Allocator,
    payloader: Vp8Payloader,
    assembly: Assembly,
    step: Option<Step>,
    key_wanted: bool,
    random: u64,
    numbers: [u16; 2],
    shown_at: Instant,
    second: Second,
}

fn world(link: Link, start: Instant) -> World<impl Interceptor, impl Interceptor> {
    let pace = Arc::<Pace>::default();
    let (_, sender) = build(&pace, start).unwrap();
    let (_, receiver) = build(&Arc::default(), start).unwrap();
    let (mut sender, mut receiver) = (sender.build(), receiver.build());
    let (video, sound) = (stream(VIDEO, 96, "video/VP8", Some((REPAIRS, 97))), stream(SOUND, 111, "audio/opus", None));
    sender.bind_local_stream(&video);
    sender.bind_local_stream(&sound);
    for heard in [video, stream(REPAIRS, 97, "video/VP8", None), sound] {
        receiver.bind_remote_stream(&heard);
    }
    let mut payloader = Vp8Payloader::default();
    payloader.enable_picture_id = true;
    World {
        sender,
        receiver,
        pace,
        link,
        start,
        now: start,
        free_at: start,
        there: VecDeque::new(),
        back: VecDeque::new(),
        allocator: Allocator::default(),
        payloader,
        assembly: Assembly::default(),
        step: None,
        key_wanted: true,
        random: 0x9E37_79B9_7F4A_7C15,
        numbers: [0; 2],
        shown_at: start,
        second: Second::default(),
    }
}

impl<S: Interceptor, R: Interceptor> World<S, R> {
    /// Each second of a call in which the camera makes as much as it may, up to `content`.
    fn run(mut self, seconds: u32, content: f64) -> Vec<Second> {
        let (mut all, mut next_frame, mut next_sound) = (Vec::new(), self.start, self.start);
        for millis in 1..=seconds * 1000 {
            self.now = self.start + Duration::from_millis(millis.into());
            if self.now >= next_sound {
                next_sound += Duration::from_millis(20);
                self.packet(SOUND, 111, self.now - self.start, true, Bytes::from(vec![0x78; 100]));
            }
            if self.now >= next_frame {
                let frames = self.film(content);
                next_frame += Duration::from_secs(1) / frames;
            }
            self.turn();
            self.second.target += f64::from(self.pace.target()) / 1e3;
            if millis % 1000 == 0 {
                all.push(std::mem::take(&mut self.second));
            }
        }
        all
    }

    /// What the encoder does: a frame of about the right size, larger when it is a key frame, none when it is behind.
    fn film(&mut self, content: f64) -> u32 {
        let now = Moment::at(self.now - self.start);
        let Some((step, rate)) = self.allocator.divide(f64::from(self.pace.target()), now).video else { return 30 };
        if self.pace.is_behind() {
            return step.frames;
        }
        let key = std::mem::take(&mut self.key_wanted) || self.step != Some(step);
        self.step = Some(step);
        let share = rate.min(content) / f64::from(step.frames) / 8.0 * (0.85 + 0.3 * self.chance());
        let mut data = vec![0x55; (share * if key { 4.0 } else { 1.0 }) as usize + 16];
        data[0] = u8::from(!key);
        if key {
            data[3..6].copy_from_slice(&[0x9d, 0x01, 0x2a]);
            data[6..8].copy_from_slice(&(step.width as u16).to_le_bytes());
            data[8..10].copy_from_slice(&(step.height as u16).to_le_bytes());
        }
        let packets = self.payloader.payload(1_188, &Bytes::from(data)).unwrap();
        let last = packets.len() - 1;
        for (place, packet) in packets.into_iter().enumerate() {
            self.packet(VIDEO, 96, self.now - self.start, place == last, packet);
        }
        step.frames
    }

    fn packet(&mut self, ssrc: u32, payload_type: u8, at: Duration, marker: bool, payload: Bytes) {
        let number = &mut self.numbers[usize::from(ssrc == SOUND)];
        *number = number.wrapping_add(1);
        let clock = if ssrc == SOUND { 48 } else { 90 };
        let header = Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: *number,
            timestamp: at.as_millis() as u32 * clock,
            ssrc,
            ..Header::default()
        };
        let message = AttributedPacket::new(Packet::Rtp(rtp::Packet { header, payload }));
        self.sender
            .handle_write(TaggedPacket { now: self.now, transport: TransportContext::default(), message })
            .unwrap();
    }

    fn turn(&mut self) {
        let now = self.now;
        for timeout in [self.sender.poll_timeout(), self.receiver.poll_timeout()] {
            if timeout.is_some_and(|timeout| timeout <= now) {
                self.sender.handle_timeout(now).unwrap();
                self.receiver.handle_timeout(now).unwrap();
            }
        }
        while let Some(packet) = self.sender.poll_write() {
            self.send(packet);
        }
        while let Some((_, packet)) = self.there.pop_front_if(|packet| packet.0 <= now) {
            self.receive(packet);
        }
        while let Some(mut packet) = self.receiver.poll_write() {
            packet.now = now + DELAY;
            self.back.push_back((now + DELAY, packet));
        }
        while let Some((_, packet)) = self.back.pop_front_if(|packet| packet.0 <= now) {
            self.sender.handle_read(packet).unwrap();
            while self.sender.poll_read().is_some() {}
        }
        while let Some(_frame) = self.assembly.take(Moment::at(now - self.start)) {
            self.shown_at = now;
        }
        self.key_wanted |= self.assembly.wants_key_frame(Moment::at(now - self.start));
        self.second.frozen_ms = self.second.frozen_ms.max((now - self.shown_at).as_millis());
    }

    /// Through the bottleneck.
    fn send(&mut self, packet: TaggedPacket) {
        let Packet::Rtp(rtp) = &packet.message.packet else { return };
        self.second.repairs += u32::from(rtp.header.ssrc == REPAIRS);
        let bits = (rtp.payload.len() + 60) as f64 * 8.0;
        let waits = self.free_at.saturating_duration_since(self.now);
        if waits > self.link.queue {
            self.second.lost += 1;
            return;
        }
        let capacity = (self.link.capacity)((self.now - self.start).as_secs_f64());
        self.free_at = self.free_at.max(self.now) + Duration::from_secs_f64(bits / capacity);
        self.there.push_back((self.free_at + DELAY, packet));
    }

    fn receive(&mut self, mut packet: TaggedPacket) {
        packet.now = self.now;
        self.receiver.handle_read(packet).unwrap();
        while let Some(packet) = self.receiver.poll_read() {
            let Packet::Rtp(rtp) = packet.message.packet else { continue };
            self.second.received += rtp.payload.len() as f64 * 8.0;
            if rtp.header.ssrc == VIDEO {
                let header = &rtp.header;
                self.assembly.push(header.sequence_number, header.timestamp, header.marker, &rtp.payload);
            }
        }
    }

    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The only reading of a clock: `Instant`s have no other beginning.
#[expect(clippy::disallowed_methods, reason = "instants of the chain are relative to a first one")]
fn on(link: Link, seconds: u32, content: f64) -> Vec<Second> {
    world(link, Instant::now()).run(seconds, content)
}

fn mean(seconds: &[Second], of: impl Fn(&Second) -> f64) -> f64 {
    seconds.iter().map(of).sum::<f64>() / seconds.len() as f64
}

fn longest_freeze(seconds: &[Second]) -> u128 {
    seconds.iter().map(|second| second.frozen_ms).max().unwrap_or_default()
}

#[test]
fn a_megabit_is_filled_and_the_picture_never_stops_for_half_a_second() {
    for queue in [300, 1000] {
        let run = on(Link { capacity: |_| 1e6, queue: Duration::from_millis(queue) }, 40, 4e6);
        assert!(mean(&run[10..], |s| s.received) > 600e3, "{run:#?}");
        assert!(longest_freeze(&run[1..]) < 500, "{run:#?}");
        let (lost, seconds) = (run.iter().map(|s| s.lost).sum::<u32>(), run.len());
        assert!(lost < 40, "{lost} packets in {seconds} s: {run:#?}");
    }
}

#[test]
fn a_wide_link_is_found_by_bursts_within_seconds() {
    let run = on(Link { capacity: |_| 8e6, queue: Duration::from_millis(300) }, 15, 4e6);
    assert!(run.iter().map(|s| s.repairs).sum::<u32>() > 10, "no burst was sent: {run:#?}");
    assert!(mean(&run[5..], |s| s.target) > 1.8e6, "{run:#?}");
    assert!(longest_freeze(&run[1..]) < 300, "{run:#?}");
}

#[test]
fn a_drop_to_a_fifth_is_over_in_two_seconds() {
    let capacity = |second: f64| if (15.0..30.0).contains(&second) { 0.5e6 } else { 2.5e6 };
    let run = on(Link { capacity, queue: Duration::from_millis(300) }, 45, 4e6);
    assert!(longest_freeze(&run[17..30]) < 500, "{run:#?}");
    assert!(mean(&run[18..30], |s| s.received) > 250e3, "{run:#?}");
    assert!(mean(&run[38..], |s| s.received) > 1.2e6, "{run:#?}");
}

#[test]
fn who_shows_a_still_picture_is_ready_for_more_when_it_moves() {
    let run = on(Link { capacity: |_| 8e6, queue: Duration::from_millis(300) }, 20, 150e3);
    assert!(mean(&run[10..], |s| s.target) > 1.2e6, "{run:#?}");
    let sent = mean(&run[5..], |s| s.received);
    assert!(sent < 500e3, "bursts must not cost more than the call: {sent}");
}
