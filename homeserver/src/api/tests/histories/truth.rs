//! What a client believes against what the endpoints of rooms and accounts say.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    client::{Client, Kind, Membership, RoomView, State, entries, list, put_account_data},
    timeline::Event,
    world::{USERS, World},
};

/// Compares a client that has caught up.
pub fn compare(world: &World<'_>, client: &Client) -> anyhow::Result<()> {
    let fresh = fresh(world, client.who)?;
    let mut in_lists = 0;
    for room in &world.rooms {
        let truth = full_state(&world.get(0, &format!("/_matrix/client/v3/rooms/{room}/state"))?);
        let view = client.view.rooms.get(room).cloned().unwrap_or_default();
        in_lists += u64::from(membership(world, client, room, &truth, &view)?);
        let what = |error: anyhow::Error| anyhow::anyhow!("{room}: {error:#}, in {view:?}");
        match view.membership {
            Some(Membership::Join) => joined(world, client, room, &truth, &view, &fresh[room]).map_err(what)?,
            Some(Membership::Leave) => left(world, client, room, &view).map_err(what)?,
            _ => {}
        }
    }
    let ignores = world.ignored.iter().any(|(who, _)| *who == client.who);
    if client.kind == Kind::Sliding && !ignores {
        same("the list's count", &client.view.list_count, &in_lists)?;
    }
    let mut global = BTreeMap::new();
    for kind in ["org.example.data0", "org.example.data1", "m.direct", "m.ignored_user_list"] {
        let path = format!("/_matrix/client/v3/user/{}/account_data/{kind}", USERS[client.who]);
        global.extend(stored(world, client.who, &path)?.map(|content| (kind.to_owned(), content)));
    }
    let mut known = client.view.account_data.clone();
    anyhow::ensure!(known.remove("m.push_rules").is_some(), "no push rules");
    same("account data", &known, &global)
}

/// Whether the room is one of the lists', by what is true.
fn membership(
    world: &World<'_>,
    client: &Client,
    room: &str,
    truth: &BTreeMap<(String, String), Value>,
    view: &RoomView,
) -> anyhow::Result<bool> {
    let member = truth.get(&("m.room.member".to_owned(), USERS[client.who].to_owned()));
    let expected = match member.and_then(|event| event["content"]["membership"].as_str()) {
        Some("join") => Some(Membership::Join),
        Some("invite") => Some(Membership::Invite),
        Some("knock") => Some(Membership::Knock),
        _ => Some(Membership::Leave),
    };
    let inviter = member.and_then(|event| event["sender"].as_str()).unwrap_or_default();
    let hidden = expected == Some(Membership::Invite) && world.ignored.contains(&(client.who, inviter.to_owned()));
    let gone = expected == Some(Membership::Leave)
        && (view.membership.is_none() || world.forgotten.contains(&(client.who, room.to_owned())));
    anyhow::ensure!(
        expected == view.membership || hidden || gone,
        "{room}: {:?} for the client, {expected:?} in truth",
        view.membership
    );
    Ok(expected != Some(Membership::Leave))
}

fn joined(
    world: &World<'_>,
    client: &Client,
    room: &str,
    truth: &BTreeMap<(String, String), Value>,
    view: &RoomView,
    fresh: &RoomView,
) -> anyhow::Result<()> {
    let ids = truth.iter().map(|(key, event)| (key.clone(), event["event_id"].as_str().unwrap().to_owned())).collect();
    state(client, &ids, view)?;
    timeline(world, client, room, view, true)?;
    same("unread counts", &view.unread, &fresh.unread)?;
    same("typing", &view.typing, &fresh.typing)?;
    let members = |membership: &str| -> u64 {
        let members = truth
            .iter()
            .filter(|((kind, _), event)| kind == "m.room.member" && event["content"]["membership"] == membership);
        members.count() as u64
    };
    same("member counts", &view.counts, &(members("join"), members("invite")))?;
    receipts(world, client, view, fresh)?;

    let scope = format!("/_matrix/client/v3/user/{}/rooms/{room}", USERS[client.who]);
    let mut account_data = BTreeMap::new();
    for kind in ["org.example.data0", "org.example.data1", "m.fully_read"] {
        let content = stored(world, client.who, &format!("{scope}/account_data/{kind}"))?;
        account_data.extend(content.map(|content| (kind.to_owned(), content)));
    }
    let mut known = view.account_data.clone();
    let tags = known.remove("m.tag").unwrap_or_else(|| json!({ "tags": {} }));
    same("tags", &tags, &world.get(client.who, &format!("{scope}/tags"))?)?;
    same("account data", &known, &account_data)
}

/// A room that the client knows to be left shows its end.
fn left(world: &World<'_>, client: &Client, room: &str, view: &RoomView) -> anyhow::Result<()> {
    let forgotten = world.forgotten.contains(&(client.who, room.to_owned()));
    if client.kind == Kind::Sliding || forgotten {
        return Ok(());
    }
    let path = format!("/_matrix/client/v3/rooms/{room}/state");
    let (status, answer) = world.ask(client.who, 0, "GET", &path, &Value::Null)?;
    let never_joined = !view.state.contains_key(&("m.room.create".to_owned(), String::new()));
    if status == StatusCode::FORBIDDEN || never_joined {
        return Ok(());
    }
    // A room that shows itself to the world is read as it is now.
    let world_readable = full_state(&answer).values().any(|event| {
        event["type"] == "m.room.history_visibility" && event["content"]["history_visibility"] == "world_readable"
    });
    if !world_readable {
        let ids = full_state(&answer)
            .into_iter()
            .map(|(key, event)| (key, event["event_id"].as_str().unwrap().to_owned()))
            .collect();
        state(client, &ids, view)?;
    }
    timeline(world, client, room, view, false)
}

/// No state event is missing but for what was not asked, and none is old.
fn state(client: &Client, truth: &State, view: &RoomView) -> anyhow::Result<()> {
    let me = USERS[client.who];
    let asked = client.view.asked.clone().unwrap_or_default();
    for ((kind, key), event) in truth {
        let wanted = match client.kind {
            Kind::V3 { lazy } => !lazy || kind != "m.room.member" || key == me,
            Kind::Sliding => asked.wants(kind, key, me),
        };
        match view.state.get(&(kind.clone(), key.clone())) {
            Some(known) if known == event => {}
            None if !wanted => {}
            known => anyhow::bail!("state {kind} {key}: {known:?} for the client, {event} in truth"),
        }
    }
    match view.state.keys().find(|key| !truth.contains_key(*key)) {
        Some(key) => anyhow::bail!("state {key:?} is not there"),
        None => Ok(()),
    }
}

/// The client's timeline is the end of what `/messages` tells, and what comes before it is the rest.
fn timeline(world: &World<'_>, client: &Client, room: &str, view: &RoomView, to_the_end: bool) -> anyhow::Result<()> {
    let filter = client.timeline_filter().to_string();
    let nothing = BTreeSet::new();
    let shown = |events: Vec<Event>| -> Vec<String> {
        events.into_iter().filter(|event| !world.hides(client.who, event)).map(|event| event.id).collect()
    };
    let read = |from: Option<&str>| -> anyhow::Result<Vec<String>> {
        let (mut events, _) = world.messages(client.who, room, from, &filter, &nothing)?;
        events.reverse();
        Ok(shown(events))
    };
    let mut all = read(None)?;
    let tail = shown(view.timeline.events.clone());
    let mut mine = match view.timeline.prev_batch.as_deref() {
        Some(prev_batch) => read(Some(prev_batch))?,
        None => Vec::new(),
    };
    mine.extend(tail);
    if !to_the_end {
        let end = mine.last().and_then(|last| all.iter().position(|event| event == last));
        all.truncate(end.map_or(0, |end| end + 1));
    }
    same("the timeline", &mine, &all)
}

/// A client of sliding sync has its own receipts, and those of others that came while it looked.
fn receipts(world: &World<'_>, client: &Client, view: &RoomView, fresh: &RoomView) -> anyhow::Result<()> {
    let me = USERS[client.who];
    for (key, event) in &fresh.receipts {
        let (user, kind, _) = key;
        if world.ignored.contains(&(client.who, user.clone())) {
            continue;
        }
        // One m.receipt event has room for one receipt of a user on an event, whatever its thread.
        let twin = fresh
            .receipts
            .iter()
            .any(|((one, other, thread), at)| (one, other, at) == (user, kind, event) && *thread != key.2);
        match view.receipts.get(key) {
            Some(known) if known == event => {}
            _ if client.kind == Kind::Sliding && twin => {}
            None if client.kind == Kind::Sliding && user != me => {}
            known => anyhow::bail!("receipt {key:?}: {known:?} for the client, {event} in truth"),
        }
    }
    Ok(())
}

/// What a first sync tells of the rooms.
fn fresh(world: &World<'_>, who: usize) -> anyhow::Result<BTreeMap<String, RoomView>> {
    let answer = world.get(who, "/_matrix/client/v3/sync?timeout=0&set_presence=offline")?;
    let mut rooms: BTreeMap<String, RoomView> = BTreeMap::new();
    for (room, section) in entries(&answer["rooms"]["join"]) {
        let view = rooms.entry(room.clone()).or_default();
        let unread = |name: &str| section["unread_notifications"][name].as_u64().unwrap_or_default();
        view.unread = (unread("notification_count"), unread("highlight_count"));
        for event in list(&section["ephemeral"]["events"]) {
            if event["type"] == "m.receipt" { view.put_receipts(event) } else { view.put_typing(event) }
        }
        put_account_data(&mut view.account_data, &section["account_data"]["events"]);
    }
    Ok(rooms)
}

fn full_state(events: &Value) -> BTreeMap<(String, String), Value> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    list(events).iter().map(|event| ((text(event, "type"), text(event, "state_key")), event.clone())).collect()
}

/// Account data, when there is any.
fn stored(world: &World<'_>, who: usize, path: &str) -> anyhow::Result<Option<Value>> {
    let (status, content) = world.ask(who, 0, "GET", path, &Value::Null)?;
    anyhow::ensure!(status.is_success() || status == StatusCode::NOT_FOUND, "{path}: {status} {content}");
    Ok(status.is_success().then_some(content))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, known: &T, truth: &T) -> anyhow::Result<()> {
    anyhow::ensure!(known == truth, "{what}:\n{known:?} for the client\n{truth:?} in truth");
    Ok(())
}
