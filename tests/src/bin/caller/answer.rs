//! What a caller prints, as JSON.

use std::{path::Path, time::Duration};

use calls::statistics::{Statistics, Traffic};
use serde_json::{Value, json};
use tests::user::field;

use super::{Arguments, Mode, screen::Screen};

/// Nothing happened at all.
pub fn nothing() -> Value {
    json!({ "marks": {} })
}

/// How the call does: counts since its start, rates in bits per second, energies as sums of mean squares.
pub fn stats(statistics: &Statistics, screen: &Screen) -> Value {
    let (pair, heard, seen) = (statistics.pair.as_ref(), &statistics.heard, screen.counts());
    json!({
        "local": pair.map(|pair| &pair.local),
        "remote": pair.map(|pair| &pair.remote),
        "rttSeconds": pair.map(|pair| pair.round_trip.as_secs_f64()),
        "codecs": statistics.codecs,
        "target": statistics.target,
        "sent": traffic(&statistics.sent),
        "received": traffic(&statistics.received),
        "heard": {
            "packets": heard.packets, "decoded": heard.decoded, "recovered": heard.recovered, "concealed": heard.concealed,
            "squeezed": heard.squeezed, "useless": heard.useless, "delayMs": statistics.delay,
        },
        "seen": {
            "frames": seen.decoded, "broken": seen.broken, "own": seen.own,
            "size": format!("{}x{}", seen.width, seen.height), "luma": seen.mean_luma,
        },
    })
}

fn traffic(traffic: &Traffic) -> Value {
    json!({
        "packets": traffic.packets, "bytes": traffic.bytes, "lost": traffic.lost, "frames": traffic.frames,
        "keyFrames": traffic.key_frames, "keyFrameRequests": traffic.key_frame_requests,
        "size": format!("{}x{}", traffic.width, traffic.height),
        "energy": traffic.energy, "loudness": traffic.loudness,
    })
}

/// Saves what is seen.
pub fn look(screen: &Screen, file: &str) -> Value {
    match screen.save(Path::new(file)) {
        Ok(look) => json!({ "saved": file, "colour": look.colour, "spread": look.spread }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    }
}

/// Adds what does not belong to one call.
pub fn complete(answer: &mut Value, arguments: &Arguments, took: Duration, failed: Option<&anyhow::Error>) {
    field(answer, "mode", json!(if arguments.mode == Mode::Place { "place" } else { "answer" }));
    field(answer, "video", json!(arguments.video));
    if let Some(seconds) = processor_seconds() {
        let part = seconds / took.as_secs_f64().max(1e-3);
        field(answer, "cpu", json!({ "seconds": seconds, "ofACore": part }));
    }
    if let Some(error) = failed {
        field(answer, "error", json!(format!("{error:#}")));
    }
}

/// Processor time of this process, in user and kernel together. None where there is no such file.
fn processor_seconds() -> Option<f64> {
    // Linux counts in hundredths of a second here, whatever its own clock has.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(ticks.iter().sum::<f64>() / 100.0)
}
