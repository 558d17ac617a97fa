//! Short bursts above the rate that tell whether more would pass: at the start, after a drop, and while little is sent.

use super::PacketReport;

/// Send these bytes, as padding if need be, at this rate, and mark the packets with the id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    pub id: u32,
    pub rate: f64,
    pub bytes: usize,
    /// The size of each packet, so that a burst at a low rate still has several and is short.
    pub packet: usize,
}

const LEAST_PACKETS: u32 = 5;
const PACKETS: f64 = 8.0;
const BURST_MS: f64 = 25.0;
const TIMES: f64 = 2.0;
const FIRST_TIMES: f64 = 3.0;
/// Between probes, and after a probe that met a full link.
const PAUSE_MS: f64 = 2000.0;
const LONG_PAUSE_MS: f64 = 8000.0;
/// No probe for so long after the rate was lowered.
const REST_MS: f64 = 1500.0;
const PATIENCE_MS: f64 = 1000.0;

#[derive(Debug, Default)]
pub(super) struct Probing {
    next_id: u32,
    under_way: Option<UnderWay>,
    not_before: f64,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    probe: Probe,
    since: f64,
    packets: u32,
    bits: f64,
    /// Departure and arrival of the first and the last packet.
    first: Option<(f64, f64)>,
    last: (f64, f64),
}

impl Probing {
    /// `wanted`: more would be used, or it is good to know. `lowered_at`: when the rate was lowered last.
    pub fn start(&mut self, target: f64, wanted: bool, lowered_at: Option<f64>, now: f64) -> Option<Probe> {
        if self.under_way.is_some_and(|probe| now - probe.since > PATIENCE_MS) {
            self.under_way = None;
            self.not_before = now + PAUSE_MS;
        }
        let rested = lowered_at.is_none_or(|at| now - at > REST_MS);
        if !wanted || !rested || self.under_way.is_some() || now < self.not_before {
            return None;
        }
        let rate = target * if self.next_id == 0 { FIRST_TIMES } else { TIMES };
        let packet = (rate * BURST_MS / 8e3 / PACKETS).clamp(200.0, 1200.0);
        let bytes = (rate * BURST_MS / 8e3).max(packet * PACKETS);
        let probe = Probe { id: self.next_id, rate, bytes: bytes as usize, packet: packet as usize };
        self.next_id = self.next_id.wrapping_add(1);
        let here = (0.0, 0.0);
        self.under_way = Some(UnderWay { probe, since: now, packets: 0, bits: 0.0, first: None, last: here });
        Some(probe)
    }

    pub fn add(&mut self, report: &PacketReport, departure: f64, arrival: f64) {
        let Some(probe) = self.under_way.as_mut().filter(|way| report.probe == Some(way.probe.id)) else { return };
        probe.packets += 1;
        // The first packet starts the clock; its bits are not part of what passed since.
        match probe.first {
            None => probe.first = Some((departure, arrival)),
            Some(_) => probe.bits += report.size as f64 * 8.0,
        }
        probe.last = (departure, arrival);
    }

    /// The rate that a probe showed to pass, once it is over.
    pub fn finish(&mut self, now: f64) -> Option<f64> {
        let probe = self.under_way?;
        let (first, most) = (probe.first?, probe.probe.bytes as f64 * 8.0);
        if probe.packets < LEAST_PACKETS || probe.bits < most * 0.6 {
            return None;
        }
        self.under_way = None;
        let sent = probe.bits * 1e3 / (probe.last.0 - first.0).max(1.0);
        let came = probe.bits * 1e3 / (probe.last.1 - first.1).max(1.0);
        let full = came < sent * 0.9;
        self.not_before = now + if full { LONG_PAUSE_MS } else { PAUSE_MS };
        // What arrives more slowly than it was sent met the link's own rate: stay a little below it.
        Some(if full { came * 0.85 } else { sent.min(came) })
    }
}
