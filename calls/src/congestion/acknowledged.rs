//! The rate that arrives, on the receiver's clock.

use std::collections::VecDeque;

const WINDOW_MS: f64 = 500.0;
/// Shorter stretches say nothing.
const LEAST_MS: f64 = 150.0;
/// After a longer pause of the sender the link may have been idle: the time of that pause does not count.
const PAUSE_MS: f64 = 60.0;
/// The times of arrival are the receiver's word: whoever names one time for every packet must not make us keep them all.
const MOST_PACKETS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    packets: VecDeque<Arrived>,
    last: Option<(f64, f64)>,
    rate: Option<f64>,
}

#[derive(Debug)]
struct Arrived {
    at: f64,
    bits: f64,
    /// Time since the packet before it in which the link was busy.
    busy: f64,
}

impl Acknowledged {
    pub fn add(&mut self, departure: f64, arrival: f64, bytes: usize) {
        let busy = self.last.map_or(0.0, |(left, came)| {
            let pause = (departure - left - PAUSE_MS).max(0.0);
            (arrival - came - pause).max(0.0)
        });
        self.last = Some((departure, arrival));
        self.packets.push_back(Arrived { at: arrival, bits: bytes as f64 * 8.0, busy });
        let is_old = |first: &Arrived| first.at < arrival - WINDOW_MS;
        while self.packets.len() > MOST_PACKETS || self.packets.front().is_some_and(is_old) {
            self.packets.pop_front();
        }
        let (bits, busy) = self.packets.iter().skip(1).fold((0.0, 0.0), |sum, p| (sum.0 + p.bits, sum.1 + p.busy));
        if busy > LEAST_MS {
            self.rate = Some(bits * 1e3 / busy);
        }
    }

    /// Bits per second, once known.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::{Acknowledged, MOST_PACKETS};

    #[test]
    fn a_receiver_whose_clock_stands_still_makes_us_keep_a_bounded_number_of_packets() {
        let mut acknowledged = Acknowledged::default();
        for n in 0..2 * MOST_PACKETS {
            acknowledged.add(n as f64, 0.0, 1200);
        }
        assert!(acknowledged.packets.len() <= MOST_PACKETS);
        assert_eq!(acknowledged.rate(), None);
    }
}
