//! A client of `/v3/sync`.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{
    client::{Client, Kind, Membership, RoomView, entries, list, put_account_data},
    timeline::Section,
    world::{USERS, World},
};

/// How a client asks this time.
#[derive(Clone, Debug)]
pub struct Wish {
    limit: u64,
    state_after: bool,
    full_state: bool,
    by_thread: bool,
    /// The first answer is lost on its way, and the client asks again.
    again: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { limit: 4, state_after: true, full_state: false, by_thread: false, again: true }
    }
}

pub fn wish() -> impl Strategy<Value = Wish> {
    let limit = prop_oneof![Just(0u64), Just(1), Just(2), Just(5), Just(30)];
    let rarely = || proptest::bool::weighted(0.15);
    (limit.boxed(), any::<bool>(), rarely(), any::<bool>(), rarely()).prop_map(
        |(limit, state_after, full_state, by_thread, again)| Wish { limit, state_after, full_state, by_thread, again },
    )
}

impl Client {
    /// What of a timeline the client wants.
    pub fn timeline_filter(&self) -> Value {
        if self.kind == (Kind::V3 { lazy: true }) { json!({ "types": ["m.room.message"] }) } else { json!({}) }
    }

    pub fn ask_v3(&mut self, world: &mut World<'_>, wish: &Wish) -> anyhow::Result<()> {
        let mut timeline = self.timeline_filter();
        timeline["limit"] = wish.limit.into();
        timeline["unread_thread_notifications"] = wish.by_thread.into();
        let lazy = self.kind == Kind::V3 { lazy: true };
        let filter = json!({ "room": { "timeline": timeline, "state": { "lazy_load_members": lazy } } }).to_string();
        let filter: String = byte_serialize(filter.as_bytes()).collect();
        let since = self.view.token.as_ref().map(|since| format!("&since={since}")).unwrap_or_default();
        let path = format!(
            "/_matrix/client/v3/sync?timeout=0&set_presence=offline&use_state_after={}&full_state={}&filter={filter}{since}",
            wish.state_after, wish.full_state
        );
        let mut answer = self.sync(world, &path)?;
        if wish.again {
            let again = self.sync(world, &path)?;
            anyhow::ensure!(answer == again, "asked again:\n{answer}\n{again}");
            answer = again;
        }
        self.remember();
        self.quiet = answer["rooms"].is_null() && answer["account_data"].is_null();
        let first = self.view.token.is_none();
        self.view.token = answer["next_batch"].as_str().map(str::to_owned);
        put_account_data(&mut self.view.account_data, &answer["account_data"]["events"]);
        let rooms = &answer["rooms"];
        let whole = first || wish.full_state;
        for (room, section) in entries(&rooms["join"]) {
            self.v3_joined(world, wish, room, section, whole)
                .map_err(|error| anyhow::anyhow!("{error:#} in {section}"))?;
        }
        for (room, section) in entries(&rooms["leave"]) {
            self.v3_left(world, wish, room, section).map_err(|error| anyhow::anyhow!("{error:#} in {section}"))?;
        }
        for (name, membership) in [("invite", Membership::Invite), ("knock", Membership::Knock)] {
            for (room, section) in entries(&rooms[name]) {
                let state = &section[format!("{name}_state")]["events"];
                let mine = list(state).iter().find(|event| event["state_key"] == USERS[self.who]);
                let says = mine.map(|event| event["content"]["membership"].clone());
                anyhow::ensure!(says == Some(json!(name)), "{room}: {name} without the member event: {section}");
                self.view.rooms.entry(room.clone()).or_default().membership = Some(membership);
            }
        }
        Ok(())
    }

    fn sync(&self, world: &World<'_>, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = world.ask(self.who, self.device, "GET", path, &Value::Null)?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {answer}");
        Ok(answer)
    }

    fn v3_joined(
        &mut self,
        world: &World<'_>,
        wish: &Wish,
        room: &str,
        section: &Value,
        whole: bool,
    ) -> anyhow::Result<()> {
        let view = self.view.rooms.entry(room.to_owned()).or_default();
        let mut back = view.membership != Some(Membership::Join);
        if whole || view.membership != Some(Membership::Join) {
            view.state.clear();
        }
        view.membership = Some(Membership::Join);
        put_account_data(&mut view.account_data, &section["account_data"]["events"]);
        for event in list(&section["ephemeral"]["events"]) {
            match event["type"].as_str() {
                Some("m.receipt") => view.put_receipts(event),
                Some("m.typing") => view.put_typing(event),
                other => anyhow::bail!("{room}: ephemeral {other:?}"),
            }
        }
        let count = |counts: &Value, name: &str| counts[name].as_u64().unwrap_or_default();
        let both = |counts: &Value| (count(counts, "notification_count"), count(counts, "highlight_count"));
        if !section["unread_notifications"].is_null() {
            view.unread = both(&section["unread_notifications"]);
            for (_, thread) in entries(&section["unread_thread_notifications"]) {
                let more = both(thread);
                view.unread = (view.unread.0 + more.0, view.unread.1 + more.1);
            }
        }
        if let Some(joined) = section["summary"]["m.joined_member_count"].as_u64() {
            view.counts = (joined, count(&section["summary"], "m.invited_member_count"));
        }
        // Who left and came back between two syncs gets all of the state again.
        let state = if wish.state_after { &section["state_after"] } else { &section["state"] };
        back |= list(&state["events"]).iter().any(|event| event["type"] == "m.room.create");
        self.v3_state_and_timeline(world, wish, room, section, back)
    }

    fn v3_left(&mut self, world: &World<'_>, wish: &Wish, room: &str, section: &Value) -> anyhow::Result<()> {
        let view = self.view.rooms.entry(room.to_owned()).or_default();
        let back = view.membership != Some(Membership::Join);
        if back {
            view.state.clear();
        }
        view.membership = Some(Membership::Leave);
        view.typing.clear();
        put_account_data(&mut view.account_data, &section["account_data"]["events"]);
        self.v3_state_and_timeline(world, wish, room, section, back)
    }

    fn v3_state_and_timeline(
        &mut self,
        world: &World<'_>,
        wish: &Wish,
        room: &str,
        section: &Value,
        back: bool,
    ) -> anyhow::Result<()> {
        let filter = self.timeline_filter().to_string();
        let lazy = self.kind == Kind::V3 { lazy: true };
        let forgotten = world.forgotten.contains(&(self.who, room.to_owned()));
        let view: &mut RoomView = self.view.rooms.get_mut(room).unwrap();
        let (asked, other) = if wish.state_after { ("state_after", "state") } else { ("state", "state_after") };
        anyhow::ensure!(section[other].is_null(), "{room}: {other} was not asked");
        for event in list(&section[asked]["events"]) {
            view.put_state(event)?;
        }
        let timeline = &section["timeline"];
        if !wish.state_after {
            for event in list(&timeline["events"]).iter().filter(|event| !event["state_key"].is_null()) {
                view.put_state(event)?;
            }
        }
        if forgotten && timeline["limited"] == true {
            view.timeline = Default::default();
        }
        let part = Section {
            events: &timeline["events"],
            limited: timeline["limited"] == true,
            prev_batch: timeline["prev_batch"].as_str(),
            anew: back && timeline["limited"] == true,
        };
        view.timeline.add(world, self.who, room, &filter, &part)?;
        if lazy && view.membership == Some(Membership::Join) {
            for event in list(&timeline["events"]) {
                let sender = event["sender"].as_str().unwrap().to_owned();
                let known = view.state.contains_key(&("m.room.member".to_owned(), sender));
                anyhow::ensure!(known, "{room}: the sender of {event} is not known");
            }
        }
        Ok(())
    }
}
