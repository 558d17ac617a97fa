//! What users do in a history. An act that the server refuses is no act; one that it fails at ends the test.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use serde_json::{Value, json};

use super::world::{USERS, World};

/// A user acts in a room (by numbers that are taken modulo what there is).
#[derive(Clone, Debug)]
pub struct Act {
    pub who: u8,
    pub room: u8,
    pub what: What,
}

/// `u8`s name a user, or the event so many before the room's newest.
#[derive(Clone, Debug)]
pub enum What {
    Say,
    Mention(u8),
    Thread(u8),
    React(u8),
    Edit(u8),
    Redact(u8),
    Name(u8),
    Topic(u8),
    Custom(u8, u8),
    Visibility(u8),
    JoinRule(u8),
    Join,
    Leave,
    Invite(u8),
    Kick(u8),
    Ban(u8),
    Unban(u8),
    Knock,
    Forget,
    /// Type (m.read or m.read.private), event, thread (none, main, the event's own).
    Read(bool, u8, u8),
    FullyRead(u8),
    Typing(bool),
    AccountData(bool, u8),
    Tag(bool, u8),
    Direct,
    Ignore(u8, bool),
    DisplayName(u8),
    NewRoom,
}

pub fn act() -> impl Strategy<Value = Act> {
    let small = || 0..5u8;
    let what = prop_oneof![
        8 => Just(What::Say),
        2 => small().prop_map(What::Mention),
        3 => small().prop_map(What::Thread),
        2 => small().prop_map(What::React),
        2 => small().prop_map(What::Edit),
        2 => small().prop_map(What::Redact),
        2 => small().prop_map(What::Name),
        1 => small().prop_map(What::Topic),
        2 => (0..2u8, small()).prop_map(|(key, value)| What::Custom(key, value)),
        1 => (0..4u8).prop_map(What::Visibility),
        1 => (0..3u8).prop_map(What::JoinRule),
        8 => Just(What::Join),
        3 => Just(What::Leave),
        3 => (0..3u8).prop_map(What::Invite),
        1 => (0..3u8).prop_map(What::Kick),
        1 => (0..3u8).prop_map(What::Ban),
        1 => (0..3u8).prop_map(What::Unban),
        2 => Just(What::Knock),
        1 => Just(What::Forget),
        4 => (any::<bool>(), small(), 0..3u8).prop_map(|(private, event, thread)| What::Read(private, event, thread)),
        1 => small().prop_map(What::FullyRead),
        2 => any::<bool>().prop_map(What::Typing),
        2 => (any::<bool>(), 0..2u8).prop_map(|(global, kind)| What::AccountData(global, kind)),
        1 => (any::<bool>(), 0..2u8).prop_map(|(on, tag)| What::Tag(on, tag)),
        1 => Just(What::Direct),
        1 => (0..3u8, any::<bool>()).prop_map(|(user, on)| What::Ignore(user, on)),
        1 => small().prop_map(What::DisplayName),
        1 => Just(What::NewRoom),
    ];
    // The owner acts as often as both others, so that rooms have news for them.
    (prop_oneof![Just(0u8), Just(1), Just(2), Just(1)], 0..4u8, what.boxed()).prop_map(|(who, room, what)| Act {
        who,
        room,
        what,
    })
}

impl World<'_> {
    pub fn act(&mut self, act: &Act) -> anyhow::Result<()> {
        let who = usize::from(act.who) % USERS.len();
        let at = usize::from(act.room) % self.rooms.len();
        let room = self.rooms[at].clone();
        let n = self.next();
        match &act.what {
            What::Say => self.say(who, at, json!({ "body": format!("words {n}") })),
            What::Mention(user) => {
                let mention = json!({ "user_ids": [user_id(*user)] });
                self.say(who, at, json!({ "body": format!("look {n}"), "m.mentions": mention }))
            }
            What::Thread(root) => self.relate(who, at, *root, "m.thread", n),
            What::Edit(target) => self.relate(who, at, *target, "m.replace", n),
            What::React(target) => {
                let Some(target) = self.event(at, *target) else { return Ok(()) };
                let content =
                    json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": target, "key": n.to_string() } });
                self.event_of(who, at, "m.reaction", content)
            }
            What::Redact(target) => {
                let Some(target) = self.event(at, *target) else { return Ok(()) };
                let path = format!("/_matrix/client/v3/rooms/{room}/redact/{target}/{n}");
                self.put_event(who, at, &path, json!({}))
            }
            What::Name(name) => self.state(who, at, "m.room.name", "", json!({ "name": format!("Room {name}") })),
            What::Topic(topic) => self.state(who, at, "m.room.topic", "", json!({ "topic": format!("About {topic}") })),
            What::Custom(key, value) => {
                self.state(who, at, "org.example.custom", &format!("key{key}"), json!({ "value": value }))
            }
            What::Visibility(which) => {
                let which = ["shared", "joined", "invited", "world_readable"][usize::from(*which)];
                self.state(who, at, "m.room.history_visibility", "", json!({ "history_visibility": which }))
            }
            What::JoinRule(which) => {
                let which = ["public", "invite", "knock"][usize::from(*which)];
                self.state(who, at, "m.room.join_rules", "", json!({ "join_rule": which }))
            }
            What::Join => self.membership(who, at, "join", json!({})),
            // The owner stays, so that somebody can say what is true.
            What::Leave if who == 0 => Ok(()),
            What::Kick(user) | What::Ban(user) if user_id(*user) == USERS[0] => Ok(()),
            What::Leave => self.membership(who, at, "leave", json!({})),
            What::Invite(user) => self.membership(who, at, "invite", json!({ "user_id": user_id(*user) })),
            What::Kick(user) => self.membership(who, at, "kick", json!({ "user_id": user_id(*user) })),
            What::Ban(user) => self.membership(who, at, "ban", json!({ "user_id": user_id(*user) })),
            What::Unban(user) => self.membership(who, at, "unban", json!({ "user_id": user_id(*user) })),
            What::Knock => {
                let path = format!("/_matrix/client/v3/knock/{room}");
                self.did(who, "POST", &path, json!({}))?;
                Ok(())
            }
            What::Forget => {
                let path = format!("/_matrix/client/v3/rooms/{room}/forget");
                if self.did(who, "POST", &path, json!({}))?.is_some() {
                    self.forgotten.insert((who, room));
                }
                Ok(())
            }
            What::Read(private, event, thread) => {
                let Some(event) = self.event(at, *event) else { return Ok(()) };
                let kind = if *private { "m.read.private" } else { "m.read" };
                let thread = match thread {
                    0 => json!({}),
                    1 => json!({ "thread_id": "main" }),
                    _ => json!({ "thread_id": self.roots.get(&event).unwrap_or(&event) }),
                };
                let path = format!("/_matrix/client/v3/rooms/{room}/receipt/{kind}/{event}");
                self.did(who, "POST", &path, thread)?;
                Ok(())
            }
            What::FullyRead(event) => {
                let Some(event) = self.event(at, *event) else { return Ok(()) };
                let path = format!("/_matrix/client/v3/rooms/{room}/read_markers");
                self.did(who, "POST", &path, json!({ "m.fully_read": event }))?;
                Ok(())
            }
            What::Typing(on) => {
                let path = format!("/_matrix/client/v3/rooms/{room}/typing/{}", USERS[who]);
                self.did(who, "PUT", &path, json!({ "typing": on, "timeout": 60_000 }))?;
                Ok(())
            }
            What::AccountData(global, kind) => {
                let scope = if *global { String::new() } else { format!("/rooms/{room}") };
                let path = format!("/_matrix/client/v3/user/{}{scope}/account_data/org.example.data{kind}", USERS[who]);
                self.did(who, "PUT", &path, json!({ "n": n }))?;
                Ok(())
            }
            What::Tag(on, tag) => {
                let path = format!("/_matrix/client/v3/user/{}/rooms/{room}/tags/u.tag{tag}", USERS[who]);
                self.did(who, if *on { "PUT" } else { "DELETE" }, &path, json!({}))?;
                Ok(())
            }
            What::Direct => {
                let path = format!("/_matrix/client/v3/user/{}/account_data/m.direct", USERS[who]);
                self.did(who, "PUT", &path, json!({ USERS[(who + 1) % 3]: [room] }))?;
                Ok(())
            }
            What::Ignore(user, on) => self.ignore(who, *user, *on),
            What::DisplayName(name) => {
                let path = format!("/_matrix/client/v3/profile/{}/displayname", USERS[who]);
                self.did(who, "PUT", &path, json!({ "displayname": format!("Name {name}") }))?;
                Ok(())
            }
            What::NewRoom if self.rooms.len() < 4 => self.new_room("public_chat", &format!("Made {n}")),
            What::NewRoom => Ok(()),
        }
    }

    pub fn new_room(&mut self, preset: &str, name: &str) -> anyhow::Result<()> {
        let made =
            self.did(0, "POST", "/_matrix/client/v3/createRoom", json!({ "preset": preset, "name": name }))?.unwrap();
        self.rooms.push(made["room_id"].as_str().unwrap().to_owned());
        self.events.push(Vec::new());
        Ok(())
    }

    fn say(&mut self, who: usize, room: usize, mut content: Value) -> anyhow::Result<()> {
        content["msgtype"] = json!("m.text");
        self.event_of(who, room, "m.room.message", content)
    }

    fn relate(&mut self, who: usize, room: usize, target: u8, rel_type: &str, n: u64) -> anyhow::Result<()> {
        let Some(target) = self.event(room, target) else { return Ok(()) };
        let before = self.events[room].len();
        let mut content = json!({
            "body": format!("{rel_type} {n}"), "m.relates_to": { "rel_type": rel_type, "event_id": target },
        });
        if rel_type == "m.replace" {
            content["m.new_content"] = json!({ "msgtype": "m.text", "body": format!("edited {n}") });
        }
        self.say(who, room, content)?;
        if rel_type == "m.thread"
            && let Some(sent) = self.events[room].get(before)
        {
            self.roots.insert(sent.clone(), target);
        }
        Ok(())
    }

    fn event_of(&mut self, who: usize, room: usize, kind: &str, content: Value) -> anyhow::Result<()> {
        let txn_id = self.next();
        let path = format!("/_matrix/client/v3/rooms/{}/send/{kind}/{txn_id}", self.rooms[room]);
        self.put_event(who, room, &path, content)
    }

    fn state(&mut self, who: usize, room: usize, kind: &str, key: &str, content: Value) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/state/{kind}/{key}", self.rooms[room]);
        self.put_event(who, room, &path, content)
    }

    fn put_event(&mut self, who: usize, room: usize, path: &str, content: Value) -> anyhow::Result<()> {
        if let Some(sent) = self.did(who, "PUT", path, content)? {
            self.events[room].push(sent["event_id"].as_str().unwrap().to_owned());
        }
        Ok(())
    }

    fn membership(&mut self, who: usize, room: usize, verb: &str, body: Value) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/{verb}", self.rooms[room]);
        self.did(who, "POST", &path, body)?;
        Ok(())
    }

    fn ignore(&mut self, who: usize, user: u8, on: bool) -> anyhow::Result<()> {
        let user = user_id(user);
        let list = if on && user != USERS[who] { json!({ user: {} }) } else { json!({}) };
        let path = format!("/_matrix/client/v3/user/{}/account_data/m.ignored_user_list", USERS[who]);
        self.did(who, "PUT", &path, json!({ "ignored_users": list }))?;
        if on {
            self.ignored.insert((who, user.to_owned()));
        }
        Ok(())
    }

    /// The event so many before the newest that somebody sent.
    fn event(&self, room: usize, back: u8) -> Option<String> {
        self.events[room].iter().rev().nth(usize::from(back)).cloned()
    }
}

fn user_id(user: u8) -> &'static str {
    USERS[usize::from(user) % USERS.len()]
}
