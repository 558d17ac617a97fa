//! A server in a folder, its users, their clients, and what they did.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Step, client::Client};
use crate::{
    api::testing::Server,
    config::{Config, Registration},
    domain::appservices::NoTransport,
};

/// The first owns the rooms and never leaves.
pub const USERS: [&str; 3] = ["@alice:one.example", "@bob:one.example", "@carol:one.example"];

/// A folder with the users and two rooms, and the access tokens of three devices for each user.
pub struct Template {
    folder: tempfile::TempDir,
    identity: Arc<crypto::ServerIdentity>,
    tokens: Vec<Vec<String>>,
}

pub struct World<'t> {
    /// Nothing while the server is down.
    server: Option<(Runtime, Server)>,
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    count: u64,
    template: &'t Template,
    pub rooms: Vec<String>,
    /// What was sent into each room, oldest first.
    pub events: Vec<Vec<String>>,
    /// The root of each event that was sent into a thread.
    pub roots: BTreeMap<String, String>,
    /// Who ignored whom, ever.
    pub ignored: BTreeSet<(usize, String)>,
    /// Who forgot which room, ever.
    pub forgotten: BTreeSet<(usize, String)>,
    clients: Vec<Client>,
}

impl<'t> World<'t> {
    pub fn begin(template: &'t Template) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for file in std::fs::read_dir(template.folder.path())? {
            let file = file?;
            // Readers that close late take the database's log away, which is empty.
            let name = file.file_name();
            let log = ["-wal", "-shm"].iter().any(|end| name.to_string_lossy().ends_with(end));
            if !log && file.file_type()?.is_file() {
                std::fs::copy(file.path(), folder.path().join(file.file_name()))?;
            }
        }
        let now = Arc::new(AtomicI64::new(1_700_001_000_000));
        let server = Some(serve(folder.path(), &template.identity, &now)?);
        let mut clients = Vec::new();
        for who in 0..USERS.len() {
            clients.extend([Client::v3(who, false), Client::v3(who, true), Client::sliding(who)]);
        }
        let mut world = Self {
            server,
            folder,
            now,
            count: 0,
            template,
            rooms: Vec::new(),
            events: Vec::new(),
            roots: BTreeMap::new(),
            ignored: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            clients,
        };
        world.new_room("public_chat", "Open")?;
        world.new_room("private_chat", "Closed")?;
        Ok(world)
    }

    pub fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Act(act) => self.act(act),
            Step::V3(client, wish) => {
                let at = usize::from(*client) % USERS.len() * 3 + usize::from(*client >= 128);
                self.with(at, |world, client| client.ask_v3(world, wish))
            }
            Step::Sliding(client, asking) => {
                let at = usize::from(*client) % USERS.len() * 3 + 2;
                self.with(at, |world, client| client.ask_sliding(world, asking))
            }
            Step::Back(client, answers) => {
                let at = usize::from(*client) % self.clients.len();
                self.clients[at].go_back(usize::from(*answers));
                Ok(())
            }
            Step::Restart => {
                let (runtime, server) = self.server.take().unwrap();
                drop(server);
                runtime.shutdown_timeout(Duration::from_secs(5));
                self.server = Some(serve(self.folder.path(), &self.template.identity, &self.now)?);
                self.clients.iter_mut().for_each(Client::server_restarted);
                Ok(())
            }
        }
    }

    /// All clients catch up and are compared with the store.
    pub fn compare(&mut self) -> anyhow::Result<()> {
        for at in 0..self.clients.len() {
            self.with(at, |world, client| {
                client.catch_up(world).map_err(|error| error.context("the last sync"))?;
                super::truth::compare(world, client)
            })?;
        }
        Ok(())
    }

    fn with(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut Self, &mut Client) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut client = self.clients[at].clone();
        act(self, &mut client).map_err(|error| error.context(format!("client {at} of {}", USERS[client.who])))?;
        self.clients[at] = client;
        Ok(())
    }

    /// A number that was not there before; a millisecond passes.
    pub fn next(&mut self) -> u64 {
        self.count += 1;
        self.server.as_ref().unwrap().1.pass(1);
        self.count
    }

    /// A request of a user's first device: its answer, or none when it was refused.
    pub fn did(&self, who: usize, method: &str, path: &str, body: Value) -> anyhow::Result<Option<Value>> {
        let (status, answer) = self.ask(who, 0, method, path, &body)?;
        anyhow::ensure!(!status.is_server_error(), "{method} {path} {body}: {status} {answer}");
        Ok(status.is_success().then_some(answer))
    }

    /// A request that must be answered well.
    pub fn get(&self, who: usize, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(who, 0, "GET", path, &Value::Null)?;
        anyhow::ensure!(status.is_success(), "GET {path}: {status} {answer}");
        Ok(answer)
    }

    /// A request of one of a user's devices.
    pub fn ask(
        &self,
        who: usize,
        device: usize,
        method: &str,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let (runtime, server) = self.server.as_ref().unwrap();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let method = Method::from_bytes(method.as_bytes())?;
        let answer = runtime.block_on(server.send(method, &self.template.tokens[who][device], path, body))?;
        Ok((answer.status, answer.json()))
    }
}

fn serve(
    folder: &Path,
    identity: &Arc<crypto::ServerIdentity>,
    now: &Arc<AtomicI64>,
) -> anyhow::Result<(Runtime, Server)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = Config { registration: Registration::Open, rate_limits: false, ..Config::default() };
    let starting = Server::in_folder(config, folder, Arc::clone(identity), Arc::clone(now), Arc::new(NoTransport));
    let (server, _) = runtime.block_on(starting)?;
    Ok((runtime, server))
}

impl Template {
    pub fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let identity = Arc::new(crypto::ServerIdentity::generate_in_key_mode());
        let now = Arc::new(AtomicI64::new(1_700_000_000_000));
        let (runtime, server) = serve(folder.path(), &identity, &now)?;
        let mut tokens = Vec::new();
        for user_id in USERS {
            let name = user_id.trim_start_matches('@').split(':').next().unwrap();
            let mut devices = vec![runtime.block_on(server.user(name))?];
            for _ in 0..2 {
                let login = json!({
                    "type": "m.login.password", "password": "secret",
                    "identifier": { "type": "m.id.user", "user": name },
                });
                let made = runtime.block_on(server.post("", "/_matrix/client/v3/login", login))?.ok()?;
                devices.push(made["access_token"].as_str().unwrap().to_owned());
            }
            tokens.push(devices);
        }
        runtime.block_on(server.close());
        drop(server);
        runtime.shutdown_timeout(Duration::from_secs(5));
        Ok(Self { folder, identity, tokens })
    }
}
