//! A client: what it believes after each answer, and where it may go back to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{sliding, timeline::Timeline, v3, world::World};

/// State events by type and key.
pub type State = BTreeMap<(String, String), String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Join,
    Invite,
    Knock,
    Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    V3 {
        /// Members are loaded lazily, and the timeline has messages only.
        lazy: bool,
    },
    Sliding,
}

#[derive(Clone, Debug)]
pub struct Client {
    pub who: usize,
    pub device: usize,
    pub kind: Kind,
    pub view: View,
    /// Whether the last answer had no news.
    pub quiet: bool,
    /// Where it was before, the newest last.
    past: Vec<View>,
}

/// What a client knows when it has an answer.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// `next_batch` or `pos`.
    pub token: Option<String>,
    pub rooms: BTreeMap<String, RoomView>,
    pub account_data: BTreeMap<String, Value>,
    /// What a client of sliding sync asked last and least.
    pub asked: Option<sliding::Asking>,
    pub least_limit: Option<u64>,
    pub list_count: u64,
}

#[derive(Clone, Debug, Default)]
pub struct RoomView {
    pub membership: Option<Membership>,
    pub state: State,
    pub timeline: Timeline,
    /// Notifications and highlights.
    pub unread: (u64, u64),
    /// Joined and invited.
    pub counts: (u64, u64),
    /// Events by user, type and thread.
    pub receipts: BTreeMap<(String, String, String), String>,
    pub account_data: BTreeMap<String, Value>,
    pub typing: BTreeSet<String>,
}

impl Client {
    pub fn v3(who: usize, lazy: bool) -> Self {
        Self::new(who, usize::from(lazy), Kind::V3 { lazy })
    }

    pub fn sliding(who: usize) -> Self {
        Self::new(who, 2, Kind::Sliding)
    }

    fn new(who: usize, device: usize, kind: Kind) -> Self {
        Self { who, device, kind, view: View::default(), quiet: false, past: Vec::new() }
    }

    /// Keeps what it knows now, before an answer changes it.
    pub fn remember(&mut self) {
        self.past.push(self.view.clone());
        if self.past.len() > 4 {
            self.past.remove(0);
        }
    }

    /// The server's restart ends what it does not write down.
    pub fn server_restarted(&mut self) {
        for view in self.past.iter_mut().chain([&mut self.view]) {
            view.rooms.values_mut().for_each(|room| room.typing.clear());
        }
    }

    pub fn go_back(&mut self, answers: usize) {
        for _ in 0..=answers % 3 {
            if let Some(view) = self.past.pop() {
                self.view = view;
            }
        }
    }

    /// Asks for everything; then nothing is new.
    pub fn catch_up(&mut self, world: &mut World<'_>) -> anyhow::Result<()> {
        for _ in 0..2 {
            match self.kind {
                Kind::V3 { .. } => self.ask_v3(world, &v3::Wish::default())?,
                Kind::Sliding => {
                    let asking = self.view.asked.clone().unwrap_or_default().everything();
                    self.ask_sliding(world, &asking)?;
                }
            }
        }
        anyhow::ensure!(self.quiet, "news though nothing happened");
        Ok(())
    }
}

impl RoomView {
    /// Sets or replaces a state event.
    pub fn put_state(&mut self, event: &Value) -> anyhow::Result<()> {
        let (Some(kind), Some(key)) = (event["type"].as_str(), event["state_key"].as_str()) else {
            anyhow::bail!("no state event: {event}");
        };
        self.state.insert((kind.to_owned(), key.to_owned()), event["event_id"].as_str().unwrap().to_owned());
        Ok(())
    }

    pub fn put_receipts(&mut self, event: &Value) {
        for (event_id, types) in event["content"].as_object().unwrap() {
            for (kind, users) in types.as_object().unwrap() {
                for (user, data) in users.as_object().unwrap() {
                    let thread = data["thread_id"].as_str().unwrap_or_default().to_owned();
                    self.receipts.insert((user.clone(), kind.clone(), thread), event_id.clone());
                }
            }
        }
    }

    pub fn put_typing(&mut self, event: &Value) {
        self.typing = strings(&event["content"]["user_ids"]);
    }
}

/// Adds account data events.
pub fn put_account_data(known: &mut BTreeMap<String, Value>, events: &Value) {
    for event in list(events) {
        known.insert(event["type"].as_str().unwrap().to_owned(), event["content"].clone());
    }
}

/// An array, or nothing when it is absent.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub fn strings(value: &Value) -> BTreeSet<String> {
    list(value).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The entries of an object, or nothing when it is absent.
pub fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
