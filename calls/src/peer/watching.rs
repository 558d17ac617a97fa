//! From the other side's camera or screen to the viewer.

use std::sync::{Arc, atomic::Ordering};

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use tokio_util::sync::CancellationToken;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::flow::Flow;
use crate::{assembly::Assembly, change::Side, device::Shown};

/// Shows the frames of a track, as long as it lives.
pub(super) async fn watch(flow: Arc<Flow>, track: Arc<dyn TrackRemote>, stop: CancellationToken) {
    let Some(source) = track.ssrcs().await.first().copied() else { return };
    let stream = track.stream_id().await;
    let (mut assembly, mut refreshed) = (Assembly::default(), flow.refreshed.load(Ordering::Relaxed));
    while let Some(event) = next(&track, &stop).await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        let (header, now) = (packet.header, flow.now());
        assembly.push(header.sequence_number, header.timestamp, header.marker, &packet.payload);
        let wished = flow.refreshed.load(Ordering::Relaxed);
        if wished != refreshed {
            refreshed = wished;
            assembly.start_anew();
        }
        while let Some(whole) = assembly.take(now) {
            flow.counts.frames_received.fetch_add(1, Ordering::Relaxed);
            let size = u64::from(whole.frame.width) << 32 | u64::from(whole.frame.height);
            flow.counts.received_size.store(size, Ordering::Relaxed);
            if !flow.on_hold.load(Ordering::Relaxed) {
                let (frame, stamp) = (&whole.frame, whole.stamp);
                flow.viewer.show(Shown { call: &flow.call, whose: Side::Them, stream: &stream, frame, stamp });
            }
        }
        if assembly.wants_key_frame(now) {
            flow.counts.key_frames_asked.fetch_add(1, Ordering::Relaxed);
            let request = PictureLossIndication { sender_ssrc: 0, media_ssrc: source };
            if track.write_rtcp(vec![Box::new(request)]).await.is_err() {
                return;
            }
        }
    }
}

/// The next event of a track. None when it is over, or `stop` came.
pub(super) async fn next(track: &Arc<dyn TrackRemote>, stop: &CancellationToken) -> Option<TrackRemoteEvent> {
    let event = tokio::select! {
        () = stop.cancelled() => return None,
        event = track.poll() => event?,
    };
    (!matches!(event, TrackRemoteEvent::OnEnded)).then_some(event)
}
