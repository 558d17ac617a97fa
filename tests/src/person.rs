//! A person at a copy of the app: requests in, pushes out, as the window does it.
#![expect(clippy::indexing_slicing, reason = "a push without the field is a failed test; JSON's index answers null")]

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result, bail, ensure};
use app::{
    App, Options, SecretsIn, ServerChoice, Sink, Subscriptions, TurnChoice,
    api::{
        push::{Batch, Subscription},
        request::Request,
    },
    devices::Pretended,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};

use crate::{DEADLINE, install_tls};

/// One app and the page before it.
pub struct Person {
    pub app: App,
    subscriptions: Subscriptions,
    page: Arc<Page>,
    next: AtomicU32,
    folder: Arc<TempDir>,
    /// What calls hear and play.
    pub devices: Arc<Pretended>,
}

/// What the pushes add up to, per subscription.
struct Page {
    states: Mutex<HashMap<u32, State>>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    next_seq: u64,
    value: Value,
}

impl Sink for Page {
    fn send(&self, batch: Batch) -> bool {
        let Ok(batch) = serde_json::to_value(&batch) else { return false };
        if let Ok(mut states) = self.states.lock() {
            let id = batch["subscription"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or_default();
            let state = states.entry(id).or_default();
            if batch["seq"] != state.next_seq {
                state.value = json!({ "broken": format!("seq {} instead of {}", batch["seq"], state.next_seq) });
            } else {
                apply(&mut state.value, &batch);
            }
            state.next_seq += 1;
        }
        self.changed.send_modify(|count| *count += 1);
        true
    }
}

/// Applies a batch as the UI does: lists by their diffs, everything else whole.
fn apply(value: &mut Value, batch: &Value) {
    if !matches!(batch["kind"].as_str(), Some("room_list" | "timeline")) {
        *value = batch["value"].clone();
        return;
    }
    let mut rows = value.as_array().cloned().unwrap_or_default();
    for diff in batch["value"].as_array().into_iter().flatten() {
        let index = diff["index"].as_u64().and_then(|index| usize::try_from(index).ok()).unwrap_or_default();
        let values = diff["values"].as_array().cloned().unwrap_or_default();
        match diff["op"].as_str().unwrap_or_default() {
            "append" => rows.extend(values),
            "clear" => rows.clear(),
            "push_front" => rows.insert(0, diff["value"].clone()),
            "push_back" => rows.push(diff["value"].clone()),
            "pop_front" => drop(rows.remove(0)),
            "pop_back" => drop(rows.pop()),
            "insert" => rows.insert(index, diff["value"].clone()),
            "set" => rows[index] = diff["value"].clone(),
            "remove" => drop(rows.remove(index)),
            "truncate" => rows.truncate(diff["length"].as_u64().and_then(|l| usize::try_from(l).ok()).unwrap_or(0)),
            _ => rows = values,
        }
    }
    *value = Value::Array(rows);
}

impl Person {
    /// A copy of the app over a fresh folder, with its own server named by its key.
    pub async fn new() -> Result<Self> {
        Self::over(Arc::new(TempDir::with_prefix("hearth-person-")?))
    }

    /// Whose calls go through the TURN server of their own homeserver, and nowhere else.
    pub async fn relayed(name: &str) -> Result<Self> {
        let turn = TurnChoice::At((Ipv4Addr::LOCALHOST, 0).into());
        let folder = Arc::new(TempDir::with_prefix("hearth-person-")?);
        Self::settle(Self::start(folder, turn, true)?, name).await
    }

    fn over(folder: Arc<TempDir>) -> Result<Self> {
        Self::start(folder, TurnChoice::Never, false)
    }

    fn start(folder: Arc<TempDir>, turn: TurnChoice, relay_only: bool) -> Result<Self> {
        install_tls();
        let path = folder.path().join("data");
        let devices = Arc::new(Pretended::default());
        let app = App::start(Options {
            folder: path,
            secrets: SecretsIn::KeyFile,
            server: ServerChoice::Own,
            devices: devices.clone(),
            media_addresses: vec![(Ipv4Addr::LOCALHOST, 0).into()],
            relay_only,
            turn,
        });
        let page = Arc::new(Page { states: Mutex::default(), changed: watch::Sender::new(0) });
        let subscriptions = Subscriptions::new(app.clone());
        Ok(Self { app, subscriptions, page, next: AtomicU32::new(1), folder, devices })
    }

    /// First run with a name, to the end.
    pub async fn named(name: &str) -> Result<Self> {
        Self::settle(Self::new().await?, name).await
    }

    async fn settle(person: Self, name: &str) -> Result<Self> {
        let status = person.subscribe(json!({ "topic": "status" }))?;
        person.until(status, "first run", |status| status["phase"] == "first_run").await?;
        person.ask("create_account", json!({ "display_name": name })).await?;
        person.is_ready(status).await?;
        Ok(person)
    }

    /// Waits for the room list to open.
    pub async fn is_ready(&self, status: u32) -> Result<Value> {
        let status =
            self.until(status, "ready", |status| status["phase"] == "ready" || status["phase"] == "failed").await?;
        ensure!(status["phase"] == "ready", "the app failed: {status}");
        Ok(status)
    }

    /// Ends the app and starts it again over the same folder.
    pub async fn restart(self) -> Result<Self> {
        let folder = self.folder.clone();
        self.app.shutdown().await;
        drop(self);
        Self::over(folder)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Asks a request and answers its reply.
    pub async fn ask(&self, name: &str, args: Value) -> Result<Value> {
        let request = Request::from_wire(name, args)?;
        let answer =
            timeout(DEADLINE, self.app.request(request)).await.with_context(|| format!("{name}: no answer"))?;
        answer.with_context(|| format!("{name} failed"))
    }

    pub fn subscribe(&self, to: Value) -> Result<u32> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let to: Subscription = serde_json::from_value(to)?;
        self.subscriptions.subscribe(id, to, self.page.clone())?;
        Ok(id)
    }

    pub fn unsubscribe(&self, id: u32) {
        self.subscriptions.unsubscribe(id);
    }

    /// Waits until what a subscription shows is as wanted, and answers it.
    pub async fn until(&self, id: u32, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut changed = self.page.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                let now = self.shown(id);
                if wanted(&now) {
                    return Ok(now);
                }
                if changed.changed().await.is_err() {
                    bail!("the app is gone");
                }
            }
        };
        match timeout(DEADLINE, waiting).await {
            Ok(shown) => shown,
            Err(_) => bail!("never seen: {what}; last: {:#}", self.shown(id)),
        }
    }

    /// Waits for a row of a list.
    pub async fn row(&self, id: u32, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let rows = self.until(id, what, |rows| rows.as_array().is_some_and(|rows| rows.iter().any(&wanted))).await?;
        rows.as_array().into_iter().flatten().find(|row| wanted(row)).cloned().context("the row is gone")
    }

    /// What a subscription shows now.
    pub fn shown(&self, id: u32) -> Value {
        self.page
            .states
            .lock()
            .ok()
            .and_then(|states| states.get(&id).map(|state| state.value.clone()))
            .unwrap_or_default()
    }
}
