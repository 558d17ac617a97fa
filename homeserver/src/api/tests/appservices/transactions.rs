//! Events go to the service in order, in transactions that are repeated until they are taken.

use serde_json::{Value, json};

use crate::domain::federation::SendError;

use super::{BRIDGE, Bridged, GHOST, GHOST_QUERY, registration};

/// What the events say, in a word each.
fn words(events: &[Value]) -> Vec<String> {
    let word = |event: &Value| {
        let content = &event["content"];
        content["membership"]
            .as_str()
            .or(content["body"].as_str())
            .unwrap_or(event["type"].as_str().unwrap())
            .to_owned()
    };
    events.iter().map(word).collect()
}

#[tokio::test]
async fn events_of_its_users_come_in_order_from_the_invite_to_the_leave() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let elsewhere = bridged.make_room(&alice, json!({})).await?;
    let room = bridged.shared_room(&alice).await?;
    for number in 0..5 {
        bridged.say(&alice, &room, &format!("{number}"), "").await?;
        bridged.say(&alice, &elsewhere, &format!("unheard{number}"), "").await?;
    }
    bridged.say(BRIDGE, &room, "own", GHOST_QUERY).await?;
    bridged.bridge_post(&format!("rooms/{room}/leave?{GHOST_QUERY}"), json!({})).await?.ok()?;
    bridged.say(&alice, &room, "alone", "").await?;
    bridged.bridge.gets("events", |event| event["content"]["membership"] == "leave").await;
    let events = bridged.bridge.sent("events");
    assert_eq!(words(&events), ["invite", "join", "0", "1", "2", "3", "4", "own", "leave"]);
    let join = &events[1];
    assert_eq!((&join["state_key"], &join["sender"], &join["room_id"]), (&json!(GHOST), &json!(GHOST), &json!(room)));
    assert_eq!(join["unsigned"]["prev_content"]["membership"], "invite");
    Ok(())
}

#[tokio::test]
async fn a_transaction_is_repeated_unchanged_until_it_is_taken_and_nothing_overtakes_it() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    bridged.bridge.gets("events", |event| event["content"]["membership"] == "join").await;
    let before = bridged.bridge.seen().len();
    bridged.bridge.will(500, json!({ "errcode": "M_UNKNOWN", "error": "down" }));
    bridged.bridge.will_fail(SendError::Unreachable("gone".to_owned()));
    bridged.say(&alice, &room, "first", "").await?;
    bridged.bridge.until(|bridge| (bridge.seen().len() > before).then_some(())).await;
    bridged.say(&alice, &room, "second", "").await?;
    bridged.bridge.gets("events", |event| event["content"]["body"] == "second").await;
    let seen = bridged.bridge.seen().split_off(before);
    let told: Vec<_> = seen.iter().map(|seen| words(seen.body["events"].as_array().unwrap())).collect();
    assert_eq!(told, [["first"], ["first"], ["first"], ["second"]]);
    assert!(seen[0].path == seen[1].path && seen[1].path == seen[2].path && seen[2].path != seen[3].path);
    assert_eq!(seen[0].body, seen[2].body);
    Ok(())
}

#[tokio::test]
async fn what_was_under_way_goes_on_under_its_own_id_after_a_stop() -> anyhow::Result<()> {
    let mut bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    bridged.bridge.gets("events", |event| event["content"]["membership"] == "join").await;
    let before = bridged.bridge.seen().len();
    bridged.bridge.will_fail(SendError::Timeout);
    bridged.say(&alice, &room, "first", "").await?;
    bridged.bridge.until(|bridge| (bridge.seen().len() > before).then_some(())).await;
    bridged.stop.cancel();
    bridged.say(&alice, &room, "second", "").await?;
    bridged.stop = tokio_util::sync::CancellationToken::new();
    bridged.send();
    bridged.bridge.gets("events", |event| event["content"]["body"] == "second").await;
    let seen = bridged.bridge.seen().split_off(before);
    assert_eq!((&seen[0].path, &seen[0].body), (&seen[1].path, &seen[1].body));
    assert_eq!(words(seen[2].body["events"].as_array().unwrap()), ["second"]);
    Ok(())
}

#[tokio::test]
async fn many_events_go_in_bounded_transactions() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    bridged.bridge.gets("events", |event| event["content"]["membership"] == "join").await;
    // The first fails again and again, seven seconds long: the others gather behind it.
    for _ in 0..3 {
        bridged.bridge.will_fail(SendError::Timeout);
    }
    for number in 0..150 {
        bridged.say(&alice, &room, &format!("{number}"), "").await?;
    }
    bridged.bridge.gets("events", |event| event["content"]["body"] == "149").await;
    let sizes: Vec<_> =
        bridged.bridge.seen().iter().filter_map(|seen| Some(seen.body["events"].as_array()?.len())).collect();
    assert!(sizes.contains(&100), "{sizes:?}");
    Ok(())
}

#[tokio::test]
async fn a_room_concerns_a_service_by_its_alias_or_its_id_too() -> anyhow::Result<()> {
    let namespaces = registration("").replace("aliases:", "rooms: [{ exclusive: false, regex: \"!\" }]\n  aliases:");
    let bridged = Bridged::with(&namespaces, false).await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.make_room(&alice, json!({ "name": "Any" })).await?;
    bridged.bridge.gets("events", |event| event["room_id"] == room && event["type"] == "m.room.create").await;

    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.make_room(BRIDGE, json!({ "room_alias_name": "_irc_tea", "preset": "public_chat" })).await?;
    let join = format!("/_matrix/client/v3/join/{room}");
    bridged.server.post(&alice, &join, json!({})).await?.ok()?;
    bridged.bridge_post(&format!("rooms/{room}/leave"), json!({})).await?.ok()?;
    bridged.say(&alice, &room, "named", "").await?;
    bridged.bridge.gets("events", |event| event["content"]["body"] == "named").await;
    Ok(())
}

#[tokio::test]
async fn a_service_of_earlier_drafts_is_reached_at_the_old_path() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    bridged.bridge.will(404, json!("Cannot PUT"));
    bridged.shared_room(&alice).await?;
    bridged.bridge.gets("events", |event| event["content"]["membership"] == "join").await;
    let seen = bridged.bridge.seen();
    assert_eq!(seen[0].path.replace("/_matrix/app/v1", ""), seen[1].path);
    assert_eq!(seen[0].body, seen[1].body);
    Ok(())
}

#[tokio::test]
async fn a_service_without_url_is_sent_nothing() -> anyhow::Result<()> {
    let bridged = Bridged::with(&registration("").replace(super::URL, "null"), false).await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    bridged.say(&alice, &room, "unheard", "").await?;
    assert!(bridged.bridge.seen().is_empty());
    Ok(())
}
