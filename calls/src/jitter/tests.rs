//! Sound through a network that loses, delays and reorders.

use std::time::Duration;

use bytes::Bytes;

use super::{Heard, Jitter, Unwrapped};
use crate::{
    codec::{SoundEncoder, energy},
    device::tone::Wave,
    moment::Moment,
};

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Something like a voice: a pure tone is what Opus repairs worst.
fn packets(count: usize) -> Vec<Bytes> {
    let mut encoder = SoundEncoder::new(40_000).unwrap();
    encoder.set_loss(0.2).unwrap();
    let (mut waves, mut chance) = ([220.0, 553.0, 1_013.0].map(|hertz| Wave::new(hertz, 0.15)), Chance(5));
    let mut voice = || {
        let [one, two, three] = waves.each_mut().map(Wave::next_sound);
        std::array::from_fn(|at| one[at] + two[at] + three[at] + (chance.next() as f32 - 0.5) * 0.3)
    };
    (0..count).map(|_| encoder.encode(&voice()).unwrap().unwrap()).collect()
}

struct Played {
    heard: Heard,
    /// Of each 20 milliseconds.
    energies: Vec<f64>,
    delay: u32,
}

/// Plays ten seconds; `delay` says when each packet arrives after it was sent, None for never.
fn play(mut delay: impl FnMut(usize) -> Option<u64>) -> Played {
    let mut arrivals: Vec<(u64, usize)> =
        (0..500).filter_map(|number| Some((number as u64 * 20 + delay(number)?, number))).collect();
    arrivals.sort_unstable();
    let (packets, mut jitter, mut energies) = (packets(500), Jitter::new().unwrap(), Vec::new());
    let mut arrivals = arrivals.into_iter().peekable();
    for time in (0..10_000).step_by(20) {
        while let Some((at, number)) = arrivals.next_if(|(at, _)| *at <= time) {
            let now = Moment::at(Duration::from_millis(1_000 + at));
            let start = u16::MAX - 100;
            let stamp = (u32::MAX - 50_000).wrapping_add(number as u32 * 960);
            jitter.push(start.wrapping_add(number as u16), stamp, packets[number].clone(), now);
        }
        energies.push(energy(&jitter.pull()));
    }
    Played { heard: jitter.heard(), energies, delay: jitter.wanted_delay() }
}

#[test]
fn on_a_good_network_every_packet_is_played_with_little_delay() {
    let played = play(|_| Some(30));
    assert!(played.heard.decoded > 480 && played.heard.concealed < 5, "{:?}", played.heard);
    assert!(played.energies[20..].iter().all(|energy| *energy > 0.02));
    assert!(played.delay <= 40, "{}", played.delay);
}

#[test]
fn lost_packets_are_recovered_and_never_heard_as_a_hole() {
    let mut chance = Chance(7);
    let played = play(|_| (chance.next() > 0.1).then_some(30));
    assert!(played.heard.recovered > 25, "{:?}", played.heard);
    assert!(played.heard.concealed < 25, "{:?}", played.heard);
    let holes = played.energies[20..].iter().filter(|energy| **energy < 0.005).count();
    assert!(holes < 5, "{holes} holes");
}

#[test]
fn a_restless_network_is_waited_for_and_order_restored() {
    let mut chance = Chance(3);
    let played = play(|_| Some(20 + (chance.next() * 120.0) as u64));
    assert!(played.heard.decoded > 450, "{:?}", played.heard);
    assert!((80..=200).contains(&played.delay), "{}", played.delay);
}

#[test]
fn after_a_standstill_the_delay_is_made_up() {
    // For a second nothing arrives, then all at once.
    let played = play(|number| Some(if (100..150).contains(&number) { (150 - number as u64) * 20 } else { 20 }));
    assert!(played.heard.concealed < 70, "{:?}", played.heard);
    assert!(played.energies[400..].iter().all(|energy| *energy > 0.02));
}

#[test]
fn nothing_arrives_and_nothing_is_heard() {
    let played = play(|_| None);
    assert!(played.energies.iter().all(|energy| *energy == 0.0));
    assert_eq!(played.heard, Heard::default());
}

#[test]
fn rubbish_and_doubles_are_counted_and_bounded() {
    let (mut jitter, good) = (Jitter::new().unwrap(), packets(1).remove(0));
    let mut chance = Chance(11);
    for number in 0..10_000_u32 {
        let data = if number % 3 == 0 { good.clone() } else { Bytes::from(vec![(chance.next() * 255.0) as u8; 40]) };
        let now = Moment::at(Duration::from_millis(number.into()));
        jitter.push((chance.next() * 65_535.0) as u16, (chance.next() * f64::from(u32::MAX)) as u32, data, now);
        if number % 50 == 0 {
            let _ = jitter.pull();
        }
    }
    assert_eq!(jitter.heard().packets, 10_000);
    assert!(jitter.packets.len() <= crate::limits::WAITING_SOUND);
}

#[test]
fn counters_of_few_bits_are_counted_on() {
    let mut numbers = Unwrapped::new(16);
    let first = numbers.unwrap(65_535);
    assert_eq!(numbers.unwrap(0), first + 1);
    assert_eq!(numbers.unwrap(65_534), first - 1);
    assert_eq!(numbers.unwrap(3), first + 4);
}
