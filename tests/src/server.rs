//! A homeserver under test: the program itself as a child process, so that it can be stopped in every way.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{DEADLINE, install_tls};

/// The line that the program prints when all listeners serve.
#[derive(Clone, Debug, Deserialize)]
pub struct Ready {
    pub ready: bool,
    pub client: Option<String>,
    pub federation: Option<String>,
    pub server_name: String,
    pub ticket: Option<String>,
    pub socket: PathBuf,
}

/// How to start a server: flags over a fresh data folder.
#[derive(Clone, Debug)]
pub struct Serve {
    folder: Arc<TempDir>,
    flags: Vec<OsString>,
}

impl Serve {
    /// A server called `name` with a client listener, nothing for other servers, and open registration.
    pub fn new(name: &str) -> Result<Self> {
        let folder = Arc::new(TempDir::with_prefix("hearth-test-")?);
        let serve = Self { folder, flags: Vec::new() };
        Ok(serve
            .flag("--server-name", name)
            .flag("--client-listen", "127.0.0.1:0")
            .flag("--federation-listen", "off")
            .flag("--registration", "open"))
    }

    /// Sets `flag`, in place of what it was; flags that may be repeated are added with [`Self::also`].
    pub fn flag(mut self, flag: &str, value: impl Into<OsString>) -> Self {
        if let Some(at) = self.flags.iter().position(|f| f == flag) {
            self.flags.drain(at..at + 2);
        }
        self.also(flag, value)
    }

    /// Adds one more `flag`.
    pub fn also(mut self, flag: &str, value: impl Into<OsString>) -> Self {
        self.flags.extend([OsString::from(flag), value.into()]);
        self
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The command line, not yet run.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new(program()?);
        command.arg("serve").arg("--data").arg(self.data()).args(&self.flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Starts the program and waits until it serves.
    pub async fn start(self) -> Result<TestServer> {
        install_tls();
        let (running, ready) = Running::start(&self).await?;
        Ok(TestServer { ready, serve: self, running: Some(running) })
    }
}

/// A running (or stopped) homeserver. Dropping it kills it and removes its folder.
pub struct TestServer {
    pub ready: Ready,
    serve: Serve,
    running: Option<Running>,
}

struct Running {
    child: Child,
    /// Kept open: a program whose standard output is closed may stumble over it.
    _stdout: BufReader<ChildStdout>,
}

impl TestServer {
    /// One server for clients alone.
    pub async fn start() -> Result<Self> {
        Serve::new("hearth.test")?.start().await
    }

    /// Where clients reach it.
    pub fn client_url(&self) -> Result<&str> {
        self.ready.client.as_deref().context("this server has no client listener")
    }

    pub fn name(&self) -> &str {
        &self.ready.server_name
    }

    pub fn data(&self) -> PathBuf {
        self.serve.data()
    }

    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().and_then(|running| running.child.id())
    }

    /// Asks the program to end (SIGTERM) and waits for it.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        let pid = self.pid().context("the server does not run")?.to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await?;
        ensure!(asked.success(), "no process {pid} to stop");
        self.ended().await
    }

    /// Ends the program at once (SIGKILL).
    pub async fn kill(&mut self) -> Result<()> {
        self.running.as_mut().context("the server does not run")?.child.start_kill()?;
        self.ended().await.map(drop)
    }

    /// Starts the program again over the same data folder.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "the server still runs");
        let (running, ready) = Running::start(&self.serve).await?;
        self.running = Some(running);
        self.ready = ready;
        Ok(())
    }

    async fn ended(&mut self) -> Result<ExitStatus> {
        let mut running = self.running.take().context("the server does not run")?;
        timeout(DEADLINE, running.child.wait()).await.context("the server did not end")?.map_err(Into::into)
    }

    /// Every file of the data folder that holds `text`, as bytes.
    pub fn files_with(&self, text: &str) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        search(&self.data(), text.as_bytes(), &mut found)?;
        Ok(found)
    }
}

impl Running {
    async fn start(serve: &Serve) -> Result<(Self, Ready)> {
        let mut child = serve.command()?.spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
        let mut line = String::new();
        timeout(DEADLINE, stdout.read_line(&mut line)).await.context("the server is not ready in time")??;
        if line.is_empty() {
            bail!("the server ended before it was ready: {}", child.wait().await?);
        }
        let ready: Ready = serde_json::from_str(&line).with_context(|| format!("not a ready line: {line}"))?;
        ensure!(ready.ready, "the ready line says that it is not: {line}");
        Ok((Self { child, _stdout: stdout }, ready))
    }
}

/// The headless program, which cargo puts beside the folder of the test programs.
pub fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("homeserver")).find(|path| path.is_file());
    found.context(
        "no homeserver program beside the tests: build it with `./dev test`, or cargo build --workspace --bins",
    )
}

fn search(folder: &Path, wanted: &[u8], found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            search(&entry.path(), wanted, found)?;
        } else if entry.file_type()?.is_file() {
            let bytes = std::fs::read(entry.path())?;
            if bytes.windows(wanted.len()).any(|window| window == wanted) {
                found.push(entry.path());
            }
        }
    }
    Ok(())
}
