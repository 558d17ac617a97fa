//! Making a room in one sentence.

use anyhow::Result;
use serde_json::{Value, json};

use crate::user::{TestUser, field, text};

/// A room about to be made: private unless said otherwise.
pub struct RoomBuilder<'a> {
    owner: &'a TestUser,
    ask: Value,
    guests: Vec<&'a TestUser>,
    initial: Vec<Value>,
}

impl<'a> RoomBuilder<'a> {
    pub fn of(owner: &'a TestUser) -> Self {
        Self { owner, ask: json!({ "preset": "private_chat" }), guests: Vec::new(), initial: Vec::new() }
    }

    pub fn public(self) -> Self {
        self.with("preset", json!("public_chat"))
    }

    pub fn named(self, name: &str) -> Self {
        self.with("name", json!(name))
    }

    pub fn version(self, version: &str) -> Self {
        self.with("room_version", json!(version))
    }

    pub fn direct(self) -> Self {
        self.with("is_direct", json!(true))
    }

    pub fn encrypted(mut self) -> Self {
        self.initial.push(json!({
            "type": "m.room.encryption", "state_key": "", "content": { "algorithm": "m.megolm.v1.aes-sha2" },
        }));
        self
    }

    pub fn inviting(mut self, guest: &'a TestUser) -> Self {
        self.guests.push(guest);
        self
    }

    /// Sets any other field of `POST /createRoom`.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        field(&mut self.ask, name, value);
        self
    }

    /// Makes the room; answers its id.
    pub async fn make(self) -> Result<String> {
        let guests: Vec<&str> = self.guests.iter().map(|guest| guest.user_id.as_str()).collect();
        let mut ask = self.ask;
        field(&mut ask, "invite", json!(guests));
        field(&mut ask, "initial_state", json!(self.initial));
        text(&self.owner.post(&["createRoom"], ask).await?.ok()?, "room_id")
    }
}
