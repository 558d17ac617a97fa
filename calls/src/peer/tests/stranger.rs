//! A stranger with a connection of their own, who sends through it what no honest app would.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use rtc::{
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8},
    rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication,
    rtp_transceiver::rtp_sender::RtpCodecKind,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use webrtc::{
    media_stream::track_remote::TrackRemote,
    peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription},
};

use super::{hostile::Alone, people::network};
use crate::{
    engine::{Command, LocalMedia, Report},
    limits::FRAME_BYTES,
    peer::{
        chain,
        connection::connect,
        event::Event,
        outlet::{Outlet, Writer},
    },
    signal::{Candidate, Description, DescriptionKind},
};

const PATIENCE: Duration = Duration::from_secs(40);

struct Stranger {
    connection: Arc<dyn PeerConnection>,
    sound: Writer,
    video: Writer,
    tracks: Vec<Arc<dyn TrackRemote>>,
    rng: StdRng,
}

impl Stranger {
    /// Calls an engine, which answers.
    async fn connected(alone: &mut Alone) -> Self {
        let (sender, mut events) = mpsc::unbounded_channel();
        let connection = connect(&network(), &Arc::default(), &sender).await.unwrap();
        let mut rng = StdRng::seed_from_u64(5);
        let sound = Outlet::add(&connection, RtpCodecKind::Audio, chain::opus(), "stranger", &mut rng).await.unwrap();
        let video = Outlet::add(&connection, RtpCodecKind::Video, chain::vp8(), "stranger", &mut rng).await.unwrap();
        let offer = connection.create_offer(None).await.unwrap();
        connection.set_local_description(offer.clone()).await.unwrap();
        let description = Description { kind: DescriptionKind::Offer, sdp: offer.sdp };
        alone.command(Command::SetMedia(LocalMedia::video()));
        alone.command(Command::SetRemote { round: 1, description });
        alone.command(Command::CreateAnswer { round: 1 });
        let Report::Described { sdp, .. } = alone.report(|report| matches!(report, Report::Described { .. })).await
        else {
            unreachable!()
        };
        let answer = RTCSessionDescription::answer(sdp).unwrap();
        connection.set_remote_description(answer).await.unwrap();
        let (mut tracks, mut connected) = (Vec::new(), false);
        let deadline = Instant::now() + PATIENCE;
        while !connected || tracks.len() < 2 {
            assert!(Instant::now() < deadline, "no connection: {connected}, {} tracks", tracks.len());
            while let Ok(Some(event)) = timeout(Duration::from_millis(10), events.recv()).await {
                match event {
                    Event::Found(candidate) => {
                        let candidate = Candidate { candidate, mid: None, line: Some(0) };
                        alone.command(Command::AddCandidates(vec![candidate]));
                    }
                    Event::Track(track) => tracks.push(track),
                    _ => {}
                }
            }
            match timeout(Duration::from_millis(10), alone.report(|_| true)).await {
                Ok(Report::Candidate(candidate)) => {
                    let candidate = candidate.candidate;
                    let init =
                        RTCIceCandidateInit { candidate, sdp_mline_index: Some(0), ..RTCIceCandidateInit::default() };
                    connection.add_ice_candidate(init).await.unwrap();
                }
                Ok(Report::Connected) => connected = true,
                _ => {}
            }
        }
        sound.negotiated(MIME_TYPE_OPUS).await;
        video.negotiated(MIME_TYPE_VP8).await;
        let (sound, video) = (Writer::new(sound), Writer::new(video));
        Self { connection, sound, video, tracks, rng }
    }

    fn noise(&mut self) -> Bytes {
        let mut noise = vec![0; self.rng.random_range(0..1_200)];
        self.rng.fill_bytes(&mut noise);
        noise.into()
    }
}

/// A key frame of this size that goes on and on.
fn endless(first: bool) -> Bytes {
    let descriptor: &[u8] = if first { &[0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f] } else { &[0x00] };
    let mut data = descriptor.to_vec();
    data.resize(1_200, 0x55);
    data.into()
}

#[tokio::test]
async fn noise_frames_without_end_and_pictures_of_all_sizes_leave_the_call_standing() {
    let mut alone = Alone::new();
    let mut stranger = Stranger::connected(&mut alone).await;
    for number in 0..3_000_u32 {
        let (stamp, marker) = (stranger.rng.next_u32(), stranger.rng.random());
        let noise = stranger.noise();
        assert!(stranger.sound.write(noise, stamp, marker).await);
        let noise = stranger.noise();
        stranger.video.write(noise, stamp, marker).await;
        if number % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for number in 0..FRAME_BYTES / 1_000 {
        stranger.video.write(endless(number == 0), 7, false).await;
        if number % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let statistics = alone.engine.statistics(&alone.key).await.unwrap();
    assert!(statistics.received.packets > 1_000 && statistics.heard.packets > 100, "{statistics:?}");
    alone.command(Command::Close);
    let closed = async {
        while alone.devices.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("every device is closed");
    stranger.connection.close().await.unwrap();
}

#[tokio::test]
async fn whoever_asks_for_key_frames_without_end_gets_a_few() {
    let mut alone = Alone::new();
    let stranger = Stranger::connected(&mut alone).await;
    let mut video = None;
    for track in &stranger.tracks {
        if track.kind().await == RtpCodecKind::Video {
            video = Some(Arc::clone(track));
        }
    }
    let began = Instant::now();
    if let Some(video) = video {
        let source = video.ssrcs().await.first().copied().unwrap_or_default();
        for _ in 0..200 {
            let request = PictureLossIndication { sender_ssrc: 0, media_ssrc: source };
            video.write_rtcp(vec![Box::new(request)]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let sent = alone.engine.statistics(&alone.key).await.unwrap().sent;
    assert!(sent.key_frame_requests > 20, "{sent:?}");
    assert!(u128::from(sent.key_frames) <= 2 + began.elapsed().as_millis() / 300, "{sent:?} in {:?}", began.elapsed());
    alone.command(Command::Close);
    stranger.connection.close().await.unwrap();
}
