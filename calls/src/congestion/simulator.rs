//! A sender, a bottleneck and its feedback, millisecond by millisecond, the same in every run.

use std::{collections::VecDeque, time::Duration};

use super::{Allocator, Bandwidth, PacketReport};
use crate::moment::Moment;

/// A link: bits per second at each second, and what it does to packets.
#[derive(Clone, Copy)]
pub struct Link {
    pub capacity: fn(f64) -> f64,
    pub queue_ms: f64,
    pub delay_ms: f64,
    pub jitter_ms: f64,
    pub loss: f64,
}

pub const MEGABIT: Link = Link { capacity: |_| 1e6, queue_ms: 1000.0, delay_ms: 25.0, jitter_ms: 2.0, loss: 0.0 };

/// What one second was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    pub target: f64,
    pub received: f64,
    /// The longest time in the queue, and the longest between two whole pictures.
    pub queue_ms: f64,
    pub frozen_ms: f64,
    pub lost: u32,
    pub sent: u32,
    /// Sound packets lost or late by 200 ms and more.
    pub bad_audio: u32,
    pub height: u32,
}

struct Packet {
    size: usize,
    frame: Option<u64>,
    probe: Option<u32>,
}

struct Flight {
    departure: f64,
    arrival: Option<f64>,
    packet: Packet,
}

const PAYLOAD: f64 = 1160.0;
const HEADERS: usize = 40;
const FEEDBACK_MS: f64 = 50.0;

pub struct Simulator<'a, B> {
    estimate: &'a mut B,
    link: Link,
    /// The most that the encoder makes at each second.
    content: fn(f64) -> f64,
    random: u64,
    queue: VecDeque<Packet>,
    paced_at: f64,
    free_at: f64,
    last_arrival: f64,
    flights: VecDeque<Flight>,
    feedback: VecDeque<(f64, Vec<PacketReport>)>,
    frame: u64,
    /// Packets of each frame that are to come, and when the last came.
    frames: VecDeque<(u64, usize, f64)>,
    shown_at: f64,
    second: Second,
}

impl<'a, B: Bandwidth> Simulator<'a, B> {
    pub fn new(estimate: &'a mut B, link: Link, content: fn(f64) -> f64) -> Self {
        Self {
            estimate,
            link,
            content,
            random: 0x9E37_79B9_7F4A_7C15,
            queue: VecDeque::new(),
            paced_at: 0.0,
            free_at: 0.0,
            last_arrival: 0.0,
            flights: VecDeque::new(),
            feedback: VecDeque::new(),
            frame: 0,
            frames: VecDeque::new(),
            shown_at: 0.0,
            second: Second::default(),
        }
    }

    pub fn run(mut self, seconds: usize) -> Vec<Second> {
        let (mut allocator, mut all) = (Allocator::default(), Vec::new());
        let (mut next_frame, mut next_audio, mut next_feedback) = (0.0, 0.0, FEEDBACK_MS);
        for step in 0..seconds * 1000 {
            let now = step as f64;
            let given = allocator.divide(self.estimate.target(), moment(now));
            self.second.target += self.estimate.target() / 1e3;
            if now >= next_audio {
                let size = (given.audio / 8.0 * 0.02) as usize;
                self.send(Packet { size, frame: None, probe: None }, now);
                next_audio += 20.0;
            }
            if now >= next_frame {
                let (frames, rate) = given.video.map_or((30, 0.0), |(step, rate)| (step.frames, rate));
                self.second.height = given.video.map_or(0, |(step, _)| step.height);
                self.encode(rate.min((self.content)(now / 1e3)), f64::from(frames), now);
                next_frame += 1000.0 / f64::from(frames);
            }
            self.pace(now);
            if let Some(probe) = self.estimate.probe(moment(now)) {
                for _ in 0..probe.bytes / probe.packet {
                    self.queue.push_front(Packet { size: probe.packet, frame: None, probe: Some(probe.id) });
                }
                self.paced_at = now;
                self.burst(probe.rate, now);
            }
            if now >= next_feedback {
                self.report(now);
                next_feedback += FEEDBACK_MS;
            }
            while self.feedback.front().is_some_and(|feedback| feedback.0 <= now) {
                if let Some((_, reports)) = self.feedback.pop_front() {
                    self.estimate.reported(&reports, moment(now));
                }
            }
            self.show(now);
            if step % 1000 == 999 {
                all.push(std::mem::take(&mut self.second));
            }
        }
        all
    }

    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An encoder hits its rate within 15 %.
    fn encode(&mut self, rate: f64, frames: f64, now: f64) {
        let mut bytes = rate / frames / 8.0 * (0.85 + 0.3 * self.chance());
        if bytes < 1.0 {
            return;
        }
        let mut packets = 0;
        while bytes > 0.0 {
            let size = bytes.min(PAYLOAD) as usize + HEADERS;
            self.queue.push_back(Packet { size, frame: Some(self.frame), probe: None });
            bytes -= PAYLOAD;
            packets += 1;
        }
        self.frames.push_back((self.frame, packets, now));
        self.frame += 1;
    }

    /// Two and a half times the target, so that a frame leaves before the next one comes.
    fn pace(&mut self, now: f64) {
        while now >= self.paced_at {
            let Some(packet) = self.queue.pop_front() else { break };
            let rate = (self.estimate.target() * 2.5).max(300e3);
            self.paced_at = self.paced_at.max(now - 1.0) + packet.size as f64 * 8e3 / rate;
            self.send(packet, now);
        }
    }

    fn burst(&mut self, rate: f64, now: f64) {
        let mut at = now;
        while self.queue.front().is_some_and(|packet| packet.probe.is_some()) {
            let Some(packet) = self.queue.pop_front() else { break };
            let size = packet.size;
            self.send(packet, at);
            at += size as f64 * 8e3 / rate;
        }
        self.paced_at = at;
    }

    fn send(&mut self, packet: Packet, now: f64) {
        let capacity = (self.link.capacity)(now / 1e3);
        let queued = (self.free_at - now).max(0.0);
        self.second.sent += 1;
        let dropped = queued > self.link.queue_ms || self.chance() < self.link.loss;
        let arrival = (!dropped).then(|| {
            self.free_at = self.free_at.max(now) + packet.size as f64 * 8e3 / capacity;
            let late = self.chance() * self.link.jitter_ms;
            self.last_arrival = self.last_arrival.max(self.free_at + self.link.delay_ms + late);
            self.last_arrival
        });
        self.second.lost += u32::from(dropped);
        self.second.queue_ms = self.second.queue_ms.max(queued);
        let audio = packet.frame.is_none() && packet.probe.is_none();
        let late = arrival.is_none_or(|arrival| arrival - now > self.link.delay_ms + 200.0);
        self.second.bad_audio += u32::from(audio && late);
        self.flights.push_back(Flight { departure: now, arrival, packet });
    }

    /// What the receiver knows now; a loss is known when something later arrived.
    fn report(&mut self, now: f64) {
        let Some(last) = self.flights.iter().rposition(|flight| flight.arrival.is_some_and(|at| at <= now)) else {
            return;
        };
        let reports = self.flights.drain(..=last).map(|flight| {
            let Flight { departure, arrival, packet } = flight;
            if let (Some(arrival), Some(frame)) = (arrival, packet.frame)
                && let Some(kept) = self.frames.iter_mut().find(|kept| kept.0 == frame)
            {
                kept.1 -= 1;
                kept.2 = arrival;
            }
            self.second.received += if arrival.is_some() { packet.size as f64 * 8.0 } else { 0.0 };
            let quarter = |at: f64| Duration::from_micros(((at * 4.0).round() * 250.0) as u64);
            let departure = moment(departure);
            PacketReport { size: packet.size, departure, arrival: arrival.map(quarter), probe: packet.probe }
        });
        let reports = reports.collect();
        self.feedback.push_back((now + self.link.delay_ms, reports));
    }

    /// A picture is shown when it is whole; lost packets are not asked for again here.
    fn show(&mut self, now: f64) {
        let whole = self.frames.iter().filter(|frame| frame.1 == 0 && frame.2 <= now).map(|frame| frame.0).max();
        if let Some(whole) = whole {
            self.frames.retain(|frame| frame.0 > whole);
            self.shown_at = now;
        }
        self.second.frozen_ms = self.second.frozen_ms.max(now - self.shown_at);
    }
}

fn moment(millis: f64) -> Moment {
    Moment::at(Duration::from_micros((millis * 1e3) as u64))
}
