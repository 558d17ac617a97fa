//! Two real iroh endpoints on loopback.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    routing::{get, put},
};
use crypto::Key;
use http::{Request, StatusCode};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{AddressBook, IrohFederation, IrohOptions, Limits, StrangerLimits, TransportError};
use crate::net::{listener::Peer, outgoing::ExchangeLimits};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn options(secret: Key, port: u16) -> IrohOptions {
    IrohOptions {
        secret,
        port,
        only: Some(LOOPBACK),
        limits: Limits::default(),
        strangers: StrangerLimits::default(),
        shutdown: CancellationToken::new(),
    }
}

fn router() -> Router {
    Router::new()
        .route(
            "/peer",
            get(|Extension(peer): Extension<Peer>| async move {
                match peer {
                    Peer::Iroh(key) => data_encoding::HEXLOWER.encode(&key),
                    other => format!("{other:?}"),
                }
            }),
        )
        .route("/echo", put(|body: Bytes| async move { body }))
        .route("/big", get(|| async { vec![7; 3_000_000] }))
        .route("/never", get(std::future::pending::<()>))
}

async fn node() -> IrohFederation {
    let node = IrohFederation::bind(options(Key::random(), 0), AddressBook::new([], None)).await.unwrap();
    node.serve(router());
    node
}

async fn ask(from: &IrohFederation, key: [u8; 32], path: &str) -> Result<(StatusCode, Bytes), TransportError> {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    let answer = from.send(key, "peer.hearth.alt", request, ExchangeLimits::default()).await?;
    let status = answer.status();
    Ok((status, answer.into_body().bytes(10_000_000).await?))
}

fn hex(node: &IrohFederation) -> String {
    data_encoding::HEXLOWER.encode(&node.key())
}

#[tokio::test]
async fn a_ticket_suffices_and_the_answer_to_an_unknown_peer_goes_over_its_own_connection() {
    let (a, b) = (node().await, node().await);
    assert_eq!(ask(&a, b.key(), "/peer").await, Err(TransportError::NoAddress));
    let ticket = b.ticket().await.to_string();
    a.book().learn(&ticket.parse().unwrap());
    let (status, body) = ask(&a, b.key(), "/peer").await.unwrap();
    assert_eq!((status, body), (StatusCode::OK, Bytes::from(hex(&a))));
    // Nobody has told b about a.
    let (_, body) = ask(&b, a.key(), "/peer").await.unwrap();
    assert_eq!(body, hex(&b));
    assert!(b.book().get(&a.key()).is_some(), "where a came from is remembered");
}

#[tokio::test]
async fn many_requests_share_one_connection_and_bodies_go_both_ways() {
    let (a, b) = (node().await, node().await);
    a.book().learn(&b.ticket().await);
    ask(&a, b.key(), "/peer").await.unwrap();
    let connection = a.0.peers.slot(b.key()).current().unwrap().stable_id();
    let calls = (0..200u32).map(|at| {
        let a = a.clone();
        let key = b.key();
        async move {
            let body = Bytes::from(at.to_string().repeat(1000));
            let request = Request::put("/echo").body(body.clone()).unwrap();
            let answer = a.send(key, "x.hearth.alt", request, ExchangeLimits::default()).await.unwrap();
            assert_eq!(answer.into_body().bytes(1_000_000).await.unwrap(), body);
        }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(ask(&a, b.key(), "/big").await.unwrap().1.len(), 3_000_000);
    assert_eq!(a.0.peers.slot(b.key()).current().unwrap().stable_id(), connection);
}

#[tokio::test]
async fn limits_on_answers_hold() {
    let (a, b) = (node().await, node().await);
    a.book().learn(&b.ticket().await);
    let get = |path: &str| Request::get(path).body(Bytes::new()).unwrap();
    let mut limits = ExchangeLimits::default();
    limits.body.bytes = 1000;
    let answer = a.send(b.key(), "x.hearth.alt", get("/big"), limits).await.unwrap();
    assert_eq!(answer.into_body().bytes(1_000_000).await, Err(TransportError::TooLarge(1000)));
    limits.head = Duration::from_millis(300);
    assert_eq!(a.send(b.key(), "x.hearth.alt", get("/never"), limits).await.err(), Some(TransportError::Timeout));
}

#[tokio::test]
async fn an_absent_peer_costs_seconds_not_half_a_minute() {
    let (a, b) = (node().await, node().await);
    a.book().learn(&b.ticket().await);
    b.0.options.shutdown.cancel();
    timeout(Duration::from_secs(3), b.ended()).await.unwrap();
    let started = Instant::now();
    let error = ask(&a, b.key(), "/peer").await.unwrap_err();
    assert!(matches!(error, TransportError::Timeout | TransportError::Refused(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test]
async fn another_key_at_the_same_address_is_not_the_peer() {
    let (a, b) = (node().await, node().await);
    let impostor = super::Ticket::new([5; 32], b.ticket().await.addresses().ips(), []);
    let key = *iroh::SecretKey::from_bytes(&[5; 32]).public().as_bytes();
    a.book().learn(&super::Ticket::new(key, impostor.addresses().ips(), []));
    assert!(ask(&a, key, "/peer").await.is_err());
}

#[tokio::test]
async fn waking_keeps_the_port_and_both_sides_find_each_other_again() {
    let (a, b) = (node().await, node().await);
    a.book().learn(&b.ticket().await);
    ask(&a, b.key(), "/peer").await.unwrap();
    let port = b.port();
    b.wake().await;
    assert_eq!(b.port(), port);
    let (_, body) = ask(&a, b.key(), "/peer").await.unwrap();
    assert_eq!(body, hex(&a));
    ask(&b, a.key(), "/peer").await.unwrap();
    a.wake().await;
    ask(&a, b.key(), "/peer").await.unwrap();
    ask(&b, a.key(), "/peer").await.unwrap();
}

#[tokio::test]
async fn a_peer_that_is_killed_and_restarted_on_its_port_is_reached_again() {
    let a = node().await;
    let secret = Key::random();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let start = |secret: Key, port: u16| async move {
        let node = IrohFederation::bind(options(secret, port), AddressBook::new([], None)).await.unwrap();
        node.serve(router());
        (node.key(), node.port(), node.ticket().await)
    };
    let (key, port, ticket) = runtime.spawn(start(secret.clone(), 0)).await.unwrap();
    a.book().learn(&ticket);
    ask(&a, key, "/peer").await.unwrap();
    // Everything of the peer vanishes without a word, as with SIGKILL.
    runtime.shutdown_background();
    sleep(Duration::from_millis(300)).await;
    let again = Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    let (_, new_port, _) = again.spawn(start(secret, port)).await.unwrap();
    assert_eq!(new_port, port);
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = ask(&a, key, "/peer").await {
        assert!(Instant::now() < deadline, "never reached again: {error}");
    }
    if let Some(runtime) = Arc::into_inner(again) {
        runtime.shutdown_background();
    }
}

#[tokio::test]
async fn a_flood_of_handshakes_from_one_address_is_slowed_down() {
    let mut limited = options(Key::random(), 0);
    limited.strangers = StrangerLimits { burst: 2, every: Duration::from_secs(60), under_way: 10 };
    let b = IrohFederation::bind(limited, AddressBook::new([], None)).await.unwrap();
    b.serve(router());
    let ticket = b.ticket().await;
    let mut answered = 0;
    for _ in 0..3 {
        let stranger = node().await;
        stranger.book().learn(&ticket);
        let asked = timeout(Duration::from_secs(2), ask(&stranger, b.key(), "/peer")).await;
        answered += u32::from(matches!(asked, Ok(Ok(_))));
    }
    assert_eq!(answered, 2);
}

#[tokio::test]
async fn connections_are_bounded_and_a_place_is_given_back() {
    let mut limited = options(Key::random(), 0);
    limited.limits.connections = 1;
    let b = IrohFederation::bind(limited, AddressBook::new([], None)).await.unwrap();
    b.serve(router());
    let ticket = b.ticket().await;
    let (first, second) = (node().await, node().await);
    first.book().learn(&ticket);
    second.book().learn(&ticket);
    ask(&first, b.key(), "/peer").await.unwrap();
    assert!(ask(&second, b.key(), "/peer").await.is_err());
    first.0.options.shutdown.cancel();
    first.ended().await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while ask(&second, b.key(), "/peer").await.is_err() {
        assert!(Instant::now() < deadline, "the place was never given back");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn on_every_interface_one_port_serves_and_the_ticket_leads_there() {
    let everywhere = |secret: Key, port: u16| {
        let options = IrohOptions { only: None, ..options(secret, port) };
        IrohFederation::bind(options, AddressBook::new([], None))
    };
    let secret = Key::random();
    let b = everywhere(secret.clone(), 0).await.unwrap();
    b.serve(router());
    let ticket = b.ticket().await;
    assert!(ticket.addresses().ips().count() > 0);
    assert!(ticket.addresses().ips().all(|address| address.port() == b.port()), "{ticket:?}");
    let a = everywhere(Key::random(), 0).await.unwrap();
    a.serve(router());
    a.book().learn(&ticket);
    assert_eq!(ask(&a, b.key(), "/peer").await.unwrap().1, hex(&a));

    let port = b.port();
    b.0.options.shutdown.cancel();
    b.ended().await;
    drop(b);
    let again = everywhere(secret, port).await.unwrap();
    again.serve(router());
    assert_eq!(again.port(), port);
    ask(&a, again.key(), "/peer").await.unwrap();
}
