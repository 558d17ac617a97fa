//! Servers in one process for the tests of this crate, joined by a network that can fail.

mod answers;
#[cfg(test)]
pub mod devices;
mod lies;
mod requests;
mod taker;
mod web;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Router, body::Body};
use bytes::Bytes;
use crypto::ServerIdentity;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use ruma::{OwnedServerName, RoomId, ServerName};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use crate::{
    api::{
        parts::{Foundation, Parts},
        router,
    },
    clock::Clock,
    config::Config,
    domain::{
        appservices::{Appservices, NoTransport},
        federation::{Federation, Limits, SendError, Transport},
        notifier::Notifier,
    },
    store::{Durability, Store, StoreError},
};

pub use self::{
    answers::{always, notary, noting},
    lies::Lies,
    requests::{signed, signed_bytes},
    taker::Taker,
    web::FakeWeb,
};

/// Carries requests between the routers of one process.
#[derive(Clone, Default)]
pub struct FakeNetwork(Arc<Mutex<HashMap<OwnedServerName, Attached>>>, Arc<Mutex<Vec<[OwnedServerName; 2]>>>);

#[derive(Clone)]
struct Attached {
    router: Router,
    down: bool,
    gate: Option<Arc<Gate>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeNetwork {
    pub fn attach(&self, server: &ServerName, router: Router) {
        let attached = Attached { router, down: false, gate: None, requests: Arc::default() };
        self.0.lock().unwrap().insert(server.to_owned(), attached);
    }

    /// Nobody can reach the server, as if its laptop were shut.
    pub fn set_down(&self, server: &ServerName, down: bool) {
        self.0.lock().unwrap().get_mut(server).unwrap().down = down;
    }

    /// These two cannot reach each other, others reach both.
    pub fn part(&self, one: &ServerName, two: &ServerName) {
        self.1.lock().unwrap().push([one.to_owned(), two.to_owned()]);
    }

    fn are_parted(&self, request: &Request<Bytes>, server: &ServerName) -> bool {
        let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let is_from = |name: &OwnedServerName| {
            let said =
                |part: &str| part.strip_prefix("origin=").is_some_and(|said| said.trim_matches('"') == name.as_str());
            header.is_some_and(|header| header.split([',', ' ']).any(said))
        };
        let parted = self.1.lock().unwrap();
        parted.iter().any(|[a, b]| (a == server && is_from(b)) || (b == server && is_from(a)))
    }

    /// Stops the next requests to paths that contain `path`, on their way there or with the answer on its way back.
    pub fn hold(&self, server: &ServerName, path: &'static str, held: Held) -> Arc<Gate> {
        let gate = Arc::new(Gate { path, held, reached: Notify::new(), open: Notify::new() });
        self.0.lock().unwrap().get_mut(server).unwrap().gate = Some(Arc::clone(&gate));
        gate
    }

    /// How many requests came to the server.
    pub fn requests(&self, server: &ServerName) -> usize {
        self.requests_to(server, "")
    }

    /// The same, of those whose path contains `part`.
    pub fn requests_to(&self, server: &ServerName, part: &str) -> usize {
        let requests = Arc::clone(&self.0.lock().unwrap().get(server).unwrap().requests);
        let requests = requests.lock().unwrap();
        requests.iter().filter(|path| path.contains(part)).count()
    }
}

/// What a [`Gate`] holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Request,
    Answer,
}

/// Where one request waits for the test.
pub struct Gate {
    path: &'static str,
    held: Held,
    reached: Notify,
    open: Notify,
}

impl Gate {
    /// Returns when a request waits.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    pub fn open(&self) {
        self.open.notify_one();
    }

    async fn pass(&self, path: &str, held: Held) {
        if held == self.held && path.contains(self.path) {
            self.reached.notify_one();
            self.open.notified().await;
        }
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
            let Some(attached) = attached.filter(|attached| !attached.down && !self.are_parted(&request, server))
            else {
                return Err(SendError::Unreachable("nobody is there".to_owned()));
            };
            attached.requests.lock().unwrap().push(request.uri().path().to_owned());
            let exchange = async {
                let path = request.uri().path().to_owned();
                if let Some(gate) = &attached.gate {
                    gate.pass(&path, Held::Request).await;
                }
                let response = attached.router.oneshot(request.map(Body::from)).await.unwrap();
                if let Some(gate) = &attached.gate {
                    gate.pass(&path, Held::Answer).await;
                }
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
    /// What there is beyond Matrix servers.
    pub web: FakeWeb,
    _folder: tempfile::TempDir,
}

impl TestHome {
    /// A server with an ordinary name.
    pub async fn new(name: &str, network: &FakeNetwork) -> Self {
        Self::with_identity(name, ServerIdentity::generate_for_domain().unwrap(), network).await
    }

    pub async fn with_identity(name: &str, identity: ServerIdentity, network: &FakeNetwork) -> Self {
        Self::with_config(name, identity, network, Config::default()).await
    }

    pub async fn with_config(name: &str, identity: ServerIdentity, network: &FakeNetwork, config: Config) -> Self {
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
        let web = FakeWeb::default();
        let appservices =
            Appservices::open(&config.appservices, server_name.clone(), store.clone(), Arc::new(NoTransport))
                .await
                .unwrap();
        let mail = config.mail().unwrap();
        let parts = Parts::new(Foundation {
            web: Arc::new(web.clone()),
            mail,
            config: Arc::new(Config { data: folder.path().to_owned(), ..config }),
            clock,
            store,
            notifier: notifier.clone(),
            server_name: server_name.clone(),
            federation,
            appservices,
        });
        network.attach(&server_name, router::federation(parts.clone()));
        Self { parts, identity, notifier, ahead, web, _folder: folder }
    }

    pub fn name(&self) -> &ServerName {
        &self.parts.server_name
    }

    /// A piece of a room's state is lost, as if a state had once come with a hole.
    pub async fn loses_state(&self, room_id: &RoomId, kind: &str) {
        let mut db = self.parts.store.read().await.unwrap();
        let room = db.room_by_id(room_id).await.unwrap().unwrap();
        let key = db.key_sn(kind, "").await.unwrap().unwrap();
        drop(db);
        let lose = self.parts.store.write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move {
                let position = tx.next_position();
                tx.change_current_state(room.sn, position, key, None).await?;
                let broken = tx.state_with(room.sn, room.snapshot, &BTreeMap::from([(key, None)])).await?;
                tx.set_room_snapshot(room.sn, broken).await?;
                for (end, ..) in tx.forward_extremities(room.sn).await? {
                    tx.set_state_before(end, broken).await?;
                }
                Ok(())
            })
        });
        lose.await.unwrap();
    }
}
