//! Servers in one process for the tests of this crate, joined by a network that can fail.

pub mod devices;
mod taker;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use crypto::ServerIdentity;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use ruma::{OwnedServerName, ServerName};
use tower::ServiceExt as _;

use crate::{
    api::{
        parts::{Foundation, Parts},
        router,
    },
    clock::Clock,
    config::Config,
    domain::{
        federation::{Federation, Limits, SendError, Transport},
        notifier::Notifier,
    },
    store::Store,
};

pub use self::taker::Taker;

/// Carries requests between the routers of one process.
#[derive(Clone, Default)]
pub struct FakeNetwork(Arc<Mutex<HashMap<OwnedServerName, Attached>>>);

#[derive(Clone)]
struct Attached {
    router: Router,
    down: bool,
    delay: Duration,
    requests: Arc<AtomicUsize>,
}

impl FakeNetwork {
    pub fn attach(&self, server: &ServerName, router: Router) {
        let attached = Attached { router, down: false, delay: Duration::ZERO, requests: Arc::default() };
        self.0.lock().unwrap().insert(server.to_owned(), attached);
    }

    /// Nobody can reach the server, as if its laptop were shut.
    pub fn set_down(&self, server: &ServerName, down: bool) {
        self.0.lock().unwrap().get_mut(server).unwrap().down = down;
    }

    /// How many requests came to the server.
    pub fn requests(&self, server: &ServerName) -> usize {
        self.0.lock().unwrap().get(server).unwrap().requests.load(Ordering::SeqCst)
    }
}

impl Transport for FakeNetwork {
    fn send<'a>(
        &'a self,
        server: &'a ServerName,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Response<Bytes>, SendError>> {
        Box::pin(async move {
            let attached = self.0.lock().unwrap().get(server).cloned();
            let Some(attached) = attached.filter(|attached| !attached.down) else {
                return Err(SendError::Unreachable("nobody is there".to_owned()));
            };
            attached.requests.fetch_add(1, Ordering::SeqCst);
            let exchange = async {
                tokio::time::sleep(attached.delay).await;
                let response = attached.router.oneshot(request.map(Body::from)).await.unwrap();
                let (head, body) = response.into_parts();
                let limit = usize::try_from(limits.body).unwrap();
                let body = Limited::new(body, limit).collect().await.map_err(|_| SendError::TooLarge(limits.body))?;
                Ok(Response::from_parts(head, body.to_bytes()))
            };
            tokio::time::timeout(limits.deadline, exchange).await.unwrap_or(Err(SendError::Timeout))
        })
    }
}

/// A server without listeners: its parts and its federation router.
pub struct TestHome {
    pub parts: Parts,
    pub identity: Arc<ServerIdentity>,
    pub notifier: Notifier,
    /// Milliseconds that its clock is ahead of the machine's.
    pub ahead: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl TestHome {
    /// A server with an ordinary name.
    pub async fn new(name: &str, network: &FakeNetwork) -> Self {
        Self::with_identity(name, ServerIdentity::generate_for_domain().unwrap(), network).await
    }

    pub async fn with_identity(name: &str, identity: ServerIdentity, network: &FakeNetwork) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server_name: OwnedServerName = name.try_into().unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = {
            let (system, ahead) = (Clock::system(), Arc::clone(&ahead));
            Clock::from_fn(move || system.now_ms() + ahead.load(Ordering::SeqCst))
        };
        let notifier = Notifier::default();
        let on_commit = {
            let notifier = notifier.clone();
            move |commit: &_| notifier.committed(commit)
        };
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path, &server_name, clock.clone(), on_commit).await.unwrap();
        let identity = Arc::new(identity);
        let federation = Federation::new(
            Arc::clone(&identity),
            server_name.clone(),
            store.clone(),
            clock.clone(),
            Arc::new(network.clone()),
        );
        let parts = Parts::new(Foundation {
            config: Arc::new(Config { data: folder.path().to_owned(), ..Config::default() }),
            clock,
            store,
            notifier: notifier.clone(),
            server_name: server_name.clone(),
            identity: Arc::clone(&identity),
            federation,
        });
        network.attach(&server_name, router::federation(parts.clone()));
        Self { parts, identity, notifier, ahead, _folder: folder }
    }

    pub fn name(&self) -> &ServerName {
        &self.parts.server_name
    }
}
