//! MSC4186 sliding sync, as the SDK's room list asks for it.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use tests::{RoomBuilder, TestServer, TestUser};

const PATH: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";

async fn ask(user: &TestUser, pos: Option<&str>, timeout: u64, body: &Value) -> Result<Value> {
    let pos = pos.map(|pos| format!("&pos={pos}")).unwrap_or_default();
    user.ask(Method::POST, &format!("{PATH}?timeout={timeout}{pos}"), Some(body)).await?.ok()
}

fn list(end: u64) -> Value {
    json!({
        "conn_id": "room-list",
        "lists": { "all": { "ranges": [[0, end]], "timeline_limit": 1, "required_state": [["m.room.name", ""]] } },
        "extensions": { "account_data": { "enabled": true }, "to_device": { "enabled": true }, "e2ee": { "enabled": true } },
    })
}

fn pos(answer: &Value) -> Result<&str> {
    answer["pos"].as_str().context("a position")
}

#[tokio::test]
async fn the_list_shows_the_newest_rooms_and_then_only_what_changed() -> Result<()> {
    let server = TestServer::start().await?;
    let (alice, bob) = (TestUser::register(&server, "alice").await?, TestUser::register(&server, "bob").await?);
    let mut rooms = Vec::new();
    for n in 0..5 {
        let room = RoomBuilder::of(&alice).named(&format!("Room {n}")).inviting(&bob).make().await?;
        bob.join(&room, &[]).await?;
        rooms.push(room);
    }
    let first = ask(&bob, None, 0, &list(2)).await?;
    assert_eq!(first["lists"]["all"]["count"], 5);
    let shown = first["rooms"].as_object().context("rooms")?;
    assert_eq!(shown.len(), 3, "{first}");
    let newest = rooms.last().context("five rooms")?;
    assert_eq!(shown.get(newest).context("the newest room")?["name"], "Room 4");
    assert_eq!(shown.get(newest).context("the newest room")?["initial"], true);

    let quiet = ask(&bob, Some(pos(&first)?), 0, &list(2)).await?;
    assert_eq!(quiet["rooms"].as_object().map_or(0, serde_json::Map::len), 0, "{quiet}");
    let oldest = rooms.first().context("five rooms")?;
    let words = alice.say(oldest, "to the top").await?;
    let moved = ask(&bob, Some(pos(&quiet)?), 5000, &list(2)).await?;
    let room = moved["rooms"].get(oldest).context("the room that moved")?;
    let timeline = room["timeline"].as_array().context("a timeline")?;
    assert_eq!(timeline.last().map(|e| &e["event_id"]), Some(&json!(words)), "{moved}");
    Ok(())
}

#[tokio::test]
async fn a_waiting_request_is_woken_and_an_old_position_is_refused() -> Result<()> {
    let server = TestServer::start().await?;
    let (alice, bob) = (TestUser::register(&server, "alice").await?, TestUser::register(&server, "bob").await?);
    let room = RoomBuilder::of(&alice).inviting(&bob).make().await?;
    bob.join(&room, &[]).await?;
    let first = ask(&bob, None, 0, &list(9)).await?;
    let body = list(9);
    let waiting = ask(&bob, Some(pos(&first)?), 20_000, &body);
    let (woken, sent) = tokio::join!(waiting, alice.say(&room, "wake up"));
    sent?;
    assert!(woken?["rooms"].get(&room).is_some());
    let refused = bob.ask(Method::POST, &format!("{PATH}?pos=999999"), Some(&list(9))).await?;
    refused.refused(400, "M_UNKNOWN_POS")?;
    Ok(())
}

#[tokio::test]
async fn a_subscription_and_a_second_connection_stand_apart() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).make().await?;
    for n in 0..10 {
        alice.say(&room, &format!("message {n}")).await?;
    }
    let open = json!({
        "conn_id": "room",
        "room_subscriptions": { &room: { "timeline_limit": 5, "required_state": [["m.room.create", ""]] } },
    });
    let opened = ask(&alice, None, 0, &open).await?;
    let timeline = opened["rooms"][&room]["timeline"].as_array().context("a timeline")?;
    let bodies: Vec<&str> = timeline.iter().filter_map(|e| e.pointer("/content/body")?.as_str()).collect();
    assert_eq!(bodies, ["message 5", "message 6", "message 7", "message 8", "message 9"]);
    assert_eq!(opened["rooms"][&room]["required_state"].as_array().map(Vec::len), Some(1));
    let listed = ask(&alice, None, 0, &list(9)).await?;
    assert_eq!(listed["rooms"][&room]["initial"], true, "the list's connection has not seen it");
    Ok(())
}
