//! The whole way out against real TLS servers, hostile ones among them, and between key names.

mod servers;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::body::Bytes;
use crypto::{Key, ServerIdentity, name};
use http::Request;
use ruma::{OwnedServerName, ServerName};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::servers::{Certificate, LOOPBACK, TestDns, hostile_server, router, tls_server};
use super::FederationTransport;
use crate::net::{
    connect::Connector,
    dns::Srv,
    error::TransportError,
    https::HttpsFederation,
    iroh::{AddressBook, IrohFederation, IrohOptions, StrangerLimits},
    listener::{self, Limits, Serve},
    networks::AllowedNetworks,
    outgoing::{ExchangeLimits, Outgoing},
    resolve::{Resolver, WellKnownOverHttps},
    tls::{ClientTls, self_made_paths, self_made_server_config},
};

fn connector(trusted: &[PathBuf], networks: &str, dns: TestDns) -> Connector {
    let networks = AllowedNetworks::new(networks.split(',').filter_map(|network| network.parse().ok()));
    Connector::new(ClientTls::only(trusted).unwrap(), networks, Arc::new(dns))
}

fn transport(connector: Connector, well_known_port: u16) -> FederationTransport {
    let outgoing = Arc::new(Outgoing::new(connector.clone()));
    let well_known = WellKnownOverHttps::on_port(outgoing, well_known_port);
    let resolver = Arc::new(Resolver::new(connector.dns().clone(), Arc::new(well_known)));
    FederationTransport::new(HttpsFederation::new(connector, resolver), None)
}

fn dns(names: &[&str]) -> TestDns {
    TestDns { addresses: names.iter().map(|name| ((*name).to_owned(), LOOPBACK)).collect(), ..TestDns::default() }
}

fn server(name: impl AsRef<str>) -> OwnedServerName {
    ServerName::parse(name.as_ref()).unwrap()
}

fn get_request(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

async fn text(transport: &FederationTransport, name: &str, path: &str) -> Result<String, TransportError> {
    let answer = transport.send(&server(name), get_request(path)).await?;
    Ok(String::from_utf8(answer.into_body().bytes(1_000_000).await?.to_vec()).unwrap())
}

#[tokio::test]
async fn host_and_path_arrive_exactly_as_the_specification_says() {
    let certificate = Certificate::for_names(&["one.example", "delegated.example", "delegating.example", "127.0.0.1"]);
    let address = tls_server(&certificate).await;
    let port = address.port();
    let mut names = dns(&["one.example", "delegated.example", "delegating.example", "srv.example"]);
    let service = Srv { priority: 0, weight: 0, port, target: "srv.example".to_owned() };
    names.services.insert("_matrix-fed._tcp.one.example".to_owned(), service);
    let transport = transport(connector(&[certificate.path()], "127.0.0.0/8", names), port);

    let path = "/host?a=%2F&b=c";
    let ask = async |name: &str| text(&transport, name, path).await;
    assert_eq!(ask(&format!("127.0.0.1:{port}")).await, Ok(format!("tls 127.0.0.1:{port} {path}")));
    assert_eq!(ask(&format!("one.example:{port}")).await, Ok(format!("tls one.example:{port} {path}")));
    assert_eq!(ask("one.example").await, Ok(format!("tls one.example {path}")), "by SRV");
    assert_eq!(ask("delegating.example").await, Ok(format!("tls delegated.example:{port} {path}")), "by well-known");
}

#[tokio::test]
async fn connections_are_pooled_and_dropped_on_waking() {
    let certificate = Certificate::for_names(&["127.0.0.1"]);
    let name = tls_server(&certificate).await.to_string();
    let transport = transport(connector(&[certificate.path()], "127.0.0.0/8", dns(&[])), 1);
    let first = text(&transport, &name, "/port").await.unwrap();
    assert_eq!(text(&transport, &name, "/port").await.unwrap(), first);
    transport.wake().await;
    assert_ne!(text(&transport, &name, "/port").await.unwrap(), first);
}

#[tokio::test]
async fn a_certificate_that_is_unknown_or_for_another_name_is_refused() {
    let certificate = Certificate::for_names(&["one.example"]);
    let port = tls_server(&certificate).await.port();
    let names = || dns(&["one.example", "two.example"]);
    let trusting = transport(connector(&[certificate.path()], "127.0.0.0/8", names()), 1);
    assert!(text(&trusting, &format!("one.example:{port}"), "/host").await.is_ok());
    for (transport, name) in [
        (trusting, format!("two.example:{port}")),
        (transport(connector(&[], "127.0.0.0/8", names()), 1), format!("one.example:{port}")),
    ] {
        let refused = text(&transport, &name, "/host").await;
        assert!(matches!(refused, Err(TransportError::Tls(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn near_networks_are_forbidden_unless_allowed_whatever_leads_there() {
    let certificate = Certificate::for_names(&["one.example", "127.0.0.1"]);
    let port = tls_server(&certificate).await.port();
    let mut names = dns(&["one.example", "srv.example"]);
    names.addresses.insert("private.example".to_owned(), [10, 0, 0, 1].into());
    let service = Srv { priority: 0, weight: 0, port, target: "srv.example".to_owned() };
    names.services.insert("_matrix-fed._tcp.one.example".to_owned(), service);
    let closed = connector(&[certificate.path()], "", names);
    let outgoing = Outgoing::new(closed.clone());
    let transport = transport(closed, port);
    let forbidden = Err(TransportError::Forbidden(LOOPBACK));
    assert_eq!(text(&transport, &format!("127.0.0.1:{port}"), "/host").await, forbidden);
    assert_eq!(text(&transport, &format!("one.example:{port}"), "/host").await, forbidden);
    assert_eq!(text(&transport, "one.example", "/host").await, forbidden, "by SRV");
    let private = text(&transport, "private.example:1", "/host").await;
    assert_eq!(private, Err(TransportError::Forbidden([10, 0, 0, 1].into())));
    let url = Url::parse(&format!("https://one.example:{port}/host")).unwrap();
    let preview = outgoing.get(&url, 3, ExchangeLimits::default()).await;
    assert_eq!(preview.err(), Some(TransportError::Forbidden(LOOPBACK)));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let transport = transport(connector(&[], "127.0.0.0/8", dns(&["one.example"])), 1);
    let unused = TcpListener::bind((LOOPBACK, 0)).await.unwrap().local_addr().unwrap().port();
    let refused = text(&transport, &format!("one.example:{unused}"), "/").await;
    assert!(matches!(refused, Err(TransportError::Refused(_))), "{refused:?}");
    let unknown = text(&transport, "unknown.example:1", "/").await;
    assert!(matches!(unknown, Err(TransportError::Resolve(_))), "{unknown:?}");
    let key = name::server_name(&ServerIdentity::generate_in_key_mode().public_key(), "hearth.alt").unwrap();
    assert_eq!(text(&transport, key.as_str(), "/").await, Err(TransportError::KeyNamesOff));
    let shouted = key.as_str().to_ascii_uppercase();
    assert!(matches!(text(&transport, &shouted, "/").await, Err(TransportError::Destination(_))));
}

#[tokio::test]
async fn slow_silent_endless_and_garbage_servers_cost_bounded_time_and_memory() {
    let certificate = Certificate::for_names(&["127.0.0.1"]);
    let transport = transport(connector(&[certificate.path()], "127.0.0.0/8", dns(&[])), 1);
    let mut limits = ExchangeLimits { head: Duration::from_millis(500), ..ExchangeLimits::default() };
    limits.body.idle = Duration::from_millis(300);
    limits.body.bytes = 200_000;
    let ask = async |address: SocketAddr| {
        let started = Instant::now();
        let answer = transport.send_within(&server(address.to_string()), get_request("/"), limits).await;
        let result = match answer {
            Ok(answer) => answer.into_body().bytes(u64::MAX).await.map(|body| body.len()),
            Err(error) => Err(error),
        };
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        result
    };
    let silent = hostile_server(&certificate, vec![]).await;
    assert_eq!(ask(silent).await, Err(TransportError::Timeout));
    let garbage = hostile_server(&certificate, vec![b"\x01\x02 this is no HTTP at all\r\n\r\n"]).await;
    assert!(matches!(ask(garbage).await, Err(TransportError::Protocol(_))));
    let cut = hostile_server(&certificate, vec![b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"]).await;
    assert_eq!(ask(cut).await, Err(TransportError::Timeout));
    let boast = hostile_server(&certificate, vec![b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"]).await;
    assert_eq!(ask(boast).await, Err(TransportError::TooLarge(200_000)));
    let endless_head =
        hostile_server(&certificate, vec![b"HTTP/1.1 200 OK\r\nX-A: bbbbbbbbbbbbbbbbbbbbbb\r\n"; 5000]).await;
    let error = ask(endless_head).await.unwrap_err();
    assert!(matches!(error, TransportError::Protocol(_) | TransportError::Timeout), "{error:?}");
    static CHUNK: &[u8] = b"4000\r\n";
    static FILL: [u8; 0x4000] = [b'x'; 0x4000];
    let mut chunks: Vec<&'static [u8]> = vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"];
    for _ in 0..100 {
        chunks.extend([CHUNK, &FILL, b"\r\n"]);
    }
    let endless = hostile_server(&certificate, chunks).await;
    assert_eq!(ask(endless).await, Err(TransportError::TooLarge(200_000)));
    let no_tls = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let address = no_tls.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = no_tls.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = ask(address).await.unwrap_err();
    assert!(matches!(error, TransportError::Tls(_) | TransportError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn redirects_are_followed_so_far_and_never_down_to_http() {
    let certificate = Certificate::for_names(&["one.example"]);
    let port = tls_server(&certificate).await.port();
    let outgoing = Outgoing::new(connector(&[certificate.path()], "127.0.0.0/8", dns(&["one.example"])));
    let ask = async |path: &str| {
        let url = Url::parse(&format!("https://one.example:{port}{path}")).unwrap();
        let (_, answer) = outgoing.get(&url, 5, ExchangeLimits::default()).await?;
        answer.into_body().bytes(1000).await
    };
    assert_eq!(ask("/redirect/5").await.unwrap(), "arrived");
    assert!(matches!(ask("/redirect/6").await, Err(TransportError::Protocol(_))));
    assert!(matches!(ask("/downgrade").await, Err(TransportError::Destination(_))));
    assert_eq!(ask("/big").await, Err(TransportError::TooLarge(1000)));
}

#[tokio::test]
async fn http_2_is_spoken_to_clients_that_want_it() {
    let certificate = Certificate::for_names(&["127.0.0.1"]);
    let address = tls_server(&certificate).await;
    let mut roots = rustls::RootCertStore::empty();
    for one in rustls::pki_types::pem::PemObject::pem_file_iter(certificate.path()).unwrap() {
        roots.add(one.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(LOOPBACK.into(), stream).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://{address}/big")).body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(body.len(), 100_000);
}

#[tokio::test]
async fn two_key_names_talk_by_their_names_alone() {
    let start = async || {
        let identity = ServerIdentity::generate_in_key_mode();
        let options = IrohOptions {
            secret: identity.secret(),
            port: 0,
            only: Some(LOOPBACK),
            limits: Limits::default(),
            strangers: StrangerLimits::default(),
            shutdown: CancellationToken::new(),
        };
        let iroh = IrohFederation::bind(options, AddressBook::new([], None)).await.unwrap();
        iroh.serve(router());
        let connector = connector(&[], "", dns(&[]));
        let outgoing = Arc::new(Outgoing::new(connector.clone()));
        let well_known = Arc::new(WellKnownOverHttps::new(outgoing));
        let resolver = Arc::new(Resolver::new(connector.dns().clone(), well_known));
        let https = HttpsFederation::new(connector, resolver);
        let name = name::server_name(&identity.public_key(), name::DEFAULT_SUFFIX).unwrap();
        (name, FederationTransport::new(https, Some(iroh)))
    };
    let ((a_name, a), (b_name, b)) = (start().await, start().await);
    a.iroh().unwrap().book().learn(&b.iroh().unwrap().ticket().await);
    assert_eq!(text(&a, b_name.as_str(), "/host?x=%2F").await.unwrap(), format!("other {b_name} /host?x=%2F"));
    assert_eq!(text(&b, a_name.as_str(), "/host").await.unwrap(), format!("other {a_name} /host"));
    let elsewhere = b_name.as_str().replace("hearth.alt", "gateway.example");
    assert!(text(&a, &elsewhere, "/host").await.is_ok(), "the suffix is only a hint");
    let unknown = name::server_name(&ServerIdentity::in_key_mode(&Key::random()).public_key(), "hearth.alt").unwrap();
    assert_eq!(text(&a, unknown.as_str(), "/host").await, Err(TransportError::NoAddress));
}

#[tokio::test]
async fn a_self_made_certificate_serves_once_it_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let config = self_made_server_config(folder.path(), "127.0.0.1").unwrap();
    let serve = Serve { router: router(), limits: Limits::default(), shutdown: CancellationToken::new() };
    let listener = listener::tls((LOOPBACK, 0).into(), config, serve).await.unwrap();
    let trusted = [self_made_paths(folder.path()).0];
    let transport = transport(connector(&trusted, "127.0.0.0/8", dns(&[])), 1);
    let name = listener.address().unwrap().to_string();
    let answer = transport.send(&server(&name), Request::put("/echo").body(Bytes::from_static(b"hi")).unwrap()).await;
    assert_eq!(answer.unwrap().into_body().bytes(10).await.unwrap(), "hi");
}
