//! One call of the engine: commands and events in, one after the other.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use rand::{RngCore as _, rngs::StdRng};
use rtc::{
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8},
    rtp_transceiver::rtp_sender::RtpCodecKind,
    shared::error::Result,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use webrtc::{
    media_stream::track_remote::TrackRemote,
    peer_connection::{PeerConnection, RTCPeerConnectionState},
};

use super::{
    Network, chain,
    connection::connect,
    event::{Event, Held},
    filming::film,
    flow::Flow,
    hearing::{listen, play},
    outlet::{Outlet, Writer},
    speaking::speak,
    watching::watch,
};
use crate::{
    change::Device,
    device::{Camera, Microphone, NoPicture},
    engine::{Command, LocalMedia, Report},
    limits::{CANDIDATES, STREAMS},
    signal::Candidate,
};

pub(super) struct Session {
    pub flow: Arc<Flow>,
    pub media: LocalMedia,
    pub events: mpsc::UnboundedSender<Event>,
    pub stop: CancellationToken,
    pub rng: StdRng,
    /// Ids of our two streams: what the person is, and what they share.
    pub user_stream: String,
    pub screen_stream: String,
    pub sound: Option<Arc<Outlet>>,
    pub camera: Option<Arc<Outlet>>,
    pub screen: Option<Arc<Outlet>>,
    speaking: Option<Source<Box<dyn Microphone>>>,
    filming: Option<Source<Box<dyn Camera>>>,
    sharing: Option<Source<Box<dyn Camera>>>,
    /// The screen that is shared next.
    lent: Mutex<Option<Box<dyn Camera>>>,
    tasks: TaskTracker,
    playing: AtomicBool,
    tracks: usize,
    /// Of the first section, in which all candidates are found.
    pub first_mid: Option<String>,
    pub candidates_left: usize,
    /// Of our descriptions.
    pub versions: u64,
    /// Their last description.
    pub their_sdp: String,
    /// Whether we are DTLS's server, once it is settled: for the whole call, whoever offers next.
    pub serves_dtls: Option<bool>,
    state: RTCPeerConnectionState,
}

/// A task that reads from a device and gives it back.
struct Source<D> {
    stop: CancellationToken,
    task: JoinHandle<Option<D>>,
}

impl<D> Source<D> {
    async fn end(self) -> Option<D> {
        self.stop.cancel();
        self.task.await.ok().flatten()
    }
}

impl Session {
    pub fn new(
        flow: Arc<Flow>,
        media: LocalMedia,
        events: mpsc::UnboundedSender<Event>,
        stop: CancellationToken,
        mut rng: StdRng,
    ) -> Self {
        let (user_stream, screen_stream) = (name(&mut rng), name(&mut rng));
        Self {
            flow,
            media,
            events,
            stop,
            rng,
            user_stream,
            screen_stream,
            sound: None,
            camera: None,
            screen: None,
            speaking: None,
            filming: None,
            sharing: None,
            lent: Mutex::default(),
            tasks: TaskTracker::new(),
            playing: AtomicBool::new(false),
            tracks: 0,
            first_mid: None,
            candidates_left: CANDIDATES,
            versions: 0,
            their_sdp: String::new(),
            serves_dtls: None,
            state: RTCPeerConnectionState::New,
        }
    }

    /// Lives until it is stopped; then every task is over and every device closed.
    pub async fn run(
        mut self,
        network: Network,
        held: Option<oneshot::Receiver<Held>>,
        mut inbox: mpsc::UnboundedReceiver<Event>,
    ) {
        let held = match held {
            Some(held) => held.await.unwrap_or_default(),
            None => Held::default(),
        };
        let opened = match connect(&network, &self.flow.pace, &self.events).await {
            Ok(connection) => self.start(&connection, held).await.map(|()| connection),
            Err(error) => Err(error),
        };
        match opened {
            Ok(connection) => {
                let stop = self.stop.clone();
                while let Some(event) = tokio::select! {
                    biased;
                    () = stop.cancelled() => None,
                    event = inbox.recv() => event,
                } {
                    self.handle(&connection, event).await;
                }
                self.end_sources().await;
                self.close(&connection).await;
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be made for a call");
                self.flow.report(Report::Broken).await;
                self.end_sources().await;
            }
        }
    }

    async fn start(&mut self, connection: &Arc<dyn PeerConnection>, held: Held) -> Result<()> {
        let (kind, codec) = (RtpCodecKind::Audio, chain::opus());
        let outlet = Outlet::add(connection, kind, codec, &self.user_stream, &mut self.rng).await?;
        let writer = Writer::new(Arc::clone(&outlet));
        let stop = self.stop.child_token();
        let task = tokio::spawn(speak(Arc::clone(&self.flow), writer, held.microphone, stop.clone()));
        (self.sound, self.speaking) = (Some(outlet), Some(Source { stop, task }));
        self.adjust(connection, held.camera).await
    }

    async fn handle(&mut self, connection: &Arc<dyn PeerConnection>, event: Event) {
        match event {
            Event::Command(command) => self.command(connection, command).await,
            Event::Found(candidate) => {
                let candidate = Candidate { candidate, mid: self.first_mid.clone(), line: Some(0) };
                self.flow.report(Report::Candidate(candidate)).await;
            }
            Event::Gathered => self.flow.report(Report::GatheringDone).await,
            Event::State(state) => self.state_is(state).await,
            Event::Track(track) => self.hear(track).await,
            Event::Refresh => {
                self.flow.refreshed.fetch_add(1, Ordering::Relaxed);
                self.want_key_frames();
            }
            Event::Count(answer) => {
                // Who asked may have gone.
                let _ = answer.send(self.count(connection).await);
            }
            Event::HandOver(hand) => {
                let held = Held { microphone: end(&mut self.speaking).await, camera: end(&mut self.filming).await };
                // Who took the devices may have gone: then they close.
                let _ = hand.send(held);
            }
            Event::Lend(screen) => *self.lent.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(screen),
            Event::ReopenCamera => {
                // Dropping what comes back closes the old one before the new one opens.
                if end(&mut self.filming).await.is_some()
                    && let Some(outlet) = self.camera.clone()
                {
                    self.filming = Some(self.begin(outlet, Device::Camera, None));
                }
            }
        }
    }

    async fn command(&mut self, connection: &Arc<dyn PeerConnection>, command: Command) {
        match command {
            Command::CreateOffer { round, restart_ice } => self.offer(connection, round, restart_ice).await,
            Command::CreateAnswer { round } => self.answer(connection, round).await,
            Command::SetRemote { round, description } => self.set_remote(connection, round, description).await,
            Command::Rollback => self.roll_back(connection).await,
            Command::AddCandidates(candidates) => self.add_candidates(connection, candidates).await,
            Command::SetMedia(media) => {
                self.media = media;
                if let Err(error) = self.adjust(connection, None).await {
                    tracing::warn!(%error, "a track could not be added to a call");
                    let (device, why) = (Device::Camera, NoPicture::Vanished);
                    self.flow.report(Report::NoPicture { device, why }).await;
                }
            }
            // The engine itself does these.
            Command::Open { .. } | Command::Close => {}
        }
    }

    /// Makes what is sent be what `media` says.
    async fn adjust(&mut self, connection: &Arc<dyn PeerConnection>, camera: Option<Box<dyn Camera>>) -> Result<()> {
        self.flow.microphone.store(self.media.microphone, Ordering::Relaxed);
        self.flow.on_hold.store(self.media.on_hold, Ordering::Relaxed);
        if !self.media.camera {
            // Dropping what comes back closes the device.
            end(&mut self.filming).await;
        } else if self.filming.as_ref().is_none_or(|filming| filming.task.is_finished()) {
            let outlet = match &self.camera {
                Some(outlet) => Arc::clone(outlet),
                None => self.add_video(connection, false).await?,
            };
            self.camera = Some(Arc::clone(&outlet));
            self.filming = Some(self.begin(outlet, Device::Camera, camera));
        }
        let lent = self.lent.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if !self.media.screen {
            end(&mut self.sharing).await;
            if let Some(outlet) = self.screen.take() {
                connection.remove_track(&outlet.sender).await?;
            }
        } else if self.sharing.as_ref().is_none_or(|sharing| sharing.task.is_finished()) {
            let outlet = match &self.screen {
                Some(outlet) => Arc::clone(outlet),
                None => self.add_video(connection, true).await?,
            };
            self.screen = Some(Arc::clone(&outlet));
            self.sharing = Some(self.begin(outlet, Device::Screen, lent));
        }
        Ok(())
    }

    async fn add_video(&mut self, connection: &Arc<dyn PeerConnection>, screen: bool) -> Result<Arc<Outlet>> {
        let stream = if screen { self.screen_stream.clone() } else { self.user_stream.clone() };
        let outlet = Outlet::add(connection, RtpCodecKind::Video, chain::vp8(), &stream, &mut self.rng).await?;
        let (asked, flow, stop) = (Arc::clone(&outlet), Arc::clone(&self.flow), self.stop.clone());
        self.tasks.spawn(async move {
            while tokio::select! { () = stop.cancelled() => false, more = asked.key_frame_request() => more } {
                flow.counts.key_frames_asked_of_us.fetch_add(1, Ordering::Relaxed);
                asked.key_frame_wanted.store(true, Ordering::Relaxed);
            }
        });
        Ok(outlet)
    }

    fn begin(&mut self, outlet: Arc<Outlet>, device: Device, held: Option<Box<dyn Camera>>) -> Source<Box<dyn Camera>> {
        let (flow, stop) = (Arc::clone(&self.flow), self.stop.child_token());
        outlet.key_frame_wanted.store(true, Ordering::Relaxed);
        let writer = Writer::new(outlet);
        Source { task: tokio::spawn(film(flow, device, writer, held, stop.clone())), stop }
    }

    async fn state_is(&mut self, state: RTCPeerConnectionState) {
        if state == self.state {
            return;
        }
        self.state = state;
        let report = match state {
            RTCPeerConnectionState::Connected => Report::Connected,
            RTCPeerConnectionState::Disconnected => Report::Disconnected,
            RTCPeerConnectionState::Failed => Report::Failed,
            _ => return,
        };
        if state == RTCPeerConnectionState::Connected {
            self.want_key_frames();
            self.flow.connected.store(true, Ordering::Relaxed);
        }
        self.flow.report(report).await;
    }

    async fn hear(&mut self, track: Arc<dyn TrackRemote>) {
        if self.tracks >= STREAMS {
            return;
        }
        self.tracks += 1;
        let (flow, stop) = (Arc::clone(&self.flow), self.stop.clone());
        match track.kind().await {
            RtpCodecKind::Audio => {
                if !self.playing.swap(true, Ordering::Relaxed) {
                    self.tasks.spawn(play(Arc::clone(&flow), stop.clone()));
                }
                self.tasks.spawn(listen(flow, track, stop));
            }
            RtpCodecKind::Video => {
                self.tasks.spawn(watch(flow, track, stop));
            }
            _ => {}
        }
    }

    fn want_key_frames(&self) {
        for outlet in [&self.camera, &self.screen].into_iter().flatten() {
            outlet.key_frame_wanted.store(true, Ordering::Relaxed);
        }
    }

    /// After each description: what may be sent, and as which payload type.
    pub async fn negotiated(&self) {
        if let Some(sound) = &self.sound {
            sound.negotiated(MIME_TYPE_OPUS).await;
        }
        for video in [&self.camera, &self.screen].into_iter().flatten() {
            video.negotiated(MIME_TYPE_VP8).await;
        }
    }

    async fn end_sources(&mut self) {
        self.stop.cancel();
        end(&mut self.speaking).await;
        end(&mut self.filming).await;
        end(&mut self.sharing).await;
    }

    async fn close(&self, connection: &Arc<dyn PeerConnection>) {
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a call's connection did not close well");
        }
    }
}

/// Ends a source and gives its device back.
async fn end<D>(source: &mut Option<Source<D>>) -> Option<D> {
    source.take()?.end().await
}

/// A name that no other stream has.
fn name(rng: &mut StdRng) -> String {
    format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())
}
