//! Our congestion control where the chain looks for one.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use rtc::interceptor::{BandwidthEstimator, PacketReport};

use super::{Pace, START};
use crate::{
    congestion::{self, Bandwidth as _, Estimator, Limits},
    moment::Moment,
};

const LIMITS: Limits = Limits { least: 40_000.0, start: START as f64, most: 2_500_000.0 };

pub struct Estimate {
    estimator: Estimator,
    pace: Arc<Pace>,
    start: Instant,
}

impl Estimate {
    pub fn new(pace: Arc<Pace>, start: Instant) -> Self {
        Self { estimator: Estimator::new(LIMITS), pace, start }
    }

    fn moment(&self, instant: Instant) -> Moment {
        Moment::at(instant.saturating_duration_since(self.start))
    }
}

impl BandwidthEstimator for Estimate {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        let read = |report: &PacketReport| congestion::PacketReport {
            size: report.size,
            departure: self.moment(report.departure),
            arrival: report.arrival.filter(|_| report.arrived),
            probe: self.pace.probe_of(report.ssrc, report.rtp_sequence_number),
        };
        let (reports, now): (Vec<_>, _) = (reports.iter().map(read).collect(), self.moment(now));
        self.estimator.reported(&reports, now);
        if let Some(probe) = self.estimator.probe(now) {
            self.pace.wish_for(probe);
        }
        self.pace.target.store(self.estimator.target() as u32, Ordering::Relaxed);
        self.pace.round_trip.store(self.estimator.round_trip() as u32, Ordering::Relaxed);
    }

    fn target_bitrate(&self) -> f64 {
        self.estimator.target()
    }
}
