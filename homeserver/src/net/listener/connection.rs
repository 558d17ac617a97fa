//! One connection of any kind: HTTP on a byte stream, bounded in time, ending gracefully.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{MissedTickBehavior, interval, timeout},
};
use tower::ServiceExt as _;

use super::{Hosts, Peer, Serve};
use crate::net::body::LimitedBody;

const HEADERS_MAX: usize = 100;
const HEAD_MAX: usize = 64 * 1024;
const PING: Duration = Duration::from_secs(30);

/// Which HTTP a connection speaks. Decided before, by ALPN or by what the listener is: sniffing would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Http {
    One,
    Two,
}

/// Serves until the peer is done, is idle for too long, or the server shuts down.
pub(in crate::net) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    http: Http,
    peer: Peer,
    hosts: Hosts,
    serve: Serve,
) {
    let Serve { router, limits, shutdown } = serve;
    let running = Arc::new(AtomicUsize::new(0));
    let service = service_fn(|request: Request<Incoming>| {
        let (router, hosts, running) = (router.clone(), hosts.clone(), Running::start(&running));
        async move {
            let response = match hosts.refuse(request.uri(), request.headers()) {
                Some(refusal) => refusal,
                None => {
                    let mut request = request.map(|body| Body::new(LimitedBody::new(body, limits.body)));
                    request.extensions_mut().insert(peer);
                    router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {})
                }
            };
            drop(running);
            Ok::<Response, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder = match http {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_MAX as u32)
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // HTTP/1.1 has its own idle limit, the time for the next head; HTTP/2 has none.
    let mut idle = interval(limits.head);
    idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    idle.tick().await;
    let mut was_idle = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(?peer, %error, "a connection ended badly");
                }
                return;
            }
            () = shutdown.cancelled() => break,
            _ = idle.tick(), if http == Http::Two => {
                let is_idle = running.load(Ordering::Relaxed) == 0;
                if is_idle && was_idle {
                    break;
                }
                was_idle = is_idle;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    if timeout(limits.shutdown, connection).await.is_err() {
        tracing::debug!(?peer, "a connection did not end in time and is cut");
    }
}

/// Counts a running request while it lives.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn start(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
