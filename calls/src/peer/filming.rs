//! From a camera or a screen to the other side, and to the own viewer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rtc::rtp::{codec::vp8::Vp8Payloader, packetizer::Payloader as _};
use tokio_util::sync::CancellationToken;

use super::{flow::Flow, outlet::Writer};
use crate::{
    change::{Device, Side},
    codec::{Frame, Picture, PictureEncoder},
    congestion::{Allocator, Step},
    device::{Camera, Devices, NoPicture, Shown},
    engine::Report,
    moment::Moment,
};

/// Bytes of a packet that are left for video.
const PAYLOAD: usize = 1_188;
/// Between two key frames, whoever asks for them.
const KEY_FRAME_DISTANCE: Duration = Duration::from_millis(300);

/// Films until `stop`, and gives the camera back. None when there is no camera, or no more.
pub(super) async fn film(
    flow: Arc<Flow>,
    device: Device,
    mut writer: Writer,
    held: Option<Box<dyn Camera>>,
    stop: CancellationToken,
) -> Option<Box<dyn Camera>> {
    flow.videos.fetch_add(1, Ordering::Relaxed);
    let camera = tokio::select! {
        () = stop.cancelled() => None,
        camera = opened(&*flow.devices, device, held) => Some(camera),
    };
    let back = match camera {
        Some(Ok(camera)) => run(&flow, device, &mut writer, camera, &stop).await,
        Some(Err(why)) => Err(why),
        None => Ok(None),
    };
    flow.videos.fetch_sub(1, Ordering::Relaxed);
    match back {
        Ok(camera) => camera,
        Err(why) => {
            flow.report(Report::NoPicture { device, why }).await;
            None
        }
    }
}

async fn opened(
    devices: &dyn Devices,
    device: Device,
    held: Option<Box<dyn Camera>>,
) -> Result<Box<dyn Camera>, NoPicture> {
    match (held, device) {
        (Some(held), _) => Ok(held),
        (None, Device::Screen) => devices.screen().await,
        (None, _) => devices.camera().await,
    }
}

async fn run(
    flow: &Arc<Flow>,
    device: Device,
    writer: &mut Writer,
    mut camera: Box<dyn Camera>,
    stop: &CancellationToken,
) -> Result<Option<Box<dyn Camera>>, NoPicture> {
    let mut studio = Studio::default();
    let mut payloader = Vp8Payloader::default();
    payloader.enable_picture_id = true;
    loop {
        let picture = tokio::select! {
            () = stop.cancelled() => return Ok(Some(camera)),
            picture = camera.look() => picture?,
        };
        let now = flow.now();
        if flow.on_hold.load(Ordering::Relaxed) || flow.pace.is_behind() {
            continue;
        }
        let share = flow.pace.target() / u32::try_from(flow.videos.load(Ordering::Relaxed).max(1)).unwrap_or(1);
        let wanted = writer.outlet().key_frame_wanted.load(Ordering::Relaxed);
        let Some((frame, stamp)) = studio.take(picture, f64::from(share), wanted, now).await else { continue };
        if frame.key {
            writer.outlet().key_frame_wanted.store(false, Ordering::Relaxed);
        }
        let stream = writer.outlet().stream.clone();
        let shown = Shown { call: &flow.call, whose: Side::Us, stream: &stream, frame: &frame, stamp };
        // Who shares a screen sees it anyway; in the window it would be a picture of itself.
        if device != Device::Screen {
            flow.viewer.show(shown);
        }
        if flow.is_sending() {
            send(flow, writer, &mut payloader, &frame, stamp).await;
        }
    }
}

async fn send(flow: &Flow, writer: &mut Writer, payloader: &mut Vp8Payloader, frame: &Frame, stamp: u32) {
    let Ok(packets) = payloader.payload(PAYLOAD, &frame.data) else { return };
    let (mut sent, last) = (false, packets.len().saturating_sub(1));
    for (place, packet) in packets.into_iter().enumerate() {
        sent = writer.write(packet, stamp, place == last).await;
        if !sent {
            break;
        }
    }
    if sent {
        flow.counts.frames_sent.fetch_add(1, Ordering::Relaxed);
        flow.counts.key_frames_sent.fetch_add(frame.key.into(), Ordering::Relaxed);
        let size = u64::from(frame.width) << 32 | u64::from(frame.height);
        flow.counts.sent_size.store(size, Ordering::Relaxed);
    } else {
        // What did not leave leaves a gap that only a key frame closes.
        writer.outlet().key_frame_wanted.store(true, Ordering::Relaxed);
    }
}

/// Makes frames of pictures, as large and as many as the rate carries.
#[derive(Default)]
struct Studio {
    encoder: Option<(PictureEncoder, (u32, u32), u32)>,
    allocator: Allocator,
    last: Option<Moment>,
    last_key: Option<Moment>,
}

impl Studio {
    async fn take(&mut self, picture: Picture, rate: f64, key: bool, now: Moment) -> Option<(Frame, u32)> {
        let (step, rate) = self.allocator.divide(rate, now).video?;
        // A little early is in time: cameras tremble.
        let every = Duration::from_secs(1).mul_f64(0.9) / step.frames.max(1);
        if self.last.is_some_and(|last| now.since(last) < every) {
            return None;
        }
        self.last = Some(now);
        let key = key && self.last_key.is_none_or(|last| now.since(last) >= KEY_FRAME_DISTANCE);
        let size = fit(&picture, &step);
        let encoder = self.encoder_for(size, rate as u32)?;
        let at = now.since(Moment::default());
        let encoding = move || {
            let (mut encoder, size, rate) = encoder;
            let picture = picture.scaled(size.0, size.1)?;
            let frame = encoder.encode(&picture, at, key);
            Some(((encoder, size, rate), frame.ok().flatten()))
        };
        let (encoder, frame) = tokio::task::spawn_blocking(encoding).await.ok()??;
        self.encoder = Some(encoder);
        let frame = frame?;
        if frame.key {
            self.last_key = Some(now);
        }
        Some((frame, (at.as_micros() * 9 / 100) as u32))
    }

    /// The encoder of this size, at about this rate.
    fn encoder_for(&mut self, size: (u32, u32), rate: u32) -> Option<(PictureEncoder, (u32, u32), u32)> {
        match self.encoder.take() {
            Some((mut encoder, its, old)) if its == size => {
                if old.abs_diff(rate) > old / 20 {
                    encoder.set_rate(rate).ok()?;
                    return Some((encoder, size, rate));
                }
                Some((encoder, size, old))
            }
            _ => PictureEncoder::new(size.0, size.1, rate).ok().map(|encoder| (encoder, size, rate)),
        }
    }
}

/// The largest even size of the picture's own shape that fits into the step.
fn fit(picture: &Picture, step: &Step) -> (u32, u32) {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let (wide, high) = (f64::from(step.width), f64::from(step.height));
    // A picture that stands is measured like one that lies.
    let (wide, high) = if height > width { (high, wide) } else { (wide, high) };
    let scale = (wide / width).min(high / height).min(1.0);
    let even = |side: f64| ((side * scale) as u32 & !1).max(2);
    (even(width), even(height))
}
