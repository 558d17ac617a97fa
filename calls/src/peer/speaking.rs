//! From the microphone to the other side.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use tokio_util::sync::CancellationToken;

use super::{flow::Flow, outlet::Writer};
use crate::{
    change::Device,
    codec::{SILENCE, SOUND_SAMPLES, SoundEncoder, energy},
    device::Microphone,
    engine::Report,
};

const START: u32 = 32_000;
/// Of IP, UDP, RTP and its encryption, for each of 50 packets a second.
const HEADERS: u32 = 20_000;

/// Speaks until `stop`, and gives the microphone back.
pub(super) async fn speak(
    flow: Arc<Flow>,
    mut writer: Writer,
    mut held: Option<Box<dyn Microphone>>,
    stop: CancellationToken,
) -> Option<Box<dyn Microphone>> {
    let Ok(mut encoder) = SoundEncoder::new(START) else {
        flow.report(Report::Broken).await;
        return held;
    };
    let (mut stamp, mut pause, mut lost) = (0_u32, true, false);
    loop {
        let mut microphone = match held.take() {
            Some(microphone) => microphone,
            None => flow.open(Device::Microphone, &stop, lost, |devices| devices.microphone()).await?,
        };
        let heard = tokio::select! {
            () = stop.cancelled() => return Some(microphone),
            heard = microphone.hear() => heard,
        };
        let Ok(mut sound) = heard else {
            lost = true;
            flow.report(Report::DeviceFailed(Device::Microphone)).await;
            continue;
        };
        (held, lost) = (Some(microphone), false);
        stamp = stamp.wrapping_add(SOUND_SAMPLES as u32);
        if !flow.microphone.load(Ordering::Relaxed) {
            sound = SILENCE;
        }
        let loudness = energy(&sound);
        flow.counts.energy.lock().unwrap_or_else(PoisonError::into_inner).last_sent = loudness;
        if !flow.is_sending() {
            pause = true;
            continue;
        }
        let rate = if flow.pace.target() > 600_000 { 76_000 } else { 44_000 };
        let packet = encoder.set_rate(rate - HEADERS).and_then(|()| encoder.encode(&sound));
        match packet {
            Ok(Some(packet)) => {
                if writer.write(packet, stamp, pause).await {
                    flow.counts.sounds_sent.fetch_add(1, Ordering::Relaxed);
                    flow.counts.energy.lock().unwrap_or_else(PoisonError::into_inner).sent += loudness;
                }
                pause = false;
            }
            Ok(None) | Err(_) => pause = true,
        }
    }
}
