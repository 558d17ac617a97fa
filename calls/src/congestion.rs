//! How fast media may be sent: an estimate from what arrived and when, and its division among sound and picture.
//!
//! Pure computation. The media engine feeds it the reports of transport-wide congestion control and asks for the rate.

mod acknowledged;
mod allocation;
mod delay;
mod estimator;
mod loss;
mod probing;
mod rate;
mod standing;

pub use allocation::{Allocation, Allocator, Step};
pub use estimator::{Estimator, Limits};
pub use probing::Probe;

use std::time::Duration;

use crate::moment::Moment;

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacketReport {
    /// Bytes on the wire.
    pub size: usize,
    pub departure: Moment,
    /// On the receiver's clock, from any start; None when it was lost.
    pub arrival: Option<Duration>,
    /// The probe that this packet was sent for.
    pub probe: Option<u32>,
}

/// What a media engine needs of a bandwidth estimate.
pub trait Bandwidth {
    /// The reports of one feedback message, in the order of sending.
    fn reported(&mut self, reports: &[PacketReport], now: Moment);

    /// Bits per second that may be sent in all.
    fn target(&self) -> f64;

    /// A burst that the sender should make now, to learn whether more would pass.
    fn probe(&mut self, now: Moment) -> Option<Probe>;
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;
