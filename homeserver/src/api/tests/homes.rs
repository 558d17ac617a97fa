//! Several servers on one network, with their endpoints for clients.

use std::{sync::Arc, time::Duration};

use crypto::ServerIdentity;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{parts::Foundation, testing::Server},
    config::Config,
    domain::federation::Sender,
    testing::{FakeNetwork, TestHome},
};

/// A server that sends and takes what federation brings; it stops when it is dropped.
pub struct Home {
    pub client: Server,
    pub home: TestHome,
    pub sender: Sender,
    stop: CancellationToken,
}

/// A person with an account on one of them.
pub struct Person<'a> {
    pub home: &'a Home,
    pub user_id: String,
    pub token: String,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Home {
    pub async fn new(name: &str, network: &FakeNetwork) -> Self {
        Self::with(name, network, Config { public_rooms_over_federation: true, ..Config::default() }).await
    }

    pub async fn with(name: &str, network: &FakeNetwork, config: Config) -> Self {
        let config = Config { rate_limits: false, ..config };
        Self::with_identity(name, ServerIdentity::generate_for_domain().unwrap(), network, config).await
    }

    /// A copy whose name is its key.
    pub async fn of_key(network: &FakeNetwork) -> Self {
        let identity = ServerIdentity::generate_in_key_mode();
        let name = crypto::name::server_name(&identity.public_key(), crypto::name::DEFAULT_SUFFIX).unwrap();
        let config = Config { rate_limits: false, ..Config::default() };
        Self::with_identity(name.as_str(), identity, network, config).await
    }

    async fn with_identity(name: &str, identity: ServerIdentity, network: &FakeNetwork, config: Config) -> Self {
        let home = TestHome::with_config(name, identity, network, config).await;
        let stop = CancellationToken::new();
        let parts = &home.parts;
        let sender =
            Sender::new(parts.federation.clone(), parts.store.clone(), parts.clock.clone(), home.notifier.clone());
        tokio::spawn(sender.clone().run(stop.clone()));
        tokio::spawn(parts.inbound.clone().run(stop.clone()));
        tokio::spawn(parts.inbound.clone().follow_heads(stop.clone()));
        tokio::spawn(parts.rooms.clone().run_delayed(stop.clone()));
        Self { client: Server::over(parts.clone()), home, sender, stop }
    }

    pub fn name(&self) -> &str {
        self.home.name().as_str()
    }

    /// Its own tasks end, as when the program does.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// What a new start would begin with.
    pub fn foundation(&self) -> Foundation {
        let parts = self.home.parts.clone();
        Foundation {
            config: parts.config,
            clock: parts.clock,
            store: parts.store,
            notifier: parts.notifier,
            server_name: parts.server_name,
            federation: parts.federation,
            web: Arc::new(self.home.web.clone()),
            mail: None,
            appservices: parts.appservices,
        }
    }

    pub async fn person(&self, name: &str) -> Person<'_> {
        let token = self.client.user(name).await.unwrap();
        Person { home: self, user_id: format!("@{name}:{}", self.name()), token }
    }
}

impl Person<'_> {
    /// A path below `/_matrix/client/`; the JSON of an answer that is no error.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.home.client.get(&self.token, &format!("/_matrix/client/{path}")).await?.ok()
    }

    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.home.client.post(&self.token, &format!("/_matrix/client/{path}"), body).await?.ok()
    }

    pub async fn put(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.home.client.put(&self.token, &format!("/_matrix/client/{path}"), body).await?.ok()
    }

    /// Status and errcode of an answer.
    pub async fn refused_get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let answer = self.home.client.get(&self.token, &format!("/_matrix/client/{path}")).await?;
        Ok((answer.status.as_u16(), answer.errcode()))
    }

    pub async fn refused_post(&self, path: &str, body: Value) -> anyhow::Result<(u16, String)> {
        let answer = self.home.client.post(&self.token, &format!("/_matrix/client/{path}"), body).await?;
        Ok((answer.status.as_u16(), answer.errcode()))
    }

    pub async fn refused_put(&self, path: &str, body: Value) -> anyhow::Result<(u16, String)> {
        let answer = self.home.client.put(&self.token, &format!("/_matrix/client/{path}"), body).await?;
        Ok((answer.status.as_u16(), answer.errcode()))
    }

    pub async fn make_room(&self, body: Value) -> anyhow::Result<String> {
        let made = self.post("v3/createRoom", body).await?;
        Ok(made["room_id"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn join(&self, room_id: &str, via: &str) -> anyhow::Result<()> {
        self.post(&format!("v3/join/{room_id}?via={via}"), json!({})).await.map(|_| ())
    }

    /// The membership that the room's state, as this person sees it, has for a user.
    pub async fn membership(&self, room_id: &str, user_id: &str) -> Option<String> {
        let content = self.get(&format!("v3/rooms/{room_id}/state/m.room.member/{user_id}")).await.ok()?;
        content["membership"].as_str().map(str::to_owned)
    }

    pub async fn sees(&self, room_id: &str, user_id: &str, membership: &str) {
        self.until(&format!("{user_id} as {membership}"), async || {
            self.membership(room_id, user_id).await.as_deref() == Some(membership)
        })
        .await;
    }

    pub async fn sync(&self) -> anyhow::Result<Value> {
        self.get("v3/sync").await
    }

    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let wait = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
        assert!(waited.is_ok(), "{} never saw {what}", self.user_id);
    }
}
