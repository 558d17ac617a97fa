//! Statistics from what the connection and our own tasks count.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;
use webrtc::peer_connection::{PeerConnection, RTCStatsReport, RTCStatsReportEntry, StatsSelector};

use super::session::Session;
use crate::statistics::{Pair, Statistics, Traffic};

impl Session {
    pub(super) async fn count(&self, connection: &Arc<dyn PeerConnection>) -> Statistics {
        let report = connection.get_stats(Instant::now().into_std(), StatsSelector::None).await;
        let mut statistics = self.counted();
        statistics.pair = pair(&report);
        let mut codecs = BTreeSet::new();
        for entry in report.iter() {
            match entry {
                RTCStatsReportEntry::InboundRtp(stream) => {
                    let counts = &stream.received_rtp_stream_stats;
                    statistics.received.packets += counts.packets_received;
                    statistics.received.bytes += stream.bytes_received;
                    statistics.received.lost += u64::try_from(counts.packets_lost).unwrap_or_default();
                }
                RTCStatsReportEntry::OutboundRtp(stream) => {
                    statistics.sent.packets += stream.sent_rtp_stream_stats.packets_sent;
                    statistics.sent.bytes += stream.sent_rtp_stream_stats.bytes_sent;
                }
                RTCStatsReportEntry::RemoteInboundRtp(stream) => {
                    let lost = stream.received_rtp_stream_stats.packets_lost;
                    statistics.sent.lost += u64::try_from(lost).unwrap_or_default();
                }
                RTCStatsReportEntry::Codec(codec) => {
                    codecs.insert(codec.mime_type.clone());
                }
                _ => {}
            }
        }
        statistics.codecs = codecs.into_iter().collect();
        statistics
    }

    fn counted(&self) -> Statistics {
        let (counts, voices) = (&self.flow.counts, self.flow.voices());
        let energy = *counts.energy.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = Traffic {
            frames: counts.frames_sent.load(Ordering::Relaxed),
            key_frames: counts.key_frames_sent.load(Ordering::Relaxed),
            key_frame_requests: counts.key_frames_asked_of_us.load(Ordering::Relaxed),
            energy: energy.sent,
            loudness: energy.last_sent,
            ..sized(counts.sent_size.load(Ordering::Relaxed))
        };
        let received = Traffic {
            frames: counts.frames_received.load(Ordering::Relaxed),
            key_frame_requests: counts.key_frames_asked.load(Ordering::Relaxed),
            energy: energy.received,
            loudness: energy.last_received,
            ..sized(counts.received_size.load(Ordering::Relaxed))
        };
        let voice = voices.last().map(|voice| {
            let voice = voice.lock().unwrap_or_else(PoisonError::into_inner);
            (voice.heard(), voice.wanted_delay())
        });
        let (heard, delay) = voice.unwrap_or_default();
        Statistics { target: self.flow.pace.target(), sent, received, heard, delay, ..Statistics::default() }
    }
}

fn sized(size: u64) -> Traffic {
    Traffic { width: (size >> 32) as u32, height: size as u32, ..Traffic::default() }
}

fn pair(report: &RTCStatsReport) -> Option<Pair> {
    let pair = report.candidate_pairs().filter(|pair| pair.nominated).max_by_key(|pair| pair.packets_received)?;
    // The report names candidates by their side as well; pairs do not. One that nobody told of was found by its packets.
    let kind = |side: &str, id: &str| match report.get(&format!("RTC{side}IceCandidate_{id}")) {
        Some(RTCStatsReportEntry::LocalCandidate(it) | RTCStatsReportEntry::RemoteCandidate(it)) => {
            it.candidate_type.to_string()
        }
        _ => "prflx".to_owned(),
    };
    let round_trip = Duration::try_from_secs_f64(pair.current_round_trip_time).unwrap_or_default();
    let (local, remote) = (kind("Local", &pair.local_candidate_id), kind("Remote", &pair.remote_candidate_id));
    Some(Pair { local, remote, round_trip })
}
