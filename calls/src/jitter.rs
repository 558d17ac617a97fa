//! Sound that came in packets, in order and without gaps: a short wait, repair, concealment, and a pace that follows.
//!
//! Pure computation. Packets go in when they come, and 20 milliseconds come out whenever the speaker wants them.

mod delay;
mod squeeze;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use self::{
    delay::{Delay, STEP_MS},
    squeeze::squeeze,
};
use crate::{
    codec::{CodecError, SILENCE, SOUND_SAMPLES, Sound, SoundDecoder, opus::samples_in},
    limits::{SOUND_PACKET_SAMPLES, WAITING_SOUND},
    moment::Moment,
};

/// A stretch of stamps without any packet, after which the stream starts anew.
const LOST_THREAD: u64 = 48_000;
/// How much more than wanted may wait before the sound is played faster, and before it is cut.
const SLACK: u64 = 40 * PER_MS;
const TOO_MUCH: u64 = 400 * PER_MS;
const PER_MS: u64 = 48;
/// For so many packets after a loss the sound waits one packet longer, so that the one which repeats a lost one is there.
const WARY: u32 = 500;

/// What became of the sound, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub packets: u64,
    /// Too late, twice, or no Opus.
    pub useless: u64,
    pub decoded: u64,
    /// Repaired from what the next packet repeats.
    pub recovered: u64,
    /// Invented, because nothing came.
    pub concealed: u64,
    /// Played faster because too much waited.
    pub squeezed: u64,
}

pub struct Jitter {
    decoder: SoundDecoder,
    /// By the time stamp of its first sample.
    packets: BTreeMap<u64, Packet>,
    stamps: Unwrapped,
    numbers: Unwrapped,
    /// The stamp of the sample that is decoded next, and the number of the packet before it.
    next: Option<u64>,
    last_number: u64,
    /// Waiting until enough is there, after the start and after an empty buffer.
    filling: bool,
    ready: VecDeque<f32>,
    delay: Delay,
    wary: u32,
    heard: Heard,
}

struct Packet {
    number: u64,
    data: Bytes,
    samples: u64,
}

impl Jitter {
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            decoder: SoundDecoder::new()?,
            packets: BTreeMap::new(),
            stamps: Unwrapped::new(32),
            numbers: Unwrapped::new(16),
            next: None,
            last_number: 0,
            filling: true,
            ready: VecDeque::new(),
            delay: Delay::default(),
            wary: 0,
            heard: Heard::default(),
        })
    }

    /// A packet came: its number and time stamp as RTP has them.
    pub fn push(&mut self, number: u16, stamp: u32, data: Bytes, now: Moment) {
        self.heard.packets += 1;
        let Some(samples) = samples_in(&data) else {
            self.heard.useless += 1;
            return;
        };
        let stamp = self.stamps.unwrap(stamp.into());
        let number = self.numbers.unwrap(number.into());
        if self.next.is_some_and(|next| next.abs_diff(stamp) > 2 * LOST_THREAD) {
            self.restart();
        }
        self.delay.arrived(stamp, now);
        let late = self.next.is_some_and(|next| stamp < next);
        let packet = Packet { number, data, samples: samples as u64 };
        if late || self.packets.insert(stamp, packet).is_some() {
            self.heard.useless += 1;
        }
        while self.packets.len() > WAITING_SOUND {
            self.packets.pop_first();
        }
    }

    /// The sound of the next 20 milliseconds; silence while there is nothing to say.
    pub fn pull(&mut self) -> Sound {
        self.catch_up();
        let mut sound = SILENCE;
        while self.ready.len() < SOUND_SAMPLES {
            // Every step adds samples or says that there are none.
            match self.step() {
                Ok(Some(samples)) if !samples.is_empty() => self.ready.extend(samples),
                Ok(_) | Err(_) => break,
            }
        }
        let there = self.ready.len().min(SOUND_SAMPLES);
        for (sample, ready) in sound.iter_mut().zip(self.ready.drain(..there)) {
            *sample = ready;
        }
        sound
    }

    pub fn heard(&self) -> Heard {
        self.heard
    }

    /// Milliseconds that the sound is meant to wait.
    pub fn wanted_delay(&self) -> u32 {
        u32::try_from(self.wanted() / PER_MS).unwrap_or(u32::MAX)
    }

    fn step(&mut self) -> Result<Option<Vec<f32>>, CodecError> {
        let Some((&first, _)) = self.packets.first_key_value() else {
            return self.starve();
        };
        if self.filling {
            if self.waiting() < self.wanted() {
                return if self.next.is_some() { self.conceal(SOUND_SAMPLES as u64).map(Some) } else { Ok(None) };
            }
            (self.filling, self.next) = (false, Some(first));
        }
        let next = self.next.unwrap_or(first);
        if first.saturating_sub(next) > LOST_THREAD {
            self.next = Some(first);
            return self.play(first);
        }
        if first <= next { self.play(first) } else { self.bridge(next, first) }
    }

    fn play(&mut self, stamp: u64) -> Result<Option<Vec<f32>>, CodecError> {
        let Some(packet) = self.packets.remove(&stamp) else { return Ok(None) };
        (self.next, self.last_number) = (Some(stamp + packet.samples), packet.number);
        self.wary = self.wary.saturating_sub(1);
        match self.decoder.decode(&packet.data) {
            Ok(mut sound) => {
                self.heard.decoded += 1;
                if self.waiting() > self.wanted() + SLACK && squeeze(&mut sound) {
                    self.heard.squeezed += 1;
                }
                Ok(Some(sound))
            }
            Err(_) => {
                self.heard.useless += 1;
                self.conceal(packet.samples).map(Some)
            }
        }
    }

    /// From `next` to the packet at `first`: a lost packet, or a sender that had nothing to say.
    fn bridge(&mut self, next: u64, first: u64) -> Result<Option<Vec<f32>>, CodecError> {
        let gap = first - next;
        let Some(packet) = self.packets.get(&first) else { return Ok(None) };
        let lost = packet.number.saturating_sub(self.last_number).saturating_sub(1);
        if lost == 0 {
            // Nothing is missing: what was not said need not be waited for.
            self.next = Some(first);
            return self.play(first);
        }
        self.wary = WARY;
        if gap <= packet.samples && gap <= SOUND_PACKET_SAMPLES as u64 {
            let data = packet.data.clone();
            self.next = Some(first);
            if let Ok(sound) = self.decoder.recover(&data, gap as usize) {
                self.heard.recovered += 1;
                return Ok(Some(sound));
            }
            return self.conceal(gap).map(Some);
        }
        let part = gap.min(SOUND_SAMPLES as u64);
        self.next = Some(next + part);
        self.conceal(part).map(Some)
    }

    /// Nothing is there. The place is kept, so that a packet that is only late is still played.
    fn starve(&mut self) -> Result<Option<Vec<f32>>, CodecError> {
        if self.next.is_none() {
            return Ok(None);
        }
        self.filling = true;
        self.conceal(SOUND_SAMPLES as u64).map(Some)
    }

    fn conceal(&mut self, samples: u64) -> Result<Vec<f32>, CodecError> {
        self.heard.concealed += 1;
        self.decoder.conceal(samples as usize)
    }

    /// Cuts what waits when it is far too much, as after a sleep of the machine.
    fn catch_up(&mut self) {
        while self.waiting() > self.wanted() + TOO_MUCH {
            if self.packets.pop_first().is_none() {
                break;
            }
            self.next = self.packets.first_key_value().map(|(stamp, _)| *stamp);
            self.heard.useless += 1;
        }
    }

    /// Samples in the packets that wait.
    fn waiting(&self) -> u64 {
        self.packets.values().map(|packet| packet.samples).sum()
    }

    fn wanted(&self) -> u64 {
        let repair = if self.wary > 0 { STEP_MS } else { 0 };
        u64::from(self.delay.wanted_ms().max(STEP_MS) + repair) * PER_MS
    }

    fn restart(&mut self) {
        self.packets.clear();
        (self.next, self.filling) = (None, true);
        self.delay = Delay::default();
    }
}

/// A counter of few bits, counted on.
pub(crate) struct Unwrapped {
    bits: u32,
    last: Option<u64>,
}

impl Unwrapped {
    pub(crate) fn new(bits: u32) -> Self {
        Self { bits, last: None }
    }

    /// The value nearest to the last one that ends with these bits.
    pub(crate) fn unwrap(&mut self, value: u64) -> u64 {
        let size = 1_u64 << self.bits;
        let last = self.last.unwrap_or(size + value);
        let ahead = value.wrapping_sub(last) & (size - 1);
        let near = if ahead < size / 2 { last.saturating_add(ahead) } else { last.saturating_sub(size - ahead) };
        self.last = Some(near.max(last));
        near
    }
}

#[cfg(test)]
mod tests;
