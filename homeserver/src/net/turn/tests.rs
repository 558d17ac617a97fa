//! A TURN client of another hand against the server.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{net::UdpSocket, time::timeout};
use tokio_util::sync::CancellationToken;
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

use super::{Reached, TurnLimits, TurnOptions, TurnServer, credentials, reached_at};
use crate::{clock::Clock, net::networks::AllowedNetworks};

const SECRET: &str = "a secret of the tests";
const NOW: i64 = 1_700_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

struct Home {
    server: TurnServer,
    stop: CancellationToken,
}

impl Home {
    async fn with(networks: &[&str], limits: TurnLimits) -> Self {
        Self::at("127.0.0.1:0", networks, limits, Arc::new(reached_at)).await
    }

    async fn at(listen: &str, networks: &[&str], limits: TurnLimits, reached: Reached) -> Self {
        let stop = CancellationToken::new();
        let options = TurnOptions {
            listen: listen.parse().unwrap(),
            address: None,
            ports: None,
            realm: "one.example".to_owned(),
            secret: SECRET.to_owned(),
            networks: AllowedNetworks::new(networks.iter().map(|network| network.parse().unwrap())),
            clock: Clock::from_fn(|| NOW * 1000),
            limits,
            reached,
            shutdown: stop.clone(),
        };
        Self { server: TurnServer::open(options).await.unwrap(), stop }
    }

    async fn start() -> Self {
        Self::with(&["127.0.0.0/8"], TurnLimits::default()).await
    }

    async fn client(&self, name: &str, password: &str) -> Client {
        let conn = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = self.server.address().to_string();
        let client = Client::new(ClientConfig {
            stun_serv_addr: address.clone(),
            turn_serv_addr: address,
            username: name.to_owned(),
            password: password.to_owned(),
            realm: String::new(),
            software: String::new(),
            rto_in_ms: 0,
            conn,
            vnet: None,
        });
        let client = client.await.unwrap();
        client.listen().await.unwrap();
        client
    }

    async fn of(&self, user: &str) -> Client {
        let (name, password) = credentials::make(SECRET, user, NOW + 60).unwrap();
        self.client(&name, &password).await
    }
}

async fn peer(address: &str) -> UdpSocket {
    UdpSocket::bind((address, 0)).await.unwrap()
}

async fn received(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 1500];
    let (size, from) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("a datagram").unwrap();
    (buffer[..size].to_vec(), from)
}

async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited for {what} in vain"));
}

#[tokio::test]
async fn what_is_sent_to_a_relay_comes_out_at_the_other_end_both_ways() {
    let home = Home::start().await;
    let client = home.of("@alice:one.example").await;
    let seen = client.send_binding_request().await.unwrap();
    assert_eq!(seen.ip(), std::net::IpAddr::from([127, 0, 0, 1]));
    let (relay, peer) = (client.allocate().await.unwrap(), peer("127.0.0.1").await);
    relay.send_to(b"there", peer.local_addr().unwrap()).await.unwrap();
    let (there, relayed) = received(&peer).await;
    assert_eq!((there.as_slice(), relayed), (b"there".as_slice(), relay.local_addr().unwrap()));
    peer.send_to(b"back", relayed).await.unwrap();
    let mut buffer = [0; 1500];
    let (size, from) = timeout(PATIENCE, relay.recv_from(&mut buffer)).await.expect("an answer").unwrap();
    assert_eq!((&buffer[..size], from), (b"back".as_slice(), peer.local_addr().unwrap()));
}

#[tokio::test]
async fn nothing_is_relayed_into_a_network_that_is_not_allowed() {
    let home = Home::with(&["127.0.0.2/32"], TurnLimits::default()).await;
    let client = home.of("@alice:one.example").await;
    let relay = client.allocate().await.unwrap();
    let (forbidden, allowed) = (peer("127.0.0.1").await, peer("127.0.0.2").await);
    for peer in [&forbidden, &allowed] {
        relay.send_to(b"there", peer.local_addr().unwrap()).await.unwrap();
    }
    received(&allowed).await;
    assert!(forbidden.try_recv_from(&mut [0; 10]).is_err());
    // Nor does anything come from there, though the relay has sent to it.
    forbidden.send_to(b"no", relay.local_addr().unwrap()).await.unwrap();
    allowed.send_to(b"yes", relay.local_addr().unwrap()).await.unwrap();
    let mut buffer = [0; 10];
    let (size, _) = timeout(PATIENCE, relay.recv_from(&mut buffer)).await.expect("an answer").unwrap();
    assert_eq!(&buffer[..size], b"yes");
}

#[tokio::test]
async fn a_name_that_ended_a_false_password_and_a_stranger_are_refused() {
    let home = Home::start().await;
    let (name, password) = credentials::make(SECRET, "@alice:one.example", NOW + 60).unwrap();
    let (old, of_old) = credentials::make(SECRET, "@alice:one.example", NOW - 1).unwrap();
    let longer = name.replacen("1700000060", "1800000060", 1);
    for (name, password) in [
        (old.as_str(), of_old.as_str()),
        (&longer, &password),
        (&name, "guessed"),
        ("alice", "guessed"),
        ("", ""),
        (&"9".repeat(400), "guessed"),
    ] {
        let client = home.client(name, password).await;
        assert!(client.allocate().await.is_err(), "{name}");
    }
    assert!(home.client(&name, &password).await.allocate().await.is_ok());
}

#[tokio::test]
async fn each_user_has_so_many_relays_and_gets_another_when_one_ends() {
    let limits = TurnLimits { relays_of_user: 2, relays: 3, ..TurnLimits::default() };
    let home = Home::with(&["127.0.0.0/8"], limits).await;
    let (first, second) = (home.of("@alice:one.example").await, home.of("@alice:one.example").await);
    let relay = first.allocate().await.unwrap();
    let _other = second.allocate().await.unwrap();
    let third = home.of("@alice:one.example").await;
    assert!(third.allocate().await.is_err(), "a third relay of one user");
    let bob = home.of("@bob:one.example").await;
    let _bobs = bob.allocate().await.unwrap();
    let carol = home.of("@carol:one.example").await;
    assert!(carol.allocate().await.is_err(), "a fourth relay of all");
    relay.close().await.unwrap();
    until("room for another relay", async || home.of("@carol:one.example").await.allocate().await.is_ok()).await;
}

#[tokio::test]
async fn a_relay_carries_so_many_bytes_and_no_more() {
    let limits = TurnLimits { bytes_a_second: 1, burst: 5_000, ..TurnLimits::default() };
    let home = Home::with(&["127.0.0.0/8"], limits).await;
    let client = home.of("@alice:one.example").await;
    let (relay, peer) = (client.allocate().await.unwrap(), peer("127.0.0.1").await);
    for _ in 0..20 {
        relay.send_to(&[7; 1_000], peer.local_addr().unwrap()).await.unwrap();
    }
    let mut count = 0;
    while timeout(Duration::from_millis(500), peer.recv_from(&mut [0; 1500])).await.is_ok() {
        count += 1;
    }
    assert_eq!(count, 5);
}

#[tokio::test]
async fn whoever_sends_nonsense_or_asks_without_end_stops_nobody_else() {
    let limits = TurnLimits { requests_at_once: 30, requests_a_second: 10, ..TurnLimits::default() };
    let home = Home::with(&["127.0.0.0/8"], limits).await;
    let (address, hostile) = (home.server.address(), peer("127.0.0.3").await);
    let allocate = [0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    for number in 0..2_000_usize {
        let noise: Vec<u8> = (0..number % 90).map(|at| (at * 31 + number * 7) as u8).collect();
        hostile.send_to(&noise, address).await.unwrap();
        let mut broken = allocate;
        broken[number % 20] = (number / 20) as u8;
        hostile.send_to(&broken, address).await.unwrap();
        let channel = [0x40, number as u8, 0, 200, 1];
        hostile.send_to(&channel, address).await.unwrap();
        hostile.send_to(&allocate, address).await.unwrap();
        tokio::task::yield_now().await;
    }
    let client = home.of("@alice:one.example").await;
    until("a relay", async || client.allocate().await.is_ok()).await;
    let mut answers = 0;
    while hostile.try_recv_from(&mut [0; 1500]).is_ok() {
        answers += 1;
    }
    assert!(answers < 200, "{answers} answers to one address");
}

#[tokio::test]
async fn a_server_that_answered_many_starts_anew_while_nobody_is_relayed() {
    let limits = TurnLimits { worn: 4, most_requests: 6, look: Duration::from_millis(100), ..TurnLimits::default() };
    let home = Home::with(&["127.0.0.0/8"], limits).await;
    for number in 0..8 {
        // Two requests each: more than are taken before it is new.
        let client = home.of(&format!("@user{number}:one.example")).await;
        let mut relay = None;
        until("a relay", async || {
            relay = client.allocate().await.ok();
            relay.is_some()
        })
        .await;
        relay.unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn it_ends_when_it_is_told_to_and_gives_its_port_back() {
    let home = Home::start().await;
    let client = home.of("@alice:one.example").await;
    let _relay = client.allocate().await.unwrap();
    let address = home.server.address();
    home.stop.cancel();
    timeout(PATIENCE, home.server.ended()).await.expect("its end");
    until("the port", async || UdpSocket::bind(address).await.is_ok()).await;
}

#[tokio::test]
async fn it_is_told_to_clients_only_where_they_can_reach_it() {
    let home = Home::start().await;
    let port = home.server.address().port();
    assert_eq!(home.server.offer().uris(), [format!("turn:127.0.0.1:{port}?transport=udp")]);
    let alone = Home::with(&[], TurnLimits::default()).await;
    assert!(alone.server.offer().uris().is_empty());
}

#[tokio::test]
async fn on_another_network_it_is_told_of_by_its_new_address() {
    let address = Arc::new(Mutex::new("127.0.0.1".parse::<IpAddr>().unwrap()));
    let now = Arc::clone(&address);
    let reached: Reached = Arc::new(move |_| Ok(*now.lock().unwrap()));
    let limits = TurnLimits { look: Duration::from_millis(50), ..TurnLimits::default() };
    let home = Home::at("0.0.0.0:0", &["127.0.0.0/8"], limits, reached).await;
    let port = home.server.address().port();
    let told = || home.server.offer().uris();
    assert_eq!(told(), [format!("turn:127.0.0.1:{port}?transport=udp")]);
    *address.lock().unwrap() = "127.0.0.2".parse().unwrap();
    until("the new address", async || told() == [format!("turn:127.0.0.2:{port}?transport=udp")]).await;
    until("a relay there", async || {
        let client = home.of("@alice:one.example").await;
        let Ok(relay) = client.allocate().await else { return false };
        let there = relay.local_addr().unwrap().ip().to_string() == "127.0.0.2";
        relay.close().await.unwrap();
        there
    })
    .await;
}
