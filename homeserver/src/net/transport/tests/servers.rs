//! Names, certificates and TLS servers for the tests: one that behaves and one that does as it is told.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use axum::{
    Extension, Router,
    body::Bytes,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, put},
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Uri, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::net::{
    dns::{Dns, DnsError, Srv},
    listener::{self, Limits, Peer, Serve},
    tls::{self_made_paths, server_config},
};

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Names that exist for one test: each leads to loopback unless it says otherwise.
#[derive(Default)]
pub(super) struct TestDns {
    pub(super) addresses: HashMap<String, IpAddr>,
    pub(super) services: HashMap<String, Srv>,
}

impl Dns for TestDns {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async move { self.addresses.get(host).map(|ip| vec![*ip]).ok_or(DnsError::NoRecords) })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Srv>, DnsError>> {
        Box::pin(async move { self.services.get(name).map(|one| vec![one.clone()]).ok_or(DnsError::NoRecords) })
    }
}

/// A certificate authority of one certificate: self-made for these names.
pub(super) struct Certificate {
    folder: tempfile::TempDir,
}

impl Certificate {
    pub(super) fn for_names(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = self_made_paths(folder.path());
        std::fs::write(certificate, made.cert.pem()).unwrap();
        std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self_made_paths(self.folder.path()).0
    }

    pub(super) fn server_config(&self) -> Arc<rustls::ServerConfig> {
        let (certificate, key) = self_made_paths(self.folder.path());
        server_config(&certificate, &key).unwrap()
    }
}

pub(super) fn router() -> Router {
    Router::new()
        .route(
            "/host",
            get(|headers: HeaderMap, uri: Uri, Extension(peer): Extension<Peer>| async move {
                let peer = if matches!(peer, Peer::Tls(_)) { "tls" } else { "other" };
                format!("{peer} {} {uri}", headers[header::HOST].to_str().unwrap())
            }),
        )
        .route("/echo", put(|body: Bytes| async move { body }))
        .route(
            "/port",
            get(|Extension(peer): Extension<Peer>| async move {
                let Peer::Tls(from) = peer else { return String::new() };
                from.port().to_string()
            }),
        )
        .route("/big", get(|| async { vec![1; 100_000] }))
        .route(
            "/redirect/{left}",
            get(|axum::extract::Path(left): axum::extract::Path<u32>| async move {
                match left.checked_sub(1) {
                    Some(left) => Err(Redirect::temporary(&format!("/redirect/{left}"))),
                    None => Ok("arrived"),
                }
            }),
        )
        .route("/downgrade", get(|| async { Redirect::temporary("http://one.example/host") }))
        .route(
            "/.well-known/matrix/server",
            get(|headers: HeaderMap| async move {
                match headers[header::HOST].to_str().unwrap().split(':').next() {
                    Some("delegating.example") => Ok(r#"{"m.server":"delegated.example:PORT"}"#),
                    _ => Err(http::StatusCode::NOT_FOUND),
                }
            }),
        )
}

pub(super) async fn tls_server(certificate: &Certificate) -> SocketAddr {
    let port = Arc::new(OnceLock::<u16>::new());
    let known = port.clone();
    // The well-known document names the server's own port, which is only known once it is bound.
    let router = router().layer(axum::middleware::map_response(move |response: Response| {
        let known = known.clone();
        async move {
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
            if !body.windows(4).any(|part| part == b"PORT") {
                return Response::from_parts(parts, body.into());
            }
            let text = String::from_utf8(body.to_vec()).unwrap();
            text.replace("PORT", &known.get().unwrap().to_string()).into_response()
        }
    }));
    let serve = Serve { router, limits: Limits::default(), shutdown: CancellationToken::new() };
    let listener = listener::tls((LOOPBACK, 0).into(), certificate.server_config(), serve).await.unwrap();
    let address = listener.address().unwrap();
    port.set(address.port()).unwrap();
    address
}

/// A TLS server that answers every connection with these pieces of bytes and then says nothing more.
pub(super) async fn hostile_server(certificate: &Certificate, pieces: Vec<&'static [u8]>) -> SocketAddr {
    let acceptor = TlsAcceptor::from(certificate.server_config());
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, pieces) = (acceptor.clone(), pieces.clone());
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await?;
                for piece in &pieces {
                    stream.write_all(piece).await?;
                }
                stream.flush().await?;
                std::future::pending::<std::io::Result<()>>().await
            });
        }
    });
    address
}
