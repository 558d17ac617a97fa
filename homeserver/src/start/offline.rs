//! A data folder that nobody serves, opened for its owner: the same endpoints, without listeners and without other servers.

use std::{path::Path, sync::Arc};

use axum::{Extension, Router, body::Body};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::{
    api::{
        owner::keys::KeyFile,
        parts::{Foundation, Parts},
        router,
    },
    clock::Clock,
    config::{Config, ServerNameChoice},
    domain::{appservices::Appservices, federation::Federation, notifier::Notifier, rooms::Rooms, web::NoWeb},
    net::listener::Peer,
    store::Store,
};

use super::{DATABASE, StartError, identity, lock::FolderLock};

/// Holds the folder until it is closed.
pub struct Offline {
    router: Router,
    rooms: Rooms,
    store: Store,
    _lock: FolderLock,
}

impl Offline {
    /// Opens a folder that has a server.
    pub async fn open(folder: &Path) -> Result<Self, StartError> {
        if !folder.join(DATABASE).is_file() {
            return Err(StartError::NoServer(folder.to_owned()));
        }
        let lock = FolderLock::take(folder)?;
        let data = lock.folder().to_owned();
        let key_file = data.join(identity::FILE);
        if !key_file.is_file() {
            return Err(StartError::NoKey(data));
        }
        let clock = Clock::system();
        let path = data.join(DATABASE);
        let name = Store::server_of(&path).await?.ok_or_else(|| StartError::NoServer(data.clone()))?;
        let identity = Arc::new(identity::of_folder(&data, &ServerNameChoice::Name(name.to_string()))?);
        let notifier = Notifier::default();
        let committed = notifier.clone();
        let store = Store::open(&path, &name, clock.clone(), move |commit| committed.committed(commit)).await?;
        let federation = Federation::offline(identity, name.clone(), store.clone(), clock.clone());
        federation.keyring.enter_own_key().await?;
        let appservices = Appservices::none(name.clone(), store.clone());
        let config = Arc::new(Config { data, ..Config::default() });
        let parts = Parts::new(Foundation {
            config,
            clock,
            store: store.clone(),
            notifier,
            server_name: name,
            federation,
            web: Arc::new(NoWeb),
            mail: None,
            appservices,
        });
        let rooms = parts.rooms.clone();
        let router = router::socket(parts).layer(Extension(KeyFile(Some(key_file))));
        Ok(Self { router, rooms, store, _lock: lock })
    }

    /// Answers as the socket of a served folder would.
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, axum::Error> {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(Peer::Unix);
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Finishes what was begun and lets the folder go.
    pub async fn close(self) {
        self.rooms.purges_ended().await;
        self.store.close().await;
    }
}
