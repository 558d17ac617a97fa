//! From the other side to the speaker.

use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering};

use tokio_util::sync::CancellationToken;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::flow::Flow;
use crate::{
    change::Device,
    codec::{SILENCE, Sound, energy},
    engine::Report,
    jitter::Jitter,
};

/// Keeps the sound of a track until it is played, as long as the track lives.
pub(super) async fn listen(flow: Arc<Flow>, track: Arc<dyn TrackRemote>, stop: CancellationToken) {
    let Ok(jitter) = Jitter::new() else { return };
    let voice = Arc::new(Mutex::new(jitter));
    flow.add_voice(Arc::clone(&voice));
    while let Some(event) = super::watching::next(&track, &stop).await {
        if let TrackRemoteEvent::OnRtpPacket(packet) = event {
            let (header, now) = (packet.header, flow.now());
            let mut jitter = voice.lock().unwrap_or_else(PoisonError::into_inner);
            jitter.push(header.sequence_number, header.timestamp, packet.payload, now);
        }
    }
    flow.remove_voice(&voice);
}

/// Plays all voices together until `stop`. A speaker that is not there is tried again and again.
pub(super) async fn play(flow: Arc<Flow>, stop: CancellationToken) {
    let mut lost = false;
    loop {
        let Some(mut speaker) = flow.open(Device::Speaker, &stop, lost, |devices| devices.speaker()).await else {
            return;
        };
        loop {
            let sound = mix(&flow);
            let played = tokio::select! {
                () = stop.cancelled() => return,
                played = speaker.play(&sound) => played,
            };
            if played.is_err() {
                break;
            }
        }
        lost = true;
        flow.report(Report::DeviceFailed(Device::Speaker)).await;
    }
}

fn mix(flow: &Flow) -> Sound {
    let mut mixed = SILENCE;
    for voice in flow.voices() {
        // Also on hold: what comes late must not be played later still.
        let sound = voice.lock().unwrap_or_else(PoisonError::into_inner).pull();
        for (sum, sample) in mixed.iter_mut().zip(sound) {
            *sum = (*sum + sample).clamp(-1.0, 1.0);
        }
    }
    if flow.on_hold.load(Ordering::Relaxed) {
        mixed = SILENCE;
    }
    let loudness = energy(&mixed);
    let mut counted = flow.counts.energy.lock().unwrap_or_else(PoisonError::into_inner);
    counted.received += loudness;
    counted.last_received = loudness;
    drop(counted);
    mixed
}
