//! A server with a bridge: a fake one that holds each request to the specification.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, header};
use ruma::api::{IncomingRequest as _, appservice::event::push_events};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api::testing::{Answer, Server},
    config::{Config, Registration},
    domain::{
        appservices::{AppserviceSender, Transport},
        federation::{Limits, SendError},
    },
};

mod accounts;
mod acting;
mod networks;
mod outside;
mod passing;
mod queries;
mod transactions;

const BRIDGE: &str = "as-secret";
const URL: &str = "http://bridge.example/as";
const GHOST: &str = "@_irc_bob:one.example";
const GHOST_QUERY: &str = "user_id=@_irc_bob:one.example";

/// A request that the bridge had.
#[derive(Clone, Debug)]
struct Seen {
    /// Path and query below the bridge's URL.
    path: String,
    body: Value,
}

/// The bridge. It remembers what it is asked, answers as it is told, and makes users and rooms with `known` in their names.
#[derive(Clone, Default)]
struct FakeBridge(Arc<Inner>);

#[derive(Default)]
struct Inner {
    seen: Mutex<Vec<Seen>>,
    /// Answers to the next requests; 200 with what the specification wants when there is none.
    answers: Mutex<VecDeque<Result<(u16, Value), SendError>>>,
    server: OnceLock<Arc<Server>>,
}

impl Transport for FakeBridge {
    fn send(&self, request: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(async move {
            let seen = self.check(request);
            self.0.seen.lock().unwrap().push(seen.clone());
            let told = self.0.answers.lock().unwrap().pop_front();
            let (status, body) = match told {
                Some(told) => told?,
                None => self.answer(&seen).await,
            };
            Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
        })
    }
}

impl FakeBridge {
    fn check(&self, request: Request<Bytes>) -> Seen {
        let uri = request.uri().to_string();
        let path = uri.strip_prefix(URL).unwrap_or_else(|| panic!("{uri} is not below the bridge's URL")).to_owned();
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer hs-secret");
        assert!(!uri.contains("secret") && !uri.contains("access_token"), "a token in {uri}");
        let method = request.method().clone();
        if let Some(id) = path.strip_prefix("/_matrix/app/v1/transactions/") {
            assert_eq!(method, Method::PUT);
            assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
            let parsed = push_events::v1::Request::try_from_http_request(request.clone(), &[id]).unwrap();
            assert!(parsed.events.len() <= 100);
            for event in &parsed.events {
                event.deserialize().unwrap();
                let event: Value = serde_json::from_str(event.json().get()).unwrap();
                assert!(event["room_id"].is_string() && event["event_id"].is_string(), "{event}");
                assert!(event.get("signatures").is_none() && event.get("auth_events").is_none(), "{event}");
            }
            parsed.ephemeral.iter().for_each(|data| assert!(data.deserialize().is_ok(), "{}", data.json()));
        } else if path.starts_with("/_matrix/app/v1/ping") {
            assert_eq!(method, Method::POST);
        } else {
            assert_eq!(method, if path.contains("transactions") { Method::PUT } else { Method::GET });
        }
        Seen { path, body: serde_json::from_slice(request.body()).unwrap_or_default() }
    }

    async fn answer(&self, seen: &Seen) -> (u16, Value) {
        let unknown = || (404, json!({ "errcode": "M_NOT_FOUND", "error": "no" }));
        let path = seen.path.trim_start_matches("/_matrix/app/v1").replace("%40", "@").replace("%23", "#");
        let path = path.replace("%3A", ":");
        let server = self.0.server.get().cloned();
        if let (Some(user_id), Some(server)) = (path.strip_prefix("/users/@"), &server) {
            let (name, _) = user_id.split_once(':').unwrap();
            if !name.contains("known") {
                return unknown();
            }
            let wish = json!({ "type": "m.login.application_service", "username": name, "inhibit_login": true });
            server.post(BRIDGE, "/_matrix/client/v3/register", wish).await.unwrap().ok().unwrap();
        } else if let (Some(alias), Some(server)) = (path.strip_prefix("/rooms/#"), &server) {
            let (name, _) = alias.split_once(':').unwrap();
            if !name.contains("known") {
                return unknown();
            }
            let wish = json!({ "room_alias_name": name, "preset": "public_chat" });
            server.post(BRIDGE, "/_matrix/client/v3/createRoom", wish).await.unwrap().ok().unwrap();
        } else if path.starts_with("/thirdparty/") {
            return networks::answer(&path);
        }
        (200, json!({}))
    }

    fn will(&self, status: u16, body: Value) {
        self.0.answers.lock().unwrap().push_back(Ok((status, body)));
    }

    fn will_fail(&self, error: SendError) {
        self.0.answers.lock().unwrap().push_back(Err(error));
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    /// Everything of one array of the transactions.
    fn sent(&self, what: &str) -> Vec<Value> {
        let arrays = self.seen().into_iter().filter_map(|seen| seen.body[what].as_array().cloned());
        arrays.flatten().collect()
    }

    /// Waits until something of one array of the transactions fits.
    async fn gets(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.until(|bridge| bridge.sent(what).into_iter().find(&fits)).await
    }

    async fn until<T>(&self, find: impl Fn(&Self) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = find(self) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), wait).await;
        found.unwrap_or_else(|_| panic!("never came; there was {:#?}", self.seen()))
    }
}

/// A server, its bridge, and what sends to the bridge.
struct Bridged {
    server: Arc<Server>,
    bridge: FakeBridge,
    sender: AppserviceSender,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Bridged {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn registration(more: &str) -> String {
    format!(
        r##"
id: bridge
url: {URL}
as_token: {BRIDGE}
hs_token: hs-secret
sender_localpart: _irc_bot
protocols: [irc]
namespaces:
  users: [{{ exclusive: true, regex: "@_irc_.*" }}, {{ exclusive: false, regex: "@puppet" }}]
  aliases: [{{ exclusive: true, regex: "#_irc_.*" }}]
{more}
"##
    )
}

impl Bridged {
    async fn start() -> anyhow::Result<Self> {
        Self::with(&registration("rate_limited: false\nreceive_ephemeral: true\norg.matrix.msc3202: true"), false).await
    }

    async fn with(registration: &str, rate_limits: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("bridge.yaml");
        std::fs::write(&file, registration)?;
        let config =
            Config { registration: Registration::Open, rate_limits, appservices: vec![file], ..Config::default() };
        let bridge = FakeBridge::default();
        let (server, sender) = Server::with_services(config, Arc::new(bridge.clone())).await?;
        let server = Arc::new(server);
        bridge.0.server.set(Arc::clone(&server)).ok();
        let bridged = Self { server, bridge, sender, stop: CancellationToken::new(), _folder: folder };
        bridged.send();
        Ok(bridged)
    }

    /// Starts the task that sends.
    fn send(&self) {
        tokio::spawn(self.sender.clone().run(self.stop.child_token()));
    }

    /// The bridge makes the ghost.
    async fn ghost(&self) -> anyhow::Result<()> {
        let wish = json!({ "type": "m.login.application_service", "username": "_irc_bob", "inhibit_login": true });
        let made = self.bridge_post("register", wish).await?.ok()?;
        assert!(made["user_id"] == GHOST && made.get("access_token").is_none(), "{made}");
        Ok(())
    }

    async fn bridge_post(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.server.post(BRIDGE, &format!("/_matrix/client/v3/{path}"), body).await
    }

    async fn bridge_get(&self, path: &str) -> anyhow::Result<Answer> {
        self.server.get(BRIDGE, &format!("/_matrix/client/v3/{path}")).await
    }

    async fn bridge_put(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.server.put(BRIDGE, &format!("/_matrix/client/v3/{path}"), body).await
    }

    async fn make_room(&self, token: &str, wish: Value) -> anyhow::Result<String> {
        let made = self.server.post(token, "/_matrix/client/v3/createRoom", wish).await?.ok()?;
        Ok(made["room_id"].as_str().unwrap().to_owned())
    }

    async fn say(&self, token: &str, room: &str, words: &str, query: &str) -> anyhow::Result<Value> {
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{words}?{query}");
        self.server.put(token, &path, json!({ "msgtype": "m.text", "body": words })).await?.ok()
    }

    /// Alice's room with the ghost in it.
    async fn shared_room(&self, alice: &str) -> anyhow::Result<String> {
        self.ghost().await?;
        let room = self.make_room(alice, json!({ "invite": [GHOST] })).await?;
        self.bridge_post(&format!("rooms/{room}/join?{GHOST_QUERY}"), json!({})).await?.ok()?;
        Ok(room)
    }
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.errcode())
}

fn refused(status: u16, errcode: &str) -> (u16, String) {
    (status, errcode.to_owned())
}
