//! Federation over HTTPS: one pooled client for all servers, connecting as the resolver says.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, Version, header, uri::Authority as UriAuthority};
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use ruma::ServerName;
use tokio::time::timeout;

use super::{
    body::LimitedBody,
    connect::{Connector, Host, Io},
    error::TransportError,
    outgoing::{ExchangeLimits, HEAD_MAX},
    resolve::{Authority, Resolver},
};

const IDLE: Duration = Duration::from_secs(60);
const IDLE_PER_SERVER: usize = 4;

/// Sends federation requests to servers with ordinary names.
pub struct HttpsFederation {
    connector: AuthorityConnector,
    client: RwLock<Client<AuthorityConnector, Full<Bytes>>>,
}

/// Connects to the authority of a URI by the second half of name resolution. The pool's key is that authority, and it
/// alone determines where a connection leads and which certificate was checked.
#[derive(Clone)]
struct AuthorityConnector {
    connector: Connector,
    resolver: Arc<Resolver>,
}

impl HttpsFederation {
    pub fn new(connector: Connector, resolver: Arc<Resolver>) -> Self {
        let connector = AuthorityConnector { connector, resolver };
        let client = RwLock::new(pool(connector.clone()));
        Self { connector, client }
    }

    /// One exchange. The request's URI is path and query; scheme, authority and `Host` are set here.
    pub async fn send(
        &self,
        server: &ServerName,
        request: Request<Bytes>,
        limits: ExchangeLimits,
    ) -> Result<Response<LimitedBody>, TransportError> {
        let exchange = async {
            let resolver = &self.connector.resolver;
            let impossible = || TransportError::Destination(server.to_string());
            let authority = resolver.delegate(server).await.ok_or_else(impossible)?.to_string();
            let request = address(request, &authority)?;
            let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
            client.request(request.map(Full::new)).await.map_err(|error| TransportError::from_hyper(&error))
        };
        let answer = timeout(limits.head, exchange).await.unwrap_or(Err(TransportError::Timeout));
        if let Err(error) = &answer
            && error.is_peers_fault()
        {
            self.connector.resolver.doubt(server);
        }
        Ok(answer?.map(|body| LimitedBody::new(body, limits.body)))
    }

    /// Drops pooled connections and failed resolutions: after a sleep none of them is worth anything.
    pub fn wake(&self) {
        self.connector.resolver.wake();
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = pool(self.connector.clone());
    }
}

fn pool(connector: AuthorityConnector) -> Client<AuthorityConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_SERVER)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http1_max_buf_size(HEAD_MAX)
        .build(connector)
}

/// Puts scheme, authority and the exact `Host` of the specification into a request for a path.
pub(super) fn address(mut request: Request<Bytes>, authority: &str) -> Result<Request<Bytes>, TransportError> {
    let impossible = || TransportError::Destination(authority.to_owned());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = format!("https://{authority}{path}").parse().map_err(|_| impossible())?;
    let host = HeaderValue::from_str(authority).map_err(|_| impossible())?;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

/// The request target that HTTP/1.1 wants on a connection of our own (hyper's pooled client does this by itself).
pub(super) fn origin_form(mut request: Request<Bytes>) -> Request<Bytes> {
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    request
}

fn authority_of(uri: &UriAuthority) -> Option<Authority> {
    Some(Authority { host: Host::parse(uri.host())?, port: uri.port_u16() })
}

impl tower_service::Service<Uri> for AuthorityConnector {
    type Response = Io;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Io, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { connector, resolver } = self.clone();
        Box::pin(async move {
            let authority = uri.authority().and_then(authority_of);
            let authority = authority.ok_or_else(|| TransportError::Destination(uri.to_string()))?;
            let targets = resolver.targets(&authority).await;
            connector.connect(&targets).await
        })
    }
}
