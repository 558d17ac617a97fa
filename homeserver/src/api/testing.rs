//! A server without listeners: requests in, answers out, for the tests of endpoints.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use ruma::server_name;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    parts::{Foundation, Parts},
    router,
};
use crate::{
    clock::Clock,
    config::{Config, Registration},
    domain::{
        appservices::{self, AppserviceSender, Appservices, NoTransport},
        federation::Federation,
        notifier::Notifier,
        web::NoWeb,
    },
    store::Store,
};

/// A server that is called directly.
pub struct Server {
    router: Router,
    store: Store,
    now: Arc<AtomicI64>,
    #[cfg(test)]
    _folder: Option<tempfile::TempDir>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub fn errcode(&self) -> String {
        self.json()["errcode"].as_str().unwrap_or_default().to_owned()
    }

    /// The JSON of an answer that is not an error.
    pub fn ok(self) -> anyhow::Result<Value> {
        anyhow::ensure!(self.status == StatusCode::OK, "{} {}", self.status, String::from_utf8_lossy(&self.bytes));
        Ok(self.json())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
impl Server {
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(Config { registration: Registration::Open, rate_limits: false, ..Config::default() }).await
    }

    /// The server `one.example` with these settings.
    pub async fn with(config: Config) -> anyhow::Result<Self> {
        Ok(Self::with_services(config, Arc::new(NoTransport)).await?.0)
    }

    /// The same with the services of the settings reached through `transport`; also what sends to them.
    pub async fn with_services(
        config: Config,
        transport: Arc<dyn appservices::Transport>,
    ) -> anyhow::Result<(Self, AppserviceSender)> {
        let folder = tempfile::tempdir()?;
        let now = Arc::new(AtomicI64::new(1_700_000_000_000));
        let identity = Arc::new(crypto::ServerIdentity::generate_in_key_mode());
        let (server, sender) = Self::in_folder(config, folder.path(), identity, now, transport).await?;
        Ok((Self { _folder: Some(folder), ..server }, sender))
    }
}

impl Server {
    /// Calls a server that somebody else made; its time does not pass.
    pub fn over(parts: Parts) -> Self {
        Self {
            store: parts.store.clone(),
            router: router::socket(parts),
            now: Arc::default(),
            #[cfg(test)]
            _folder: None,
        }
    }

    /// Writes everything down: its folder may be copied.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// The same from a folder that outlives it: what an earlier one wrote there is served on.
    pub async fn in_folder(
        config: Config,
        folder: &Path,
        identity: Arc<crypto::ServerIdentity>,
        now: Arc<AtomicI64>,
        transport: Arc<dyn appservices::Transport>,
    ) -> anyhow::Result<(Self, AppserviceSender)> {
        let clock = {
            let now = Arc::clone(&now);
            Clock::from_fn(move || now.load(Ordering::Relaxed))
        };
        let server_name = server_name!("one.example").to_owned();
        let notifier = Notifier::default();
        let committed = notifier.clone();
        let path = folder.join("hearth.db");
        let store = Store::open(&path, &server_name, clock.clone(), move |commit| committed.committed(commit)).await?;
        let config = Arc::new(Config { data: folder.to_owned(), ..config });
        let federation = Federation::offline(identity, server_name.clone(), store.clone(), clock.clone());
        let web = Arc::new(NoWeb);
        let appservices = Appservices::open(&config.appservices, server_name.clone(), store.clone(), transport).await?;
        let sending = (appservices.clone(), notifier.clone());
        let mail = config.mail()?;
        let foundation = Foundation { config, clock, store, notifier, server_name, federation, web, mail, appservices };
        let parts = Parts::new(foundation);
        let sender = AppserviceSender::new(sending.0, parts.ephemeral.clone(), sending.1);
        Ok((
            Self {
                store: parts.store.clone(),
                router: router::socket(parts),
                now,
                #[cfg(test)]
                _folder: None,
            },
            sender,
        ))
    }

    /// Lets time pass.
    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    pub async fn get(&self, token: &str, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, token, path, Vec::new()).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.send(Method::POST, token, path, body.to_string().into_bytes()).await
    }

    pub async fn put(&self, token: &str, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.send(Method::PUT, token, path, body.to_string().into_bytes()).await
    }

    pub async fn delete(&self, token: &str, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.send(Method::DELETE, token, path, body.to_string().into_bytes()).await
    }

    pub async fn send(&self, method: Method, token: &str, path: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send_request(request.body(Body::from(body))?).await
    }

    pub async fn send_request(&self, request: Request<Body>) -> anyhow::Result<Answer> {
        let response = self.router.clone().oneshot(request).await?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes().to_vec();
        Ok(Answer { status: head.status, headers: head.headers, bytes })
    }

    /// Makes an account with the password `secret` and answers an access token.
    pub async fn user(&self, name: &str) -> anyhow::Result<String> {
        let body = json!({ "name": name, "password": "secret" });
        let made = self.post("", "/_hearth/v1/users", body).await?.ok()?;
        Ok(made["access_token"].as_str().unwrap_or_default().to_owned())
    }
}
