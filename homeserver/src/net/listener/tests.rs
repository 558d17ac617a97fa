//! Listeners against real and hostile clients on loopback.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    routing::{get, post},
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{BodyLimits, Counts, Hosts, Limits, Listener, Peer, Serve, network_of, tcp, unix};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn serve(limits: Limits) -> Serve {
    let router = Router::new()
        .route("/peer", get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") }))
        .route(
            "/slow",
            get(|| async {
                sleep(Duration::from_millis(300)).await;
                "done"
            }),
        )
        .route(
            "/upload",
            post(|body: Result<Bytes, axum::extract::rejection::BytesRejection>| async move {
                body.map_or(StatusCode::PAYLOAD_TOO_LARGE, |_| StatusCode::OK)
            }),
        );
    Serve { router, limits, shutdown: CancellationToken::new() }
}

fn small_limits() -> Limits {
    Limits {
        connections: 4,
        per_address: 2,
        head: Duration::from_millis(300),
        body: BodyLimits { bytes: 100, idle: Duration::from_millis(200), total: Duration::from_secs(1) },
        ..Limits::default()
    }
}

async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

async fn listen(hosts: Hosts, limits: Limits) -> (Listener, SocketAddr, CancellationToken) {
    let serve = serve(limits);
    let shutdown = serve.shutdown.clone();
    let listener = tcp(LOOPBACK, hosts, serve).await.unwrap();
    let address = listener.address().unwrap();
    (listener, address, shutdown)
}

#[tokio::test]
async fn a_request_carries_its_peer() {
    let (_listener, address, _) = listen(Hosts::any(), Limits::default()).await;
    let answer = exchange(address, "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("Tcp(127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn an_unknown_host_is_refused_before_the_router() {
    let (_listener, address, _) = listen(Hosts::local_and([]), Limits::default()).await;
    let ask = async |host: &str| {
        exchange(address, &format!("GET /peer HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    };
    let refused = ask("evil.example").await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("M_FORBIDDEN"), "{refused}");
    assert!(ask(&address.to_string()).await.starts_with("HTTP/1.1 200"));
    let without = exchange(address, "GET /peer HTTP/1.0\r\n\r\n").await;
    assert!(without.starts_with("HTTP/1.0 403"), "{without}");
}

#[tokio::test]
async fn a_silent_or_dripping_client_is_cut() {
    let (_listener, address, _) = listen(Hosts::any(), small_limits()).await;
    for head in ["", "GET / HT"] {
        let started = Instant::now();
        let answer = exchange(address, head).await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    let answer =
        exchange(address, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nConnection: close\r\n\r\nabc")
            .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn garbage_and_huge_heads_and_bodies_get_an_error_or_nothing() {
    let (_listener, address, _) = listen(Hosts::any(), small_limits()).await;
    let garbage = exchange(address, "\u{1}\u{2}\u{3} nonsense\r\n\r\n").await;
    assert!(garbage.is_empty() || garbage.starts_with("HTTP/1.1 400"), "{garbage}");
    let many = format!("GET /peer HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(200));
    assert!(exchange(address, &many).await.starts_with("HTTP/1.1 431"));
    let large = format!(
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\nConnection: close\r\n\r\n{}",
        "x".repeat(101)
    );
    assert!(exchange(address, &large).await.starts_with("HTTP/1.1 413"));
    let fits = format!(
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{}",
        "x".repeat(100)
    );
    assert!(exchange(address, &fits).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_address_gets_only_so_many_connections_and_they_are_given_back() {
    let limits = Limits { head: Duration::from_secs(30), ..small_limits() };
    let (_listener, address, _) = listen(Hosts::any(), limits).await;
    let held = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    sleep(Duration::from_millis(50)).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    let mut byte = [0];
    let closed = timeout(Duration::from_secs(2), third.read(&mut byte)).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)));
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < deadline, "a place was never given back");
    }
}

#[test]
fn a_network_of_ipv6_counts_as_one_address() {
    let counts = Counts::default();
    let enter = |address: &str| counts.enter(network_of(address.parse().unwrap()), 1);
    let held = enter("2a00:1:2:3::1").unwrap();
    assert!(enter("2a00:1:2:3:ffff::2").is_none());
    assert!(enter("2a00:1:2:4::1").is_some() && enter("1.2.3.4").is_some());
    drop(held);
    assert!(enter("2a00:1:2:3:ffff::2").is_some());
}

#[tokio::test]
async fn shutting_down_finishes_running_requests_and_takes_no_new_ones() {
    let (listener, address, shutdown) = listen(Hosts::any(), Limits::default()).await;
    let running = tokio::spawn(async move { exchange(address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await });
    sleep(Duration::from_millis(100)).await;
    let idle = TcpStream::connect(address).await.unwrap();
    shutdown.cancel();
    timeout(Duration::from_secs(3), listener.ended()).await.unwrap();
    assert!(running.await.unwrap().ends_with("done"));
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_the_shutdown_up() {
    let mut serve = serve(Limits { shutdown: Duration::from_millis(200), ..Limits::default() });
    serve.router = serve.router.route("/never", get(std::future::pending::<()>));
    let shutdown = serve.shutdown.clone();
    let listener = tcp(LOOPBACK, Hosts::any(), serve).await.unwrap();
    let mut stream = TcpStream::connect(listener.address().unwrap()).await.unwrap();
    stream.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    shutdown.cancel();
    timeout(Duration::from_secs(2), listener.ended()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_socket_is_private_replaces_a_stale_one_and_refuses_a_second_server() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hearth.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let serving = serve(Limits::default());
    let shutdown = serving.shutdown.clone();
    let listener = unix(&path, serving).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let stream = UnixStream::connect(&path).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/peer").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(answer, "Unix");

    let second = unix(&path, serve(Limits::default())).await;
    assert_eq!(second.err().unwrap().kind(), std::io::ErrorKind::AddrInUse);
    drop(sender);
    shutdown.cancel();
    timeout(Duration::from_secs(5), listener.ended()).await.unwrap();
    assert!(!path.exists());
}
