//! A client of simplified sliding sync (MSC4186).

use http::StatusCode;
use proptest::prelude::{Just, Strategy, prop_oneof};
use serde_json::{Value, json};

use super::{
    client::{Client, Membership, View, entries, list, put_account_data},
    timeline::Section,
    world::{USERS, World},
};

const MEMBER: &str = "m.room.member";

/// How a client asks this time, by places in the tables below.
#[derive(Clone, Debug)]
pub struct Asking {
    ranges: usize,
    limit: u64,
    state: usize,
    /// A second list of another filter.
    second: usize,
    /// The rooms that are subscribed to, as bits.
    subscribed: u8,
    extensions: bool,
    again: bool,
}

const RANGES: [&str; 5] = ["[[0,99]]", "[[0,0]]", "[[1,1]]", "[[0,0],[2,3]]", "[]"];

const FILTERS: [&str; 5] =
    [r#"{"is_invite":false}"#, r#"{"is_invite":true}"#, r#"{"is_dm":true}"#, r#"{"not_room_types":["m.space"]}"#, "{}"];

/// Required states, as pairs of type and key.
const STATES: [&[(&str, &str)]; 7] = [
    &[("m.room.name", ""), (MEMBER, "$ME"), (MEMBER, "$LAZY")],
    &[("*", "*")],
    &[("*", "*"), (MEMBER, "$LAZY")],
    &[("org.example.custom", "*"), ("m.room.topic", "")],
    &[],
    &[("*", ""), (MEMBER, "$ME")],
    &[(MEMBER, "*"), ("org.example.custom", "key1")],
];

impl Default for Asking {
    fn default() -> Self {
        Self { ranges: 0, limit: 4, state: 0, second: 0, subscribed: 0, extensions: true, again: true }
    }
}

impl Asking {
    /// The same about all rooms.
    pub fn everything(self) -> Self {
        Self { ranges: 0, again: true, extensions: true, ..self }
    }

    /// Whether the client must have this state event, without what is loaded lazily.
    pub fn wants(&self, event_type: &str, state_key: &str, me: &str) -> bool {
        let pairs = STATES[self.state];
        let lazy = pairs.contains(&(MEMBER, "$LAZY"));
        pairs.iter().any(|(wanted_type, wanted_key)| {
            let fits_type = *wanted_type == event_type || *wanted_type == "*";
            let fits_key = match *wanted_key {
                "*" => !(lazy && *wanted_type == "*" && event_type == MEMBER),
                "$ME" => state_key == me,
                "$LAZY" => false,
                key => key == state_key,
            };
            fits_type && fits_key
        })
    }

    fn lazy(&self) -> bool {
        STATES[self.state].contains(&(MEMBER, "$LAZY"))
    }

    fn body(&self, rooms: &[String]) -> Value {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let required: Vec<Value> = STATES[self.state].iter().map(|(kind, key)| json!([kind, key])).collect();
        let config = json!({ "timeline_limit": self.limit, "required_state": required });
        let list = |ranges: &str, filter: &str| {
            let mut list = config.clone();
            list["ranges"] = parse(ranges);
            list["filters"] = parse(filter);
            list
        };
        let mut lists = json!({ "all": list(RANGES[self.ranges], "{}") });
        if self.second > 0 {
            lists["second"] = list("[[0,0]]", FILTERS[self.second - 1]);
        }
        let subscribed = rooms.iter().enumerate().filter(|(at, _)| self.subscribed & (1 << at) != 0);
        let subscriptions: serde_json::Map<String, Value> =
            subscribed.map(|(_, room)| (room.clone(), config.clone())).collect();
        let on = json!({ "enabled": self.extensions });
        let extensions = json!({ "account_data": on, "receipts": on, "typing": on });
        json!({ "lists": lists, "room_subscriptions": subscriptions, "extensions": extensions })
    }
}

pub fn asking() -> impl Strategy<Value = Asking> {
    let limit = prop_oneof![Just(0u64), Just(1), Just(1), Just(2), Just(5), Just(30)];
    let ranges = prop_oneof![3 => Just(0usize), 2 => 1..RANGES.len()];
    let second = prop_oneof![3 => Just(0usize), 1 => 0..=FILTERS.len()];
    let subscribed = prop_oneof![2 => Just(0u8), 1 => 0..16u8];
    let state = prop_oneof![2 => Just(0usize), 3 => 0..STATES.len()];
    let (mostly, rarely) = (proptest::bool::weighted(0.9), proptest::bool::weighted(0.15));
    (ranges.boxed(), limit.boxed(), state.boxed(), second.boxed(), subscribed.boxed(), mostly, rarely).prop_map(
        |(ranges, limit, state, second, subscribed, extensions, again)| Asking {
            ranges,
            limit,
            state,
            second,
            subscribed,
            extensions,
            again,
        },
    )
}

impl Client {
    pub fn ask_sliding(&mut self, world: &mut World<'_>, asking: &Asking) -> anyhow::Result<()> {
        let body = asking.body(&world.rooms);
        let Some(answer) = self.slide(world, &body)? else {
            // The position is too old: a new connection, and nothing is known.
            self.view = View::default();
            return self.ask_sliding(world, asking);
        };
        if asking.again && self.view.token.is_some() {
            let news =
                |answer: &Value| [answer["rooms"].clone(), answer["lists"].clone(), answer["extensions"].clone()];
            let again = self.slide(world, &body)?.unwrap_or_default();
            anyhow::ensure!(news(&answer) == news(&again), "asked again:\n{answer}\n{again}");
            return self.take(world, asking, &again);
        }
        self.take(world, asking, &answer)
    }

    fn slide(&self, world: &World<'_>, body: &Value) -> anyhow::Result<Option<Value>> {
        let pos = self.view.token.as_ref().map(|pos| format!("&pos={pos}")).unwrap_or_default();
        let path =
            format!("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0&set_presence=offline{pos}");
        let (status, answer) = world.ask(self.who, self.device, "POST", &path, body)?;
        if status == StatusCode::BAD_REQUEST && answer["errcode"] == "M_UNKNOWN_POS" {
            return Ok(None);
        }
        anyhow::ensure!(status.is_success(), "{path} {body}: {status} {answer}");
        Ok(Some(answer))
    }

    fn take(&mut self, world: &World<'_>, asking: &Asking, answer: &Value) -> anyhow::Result<()> {
        self.remember();
        self.quiet = self.view.token.as_deref() == answer["pos"].as_str();
        self.view.token = answer["pos"].as_str().map(str::to_owned);
        self.view.list_count = answer["lists"]["all"]["count"].as_u64().unwrap_or_default();
        let longer = self.view.least_limit.is_some_and(|least| asking.limit > least);
        for (room, section) in entries(&answer["rooms"]) {
            self.take_room(world, asking, room, section, longer)
                .map_err(|error| anyhow::anyhow!("{error:#} in {section}"))?;
        }
        self.view.least_limit = Some(self.view.least_limit.unwrap_or(u64::MAX).min(asking.limit));
        self.view.asked = Some(asking.clone());
        let extensions = &answer["extensions"];
        put_account_data(&mut self.view.account_data, &extensions["account_data"]["global"]);
        for (room, events) in entries(&extensions["account_data"]["rooms"]) {
            put_account_data(&mut self.view.rooms.entry(room.clone()).or_default().account_data, events);
        }
        for (room, event) in entries(&extensions["receipts"]["rooms"]) {
            self.view.rooms.entry(room.clone()).or_default().put_receipts(event);
        }
        for (room, event) in entries(&extensions["typing"]["rooms"]) {
            self.view.rooms.entry(room.clone()).or_default().put_typing(event);
        }
        Ok(())
    }

    fn take_room(
        &mut self,
        world: &World<'_>,
        asking: &Asking,
        room: &str,
        section: &Value,
        longer: bool,
    ) -> anyhow::Result<()> {
        let me = USERS[self.who];
        let view = self.view.rooms.entry(room.to_owned()).or_default();
        let initial = section["initial"] == true;
        if !section["invite_state"].is_null() {
            let mine = list(&section["invite_state"]).iter().find(|event| event["state_key"] == me);
            view.membership = match mine.and_then(|event| event["content"]["membership"].as_str()) {
                Some("invite") => Some(Membership::Invite),
                Some("knock") => Some(Membership::Knock),
                other => anyhow::bail!("{room}: invite_state says {other:?}"),
            };
            return Ok(());
        }
        let required = list(&section["required_state"]);
        let left = required.iter().any(|event| {
            event["type"] == MEMBER
                && event["state_key"] == me
                && (event["content"]["membership"] == "leave" || event["content"]["membership"] == "ban")
        });
        anyhow::ensure!(
            initial || left || view.membership == Some(Membership::Join),
            "{room}: news of a room that is not known to be joined"
        );
        view.membership = Some(if left { Membership::Leave } else { Membership::Join });
        if initial {
            view.state.clear();
            view.timeline = Default::default();
        }
        for event in required {
            view.put_state(event)?;
        }
        if left {
            view.typing.clear();
            view.timeline = Default::default();
            return Ok(());
        }
        let count = |name: &str| section[name].as_u64();
        view.unread = (count("notification_count").unwrap_or(0), count("highlight_count").unwrap_or(0));
        if let Some(joined) = count("joined_count") {
            view.counts = (joined, count("invited_count").unwrap_or(0));
        }
        let part = Section {
            events: &section["timeline"],
            limited: section["limited"] == true,
            prev_batch: section["prev_batch"].as_str(),
            anew: longer,
        };
        view.timeline.add(world, self.who, room, "{}", &part)?;
        if asking.lazy() {
            for event in list(&section["timeline"]) {
                let sender = event["sender"].as_str().unwrap().to_owned();
                let known = view.state.contains_key(&(MEMBER.to_owned(), sender));
                anyhow::ensure!(known, "{room}: the sender of {event} is not known");
            }
        }
        Ok(())
    }
}
