//! A WebRTC connection with our codecs, and what it tells.

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use rtc::{ice::mdns::MulticastDnsMode, peer_connection::RTCPeerConnectionBuilder, shared::error::Result};
use tokio::{sync::mpsc, time::Instant};
use webrtc::{
    media_stream::track_remote::TrackRemote,
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCBundlePolicy, RTCConfigurationBuilder,
        RTCIceGatheringState, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
        RTCSessionDescription, SettingEngineBuilder,
    },
};

use super::{
    Network,
    chain::{self, Pace},
    event::Event,
};

/// Without multicast or a default route the first attempt fails, since it would listen for names of the local network.
pub(super) async fn connect(
    network: &Network,
    pace: &Arc<Pace>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Arc<dyn PeerConnection>> {
    match build(network, pace, events, MulticastDnsMode::QueryOnly).await {
        Ok(connection) => Ok(connection),
        Err(_) => build(network, pace, events, MulticastDnsMode::Disabled).await,
    }
}

/// Sets an offer on a connection of no network, since a live one that fails at it does not forget what it took.
pub(super) fn rehearse(offer: RTCSessionDescription) -> Result<()> {
    let now = Instant::now().into_std();
    let (codecs, registry) = chain::build(&Arc::default(), now)?;
    let mut connection =
        RTCPeerConnectionBuilder::new().with_media_engine(codecs).with_interceptor_registry(registry).build(now)?;
    connection.set_remote_description(now, offer)?;
    connection.create_answer(None).map(drop)
}

async fn build(
    network: &Network,
    pace: &Arc<Pace>,
    events: &mpsc::UnboundedSender<Event>,
    names: MulticastDnsMode,
) -> Result<Arc<dyn PeerConnection>> {
    let servers = network.servers.iter().map(|server| RTCIceServer {
        urls: server.uris.clone(),
        username: server.username.clone(),
        credential: server.password.clone(),
    });
    let policy = if network.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    let configuration = RTCConfigurationBuilder::new()
        .with_ice_servers(servers.collect())
        .with_ice_transport_policy(policy)
        .with_bundle_policy(RTCBundlePolicy::MaxBundle)
        .build();
    // A restart is for another network: its addresses replace the old ones.
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(names)
        .with_discard_local_candidates_during_ice_restart(true)
        .build();
    let (codecs, registry) = chain::build(pace, Instant::now().into_std())?;
    let connection = PeerConnectionBuilder::new()
        .with_configuration(configuration)
        .with_setting_engine(settings)
        .with_media_engine(codecs)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(Teller(events.clone())))
        .with_udp_addrs(network.bind.clone())
        .build()
        .await?;
    Ok(Arc::new(connection))
}

struct Teller(mpsc::UnboundedSender<Event>);

impl Teller {
    fn tell(&self, event: Event) {
        // A session that is over needs to hear nothing.
        let _ = self.0.send(event);
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Teller {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        // Where no interface has an address of a kind, the library names the socket that waits for one.
        if event.candidate.address.parse().is_ok_and(|address: IpAddr| address.is_unspecified()) {
            return;
        }
        if let Ok(candidate) = event.candidate.to_json() {
            self.tell(Event::Found(candidate.candidate));
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(Event::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.tell(Event::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tell(Event::Track(track));
    }
}
