//! The general HTTPS client: well-known documents, link previews, push gateways, application services.

use std::{
    future::Future,
    pin::Pin,
    sync::{PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;
use url::Url;

use super::{
    body::{BodyLimits, LimitedBody},
    connect::{Connector, Host, Io, Target},
    error::TransportError,
};

const IDLE: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 2;
pub(super) const HEAD_MAX: usize = 64 * 1024;

/// How long one exchange may take and how much may come back.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeLimits {
    /// From sending to the end of the answer's head, connecting included.
    pub head: Duration,
    pub body: BodyLimits,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        let body =
            BodyLimits { bytes: 16 * 1024 * 1024, idle: Duration::from_secs(15), total: Duration::from_secs(60) };
        Self { head: Duration::from_secs(30), body }
    }
}

/// Sends requests to any URL, within the allowed networks and with the trusted roots.
pub struct Outgoing {
    connector: UrlConnector,
    client: RwLock<Client<UrlConnector, Full<Bytes>>>,
}

#[derive(Clone)]
struct UrlConnector(Connector);

impl Outgoing {
    pub fn new(connector: Connector) -> Self {
        let connector = UrlConnector(connector);
        let client = RwLock::new(pool(connector.clone()));
        Self { connector, client }
    }

    /// One exchange; the request's URI is a whole `https:` or `http:` URL. Redirects come back as they are.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        limits: ExchangeLimits,
    ) -> Result<Response<LimitedBody>, TransportError> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = client.request(request.map(Full::new));
        let answer = timeout(limits.head, answer).await.map_err(|_| TransportError::Timeout)?;
        let answer = answer.map_err(|error| TransportError::from_hyper(&error))?;
        Ok(answer.map(|body| LimitedBody::new(body, limits.body)))
    }

    /// GETs a URL, following at most `redirects` redirects, each to `https:` unless the first was `http:`.
    pub async fn get(
        &self,
        url: &Url,
        redirects: usize,
        limits: ExchangeLimits,
    ) -> Result<(Url, Response<LimitedBody>), TransportError> {
        let follow = async {
            let mut url = url.clone();
            for _ in 0..=redirects {
                let uri: Uri = url.as_str().parse().map_err(|_| TransportError::Destination(url.to_string()))?;
                let mut request = Request::new(Bytes::new());
                *request.method_mut() = Method::GET;
                *request.uri_mut() = uri;
                request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("*/*"));
                let response = self.send(request, limits).await?;
                let Some(next) = redirect(&url, &response) else { return Ok((url, response)) };
                if url.scheme() == "https" && next.scheme() != "https" {
                    return Err(TransportError::Destination(format!("{next} is a step down from https")));
                }
                url = next;
            }
            Err(TransportError::Protocol("there are too many redirects".to_owned()))
        };
        timeout(limits.head, follow).await.map_err(|_| TransportError::Timeout)?
    }

    /// Drops pooled connections: after a sleep none of them is alive.
    pub fn wake(&self) {
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = pool(self.connector.clone());
    }
}

fn pool(connector: UrlConnector) -> Client<UrlConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http1_max_buf_size(HEAD_MAX)
        .build(connector)
}

fn redirect(from: &Url, response: &Response<LimitedBody>) -> Option<Url> {
    let moved = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(header::LOCATION).filter(|_| moved)?;
    from.join(location.to_str().ok()?).ok()
}

impl tower_service::Service<Uri> for UrlConnector {
    type Response = Io;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Io, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move {
            let impossible = || TransportError::Destination(uri.to_string());
            let host = uri.host().and_then(Host::parse).ok_or_else(impossible)?;
            let (port, certificate) = match uri.scheme_str() {
                Some("https") => (443, Some(host.clone())),
                Some("http") => (80, None),
                _ => return Err(impossible()),
            };
            let port = uri.port_u16().unwrap_or(port);
            connector.connect(&[Target { host, port, certificate }]).await
        })
    }
}
