//! The media engine: for each call a WebRTC connection that does what a call commands and reports what happens.
//!
//! Needs a tokio runtime. Each call is a task with its own tasks for devices and tracks; they end, and the devices close,
//! with [`Command::Close`] or when the [`Engine`] is dropped.

mod chain;
mod connection;
mod counting;
mod event;
mod filming;
mod flow;
mod hearing;
mod negotiation;
mod outlet;
pub mod preflight;
mod session;
mod speaking;
mod watching;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use self::{
    event::{Event, Held},
    flow::Flow,
    session::Session,
};
use crate::{
    calls::CallKey,
    device::{Camera, Devices, Viewer},
    engine::{Command, Report},
    statistics::Statistics,
};

/// How connections reach the world.
#[derive(Clone, Debug)]
pub struct Network {
    pub servers: Vec<IceServer>,
    /// Where to listen; an unspecified address stands for all interfaces but loopback, port 0 for any.
    pub bind: Vec<SocketAddr>,
    /// Use nothing but TURN servers.
    pub relay_only: bool,
}

/// A STUN or TURN server, as `/voip/turnServer` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    pub uris: Vec<String>,
    pub username: String,
    pub password: String,
}

/// Whether the media engine takes an offer, as it finds out before a live connection sees it.
#[cfg(any(test, fuzzing))]
pub(crate) fn rehearsed(sdp: &str) -> bool {
    let offer = webrtc::peer_connection::RTCSessionDescription::offer(sdp.to_owned());
    offer.and_then(connection::rehearse).is_ok()
}

/// What an engine says of one of its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    pub call: CallKey,
    pub report: Report,
}

/// Serves the calls of one account.
pub struct Engine {
    network: Network,
    devices: Arc<dyn Devices>,
    viewer: Arc<dyn Viewer>,
    reports: mpsc::Sender<CallReport>,
    rng: StdRng,
    sessions: BTreeMap<CallKey, Handle>,
    running: TaskTracker,
}

struct Handle {
    events: mpsc::UnboundedSender<Event>,
    _ends: DropGuard,
}

impl Engine {
    /// `reports` must be read: calls wait while it is full.
    pub fn new(
        network: Network,
        devices: Arc<dyn Devices>,
        viewer: Arc<dyn Viewer>,
        reports: mpsc::Sender<CallReport>,
        rng: StdRng,
    ) -> Self {
        Self { network, devices, viewer, reports, rng, sessions: BTreeMap::new(), running: TaskTracker::new() }
    }

    /// The servers of calls that open from now on: credentials expire.
    pub fn set_servers(&mut self, servers: Vec<IceServer>) {
        self.network.servers = servers;
    }

    /// Comes back at once; what happens is reported. Commands of a call that is not open do nothing.
    pub fn command(&mut self, call: &CallKey, command: Command) {
        match command {
            Command::Open { media, instead_of } => {
                let other = instead_of.map(|call_id| CallKey { room: call.room.clone(), call_id });
                let held = other.and_then(|other| self.hand_over(&other));
                self.open(call, media, held);
            }
            Command::Close => {
                self.sessions.remove(call);
            }
            command => self.tell(call, Event::Command(command)),
        }
    }

    /// Pictures of both sides begin anew with a key frame: a viewer lost its place.
    pub fn refresh(&self, call: &CallKey) {
        self.tell(call, Event::Refresh);
    }

    /// The screen that the next share of this call shows, already opened: the other side hears of it only once the person has
    /// chosen.
    pub fn lend_screen(&self, call: &CallKey, screen: Box<dyn Camera>) {
        self.tell(call, Event::Lend(screen));
    }

    /// The camera of this call, if it is on, opens anew: another one was chosen.
    pub fn reopen_camera(&self, call: &CallKey) {
        self.tell(call, Event::ReopenCamera);
    }

    /// None when the call is not open.
    pub async fn statistics(&self, call: &CallKey) -> Option<Statistics> {
        let (answer, answered) = oneshot::channel();
        self.tell(call, Event::Count(answer));
        answered.await.ok()
    }

    /// Closes every call and waits until its devices are closed, too. Its reports must be read meanwhile, or be dropped.
    pub async fn close(mut self) {
        self.sessions.clear();
        self.running.close();
        self.running.wait().await;
    }

    fn open(&mut self, call: &CallKey, media: crate::LocalMedia, held: Option<oneshot::Receiver<Held>>) {
        let (events, inbox) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (devices, viewer) = (Arc::clone(&self.devices), Arc::clone(&self.viewer));
        let flow = Arc::new(Flow::new(call.clone(), devices, viewer, self.reports.clone(), media));
        let rng = StdRng::seed_from_u64(self.rng.next_u64());
        let session = Session::new(flow, media, events.clone(), stop.clone(), rng);
        self.running.spawn(session.run(self.network.clone(), held, inbox));
        self.sessions.insert(call.clone(), Handle { events, _ends: stop.drop_guard() });
    }

    fn hand_over(&self, call: &CallKey) -> Option<oneshot::Receiver<Held>> {
        let (hand, held) = oneshot::channel();
        self.sessions.get(call)?.events.send(Event::HandOver(hand)).ok()?;
        Some(held)
    }

    fn tell(&self, call: &CallKey, event: Event) {
        if let Some(handle) = self.sessions.get(call) {
            // A session that broke hears nothing any more; it said so.
            let _ = handle.events.send(event);
        }
    }
}

#[cfg(test)]
mod tests;
