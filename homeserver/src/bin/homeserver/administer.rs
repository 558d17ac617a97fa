//! What the owner does to people, rooms and files from a terminal; each answer is JSON on standard output.

use std::{
    io::{BufRead, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use homeserver::Owner;
use http::Method;
use serde_json::{Value, json};

/// How often a purge is asked how far it is.
const ASK_AGAIN: Duration = Duration::from_millis(50);
const DAY_MS: i64 = 24 * 3600 * 1000;

#[derive(Args)]
pub struct Data {
    /// The data folder; a served one is asked over its socket.
    #[arg(long)]
    data: PathBuf,
}

#[derive(Subcommand)]
pub enum User {
    /// Lists accounts.
    List {
        #[command(flatten)]
        data: Data,
        /// A part of the name.
        #[arg(long)]
        name: Option<String>,
        /// Closed ones too.
        #[arg(long)]
        deactivated: bool,
    },
    /// Shows an account.
    Show {
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Makes an account; the password comes on standard input.
    Add {
        name: String,
        #[command(flatten)]
        data: Data,
        /// The account may administer the server.
        #[arg(long)]
        admin: bool,
    },
    /// Closes an account for good.
    Deactivate {
        name: String,
        #[command(flatten)]
        data: Data,
        /// Who comes into a room later sees nothing of what the user said.
        #[arg(long)]
        erase: bool,
    },
    /// Gives an account another password, which comes on standard input.
    Password {
        name: String,
        #[command(flatten)]
        data: Data,
        /// Devices stay signed in.
        #[arg(long)]
        keep_devices: bool,
    },
}

#[derive(Subcommand)]
pub enum Room {
    /// Lists rooms.
    List {
        #[command(flatten)]
        data: Data,
        /// A part of the name, the alias or the id.
        #[arg(long)]
        search: Option<String>,
    },
    /// Shows a room.
    Show {
        room_id: String,
        #[command(flatten)]
        data: Data,
    },
    /// Leads local users out of a room and deletes everything of it.
    Delete {
        room_id: String,
        #[command(flatten)]
        data: Data,
        /// Nobody of this server may enter it again.
        #[arg(long)]
        block: bool,
        /// Keep its events.
        #[arg(long)]
        keep_events: bool,
        /// Delete it even when somebody could not leave.
        #[arg(long)]
        force: bool,
    },
    /// Asks other servers of a room for its state and brings it together with what is here.
    Repair {
        room_id: String,
        #[command(flatten)]
        data: Data,
    },
    /// Deletes old messages of a room; state stays.
    PurgeHistory {
        room_id: String,
        #[command(flatten)]
        data: Data,
        /// Everything before this event.
        #[arg(long, conflicts_with = "before_ts", required_unless_present = "before_ts")]
        event: Option<String>,
        /// Everything before this time, in milliseconds since 1970.
        #[arg(long)]
        before_ts: Option<i64>,
        /// What people of this server said as well.
        #[arg(long)]
        local: bool,
    },
}

#[derive(Subcommand)]
pub enum Media {
    /// Deletes copies of other servers' files that nobody has used for some days.
    Purge {
        #[command(flatten)]
        data: Data,
        #[arg(long, default_value_t = 30)]
        days: u16,
    },
}

#[derive(Subcommand)]
pub enum Report {
    /// Lists what people reported, the newest first.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Forgets a report that was looked at.
    Delete {
        /// Its number in the list.
        id: u32,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Subcommand)]
pub enum Key {
    /// Shows which keys the server signs with and signed with before.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Signs with a new key from now on; the former one is published as old. Not where the server's name is its key.
    Rotate {
        #[command(flatten)]
        data: Data,
    },
}

impl User {
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { data, name, deactivated } => {
                let mut query = vec![("deactivated", deactivated.to_string()), ("limit", "1000".to_owned())];
                query.extend(name.map(|name| ("name", name)));
                tell(&data, Method::GET, &path(&["v2", "users"], &query)?, None).await
            }
            Self::Show { name, data } => tell(&data, Method::GET, &path(&["v2", "users", &name], &[])?, None).await,
            Self::Add { name, data, admin } => {
                let body = json!({ "name": name, "password": password()?, "admin": admin, "inhibit_login": true });
                tell(&data, Method::POST, "/_hearth/v1/users", Some(body)).await
            }
            Self::Deactivate { name, data, erase } => {
                let path = path(&["v1", "deactivate", &name], &[])?;
                tell(&data, Method::POST, &path, Some(json!({ "erase": erase }))).await
            }
            Self::Password { name, data, keep_devices } => {
                let body = json!({ "new_password": password()?, "logout_devices": !keep_devices });
                tell(&data, Method::POST, &path(&["v1", "reset_password", &name], &[])?, Some(body)).await
            }
        }
    }
}

impl Room {
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { data, search } => {
                let mut query = vec![("limit", "1000".to_owned())];
                query.extend(search.map(|term| ("search_term", term)));
                tell(&data, Method::GET, &path(&["v1", "rooms"], &query)?, None).await
            }
            Self::Show { room_id, data } => {
                tell(&data, Method::GET, &path(&["v1", "rooms", &room_id], &[])?, None).await
            }
            Self::Repair { room_id, data } => {
                let owner = owner(&data.data).await?;
                if matches!(owner, Owner::Opened(_)) {
                    owner.close().await;
                    bail!("other servers can only be asked while this one is served");
                }
                let answer = owner
                    .ask(
                        Method::POST,
                        &path_below("/_hearth/v1", &["rooms", &room_id, "repair"], &[])?,
                        Some(&json!({})),
                    )
                    .await;
                owner.close().await;
                print(&answer?)
            }
            Self::Delete { room_id, data, block, keep_events, force } => {
                let body = json!({ "block": block, "purge": !keep_events, "force_purge": force });
                let begin = (Method::DELETE, path(&["v2", "rooms", &room_id], &[])?);
                purge(&data, begin, body, "delete_id", &["v2", "rooms", "delete_status"]).await
            }
            Self::PurgeHistory { room_id, data, event, before_ts, local } => {
                let body = json!({
                    "delete_local_events": local, "purge_up_to_event_id": event, "purge_up_to_ts": before_ts,
                });
                let begin = (Method::POST, path(&["v1", "purge_history", &room_id], &[])?);
                purge(&data, begin, body, "purge_id", &["v1", "purge_history_status"]).await
            }
        }
    }
}

impl Media {
    pub async fn run(self) -> anyhow::Result<()> {
        let Self::Purge { data, days } = self;
        let before_ts = homeserver::clock::Clock::system().now_ms() - i64::from(days) * DAY_MS;
        let path = path(&["v1", "purge_media_cache"], &[("before_ts", before_ts.to_string())])?;
        tell(&data, Method::POST, &path, Some(json!({}))).await
    }
}

impl Report {
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { data } => tell(&data, Method::GET, "/_hearth/v1/reports", None).await,
            Self::Delete { id, data } => tell(&data, Method::DELETE, &format!("/_hearth/v1/reports/{id}"), None).await,
        }
    }
}

impl Key {
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { data } => tell(&data, Method::GET, "/_hearth/v1/keys", None).await,
            Self::Rotate { data } => tell(&data, Method::POST, "/_hearth/v1/keys/rotate", Some(json!({}))).await,
        }
    }
}

/// Asks, and prints the answer.
async fn tell(data: &Data, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<()> {
    let owner = owner(&data.data).await?;
    let answer = owner.ask(method, path, body.as_ref()).await;
    owner.close().await;
    print(&answer?)
}

/// Begins a purge, waits for its end, and prints how it ended.
async fn purge(
    data: &Data,
    (method, begin): (Method, String),
    body: Value,
    id: &str,
    status: &[&str],
) -> anyhow::Result<()> {
    let owner = owner(&data.data).await?;
    let ended = async {
        let begun = owner.ask(method, &begin, Some(&body)).await?;
        let id = begun.get(id).and_then(Value::as_str).context("the server did not say which purge it began")?;
        let status = path(&[status, &[id]].concat(), &[])?;
        loop {
            let answer = owner.ask(Method::GET, &status, None).await?;
            match answer.get("status").and_then(Value::as_str) {
                Some("complete" | "failed") => return anyhow::Ok(answer),
                _ => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    };
    let ended = ended.await;
    owner.close().await;
    let answer = ended?;
    if answer.get("status").and_then(Value::as_str) == Some("failed") {
        bail!("{}", answer.get("error").and_then(Value::as_str).unwrap_or("the purge failed"));
    }
    print(&answer)
}

async fn owner(data: &Path) -> anyhow::Result<Owner> {
    Owner::of(data).await.with_context(|| format!("{} cannot be administered", data.display()))
}

/// A path of the admin API, each segment as it is.
fn path(segments: &[&str], query: &[(&str, String)]) -> anyhow::Result<String> {
    path_below("/_synapse/admin", segments, query)
}

fn path_below(base: &str, segments: &[&str], query: &[(&str, String)]) -> anyhow::Result<String> {
    let mut url = url::Url::parse("http://localhost")?.join(base)?;
    url.path_segments_mut().map_err(|()| anyhow::anyhow!("a path cannot be made"))?.extend(segments);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url.as_str().trim_start_matches("http://localhost").to_owned())
}

fn password() -> anyhow::Result<String> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password on standard input is empty");
    }
    Ok(password.to_owned())
}

fn print(answer: &Value) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{answer:#}")?)
}
