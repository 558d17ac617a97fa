//! What a call's connection and those who hold it tell its session.

use std::sync::Arc;

use tokio::sync::oneshot;
use webrtc::{media_stream::track_remote::TrackRemote, peer_connection::RTCPeerConnectionState};

use crate::{
    device::{Camera, Microphone},
    engine::Command,
    statistics::Statistics,
};

/// What a session hears.
pub(super) enum Event {
    Command(Command),
    /// The text of a local candidate.
    Found(String),
    Gathered,
    State(RTCPeerConnectionState),
    Track(Arc<dyn TrackRemote>),
    Refresh,
    Count(oneshot::Sender<Statistics>),
    HandOver(oneshot::Sender<Held>),
    Lend(Box<dyn Camera>),
    ReopenCamera,
}

/// Devices on their way from one call to another.
#[derive(Default)]
pub(super) struct Held {
    pub microphone: Option<Box<dyn Microphone>>,
    pub camera: Option<Box<dyn Camera>>,
}
