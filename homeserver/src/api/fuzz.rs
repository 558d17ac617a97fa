//! Doors for fuzzing: each takes any bytes, and fails when the server panics at them or takes the blame.
//!
//! They exist in tests, which replay `tests/fuzz/corpus`, and for the targets in `tests/fuzz`.

pub mod federation;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use http::{Method, Request, StatusCode, Uri, header};
use ruma::{
    owned_room_id, owned_user_id,
    push::{FlattenedJson, PushConditionRoomCtx, Ruleset},
    serde::Raw,
    uint,
};
use serde_json::{Value, json, value::to_raw_value};
use tokio::runtime::Runtime;
use url::form_urlencoded::byte_serialize;

use super::testing::Server;
use crate::{
    config::{Config, Registration},
    domain::{appservices::NoTransport, push},
};

/// An answer that takes longer is not waited for: a sync may wait for news.
const PATIENCE: Duration = Duration::from_millis(200);

/// A server with a user and a room in which something was said.
pub struct Home {
    runtime: Runtime,
    server: Server,
    room: String,
    token: Mutex<String>,
    users: AtomicU32,
}

impl Home {
    /// Starts in an empty folder.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let config = Config { registration: Registration::Open, rate_limits: false, ..Config::default() };
        let identity = Arc::new(crypto::ServerIdentity::generate_in_key_mode());
        let now = Arc::new(AtomicI64::new(1_700_000_000_000));
        let (server, _) = runtime.block_on(Server::in_folder(config, folder, identity, now, Arc::new(NoTransport)))?;
        let mut home = Self { runtime, server, room: String::new(), token: Mutex::default(), users: AtomicU32::new(0) };
        home.new_user()?;
        let (_, made) = home.ask(Method::POST, "/_matrix/client/v3/createRoom", b"{\"preset\":\"public_chat\"}")?;
        home.room = made.get("room_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (kind, content) in [
            ("m.room.message", json!({ "msgtype": "m.text", "body": "words" })),
            (
                "m.room.message",
                json!({ "msgtype": "m.image", "body": "a picture", "url": "mxc://one.example/picture" }),
            ),
            ("org.example.odd", json!({ "url": 1, "": [null, {}] })),
        ] {
            let path = format!("/_matrix/client/v3/rooms/{}/send/{kind}/{}", home.room, content.to_string().len());
            home.ask(Method::PUT, &path, content.to_string().as_bytes())?;
        }
        Ok(home)
    }

    /// A request: `METHOD /path?query`, a line's end, and the body. `{room}` in the path stands for the room.
    pub fn request(&self, input: &[u8]) -> anyhow::Result<()> {
        let (line, body) = halves(input);
        let line = String::from_utf8_lossy(line).replace("{room}", &self.room);
        let Some((method, path)) = line.split_once(' ') else { return Ok(()) };
        let Ok(method) = Method::from_bytes(method.as_bytes()) else { return Ok(()) };
        self.ask(method, path, body).map(|_| ())
    }

    /// A filter, everywhere that one is taken.
    pub fn filter(&self, input: &[u8]) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(input);
        let filter: String = byte_serialize(text.as_bytes()).collect();
        let room = &self.room;
        self.ask(Method::GET, &format!("/_matrix/client/v3/sync?timeout=0&filter={filter}"), b"")?;
        // A part of it may be the filter of a room's events.
        let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
        let part = parsed.pointer("/room/timeline").map_or_else(|| text.to_string(), Value::to_string);
        let part: String = byte_serialize(part.as_bytes()).collect();
        self.ask(Method::GET, &format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&filter={part}"), b"")?;
        self.ask(Method::POST, "/_matrix/client/v3/user/@user1:one.example/filter", input)?;
        let search = json!({ "search_categories": { "room_events": { "search_term": "words", "filter": parsed } } });
        self.ask(Method::POST, "/_matrix/client/v3/search", search.to_string().as_bytes())?;
        Ok(())
    }

    /// A sync of either kind: the query, a line's end, and the body of a sliding one.
    pub fn sync(&self, input: &[u8]) -> anyhow::Result<()> {
        let (query, body) = halves(input);
        let query = String::from_utf8_lossy(query);
        let body = String::from_utf8_lossy(body).replace("{room}", &self.room);
        self.ask(Method::GET, &format!("/_matrix/client/v3/sync?{query}"), b"")?;
        let path = format!("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?{query}");
        let (_, answer) = self.ask(Method::POST, &path, body.as_bytes())?;
        // The same again, from where the answer ends.
        if let Some(pos) = answer.get("pos").and_then(Value::as_str) {
            let path = format!("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0&pos={pos}");
            self.ask(Method::POST, &path, body.as_bytes())?;
        }
        Ok(())
    }

    fn ask(&self, method: Method, path: &str, body: &[u8]) -> anyhow::Result<(StatusCode, Value)> {
        let nothing = Ok((StatusCode::OK, Value::Null));
        let Ok(uri) = path.parse::<Uri>() else { return nothing };
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = Request::builder().method(method.clone()).uri(uri);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let Ok(request) = request.body(Body::from(body.to_vec())) else { return nothing };
        let sending = async { tokio::time::timeout(PATIENCE, self.server.send_request(request)).await };
        let Ok(answer) = self.runtime.block_on(sending) else { return nothing };
        let answer = answer?;
        let blame = answer.status.is_server_error() && answer.status != StatusCode::NOT_IMPLEMENTED;
        let text = String::from_utf8_lossy(&answer.bytes);
        // 502 and 504 tell of other servers, of which there are none.
        let others = [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT].contains(&answer.status);
        anyhow::ensure!(!blame || others, "{method} {path}: {} {text}", answer.status);
        if answer.status == StatusCode::UNAUTHORIZED && !token.is_empty() && answer.errcode() == "M_UNKNOWN_TOKEN" {
            self.new_user()?;
        }
        Ok((answer.status, answer.json()))
    }

    /// The last user may have signed out.
    fn new_user(&self) -> anyhow::Result<()> {
        let number = self.users.fetch_add(1, Ordering::Relaxed) + 1;
        let token = self.runtime.block_on(self.server.user(&format!("user{number}")))?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }
}

/// A ruleset, a line's end, and an event: what the rules decide can be written down.
pub fn push_rules(input: &[u8]) -> anyhow::Result<()> {
    let (rules, event) = halves(input);
    let Ok(mut rules) = serde_json::from_slice::<Ruleset>(rules) else { return Ok(()) };
    // Events that come to the rules were parsed and written anew.
    let Ok(event) = serde_json::from_slice::<Value>(event) else { return Ok(()) };
    let user_id = owned_user_id!("@alice:one.example");
    rules.update_with_server_default(push::default_rules(&user_id));
    let event = FlattenedJson::from_raw(&Raw::<Value>::from_json(to_raw_value(&event)?));
    let context = PushConditionRoomCtx::new(owned_room_id!("!room:one.example"), uint!(3), user_id, "Alice".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let actions = runtime.block_on(push::decide(&rules, &event, &context));
    serde_json::to_string(actions)?;
    serde_json::to_string(&rules)?;
    Ok(())
}

/// What stands before the first line's end, and what after.
fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
