//! Rooms on one server, seen through /v3/sync and the room endpoints.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use tests::{RoomBuilder, TestServer, TestUser, sync::timeline};

async fn two_in_a_room() -> Result<(TestServer, TestUser, TestUser, String)> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let bob = TestUser::register(&server, "bob").await?;
    let room = RoomBuilder::of(&alice).inviting(&bob).make().await?;
    bob.join(&room, &[]).await?;
    Ok((server, alice, bob, room))
}

#[tokio::test]
async fn an_invite_is_seen_accepted_and_two_people_talk() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let bob = TestUser::register(&server, "bob").await?;
    let mut bobs_view = bob.follow().await?;
    let room = RoomBuilder::of(&alice).named("Tea").direct().inviting(&bob).make().await?;
    let stripped = bobs_view.is_invited(&room).await?;
    assert!(stripped.iter().any(|e| e["type"] == "m.room.name" && e["content"]["name"] == "Tea"), "{stripped:?}");
    assert!(stripped.iter().any(|e| e["type"] == "m.room.create"), "{stripped:?}");

    let mut alices_view = alice.follow().await?;
    bob.join(&room, &[]).await?;
    alices_view.sees(&room, &bob, "join").await?;
    let id = alice.say(&room, "hello Bob").await?;
    let heard = bobs_view.hears(&room, "hello Bob").await?;
    assert_eq!((&heard["event_id"], &heard["sender"]), (&json!(id), &json!(alice.user_id)));
    bob.say(&room, "hello Alice").await?;
    alices_view.hears(&room, "hello Alice").await?;
    Ok(())
}

#[tokio::test]
async fn a_room_has_the_default_version_and_the_older_ones_on_request() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).make().await?;
    assert!(!room.contains(':'), "a room of version 12 is named by its hash: {room}");
    for version in ["6", "7", "8", "9", "10", "11"] {
        let room = RoomBuilder::of(&alice).version(version).make().await?;
        assert!(room.ends_with(":hearth.test"), "{room}");
        let create = alice.state(&room, "m.room.create", "").await?.ok()?;
        assert_eq!(create["room_version"], version);
        alice.say(&room, "in an older room").await?;
    }
    let refused = alice.post(&["createRoom"], json!({ "room_version": "99" })).await?;
    refused.refused(400, "M_UNSUPPORTED_ROOM_VERSION")?;
    Ok(())
}

#[tokio::test]
async fn a_transaction_sent_twice_is_one_event() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    let path = ["rooms", &room, "send", "m.room.message", "same"];
    let body = json!({ "msgtype": "m.text", "body": "once" });
    let first = alice.put(&path, body.clone()).await?.ok()?;
    let second = alice.put(&path, body).await?.ok()?;
    assert_eq!(first["event_id"], second["event_id"]);
    let heard = bob.history(&room, 20).await?;
    assert_eq!(heard.iter().filter(|e| e["content"]["body"] == "once").count(), 1);
    Ok(())
}

#[tokio::test]
async fn the_sender_finds_the_transaction_id_and_others_do_not() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    let (mut alices, mut bobs) = (alice.follow().await?, bob.follow().await?);
    alice
        .put(&["rooms", &room, "send", "m.room.message", "txn7"], json!({ "msgtype": "m.text", "body": "mine" }))
        .await?
        .ok()?;
    assert_eq!(alices.hears(&room, "mine").await?["unsigned"]["transaction_id"], "txn7");
    assert_eq!(bobs.hears(&room, "mine").await?["unsigned"].get("transaction_id"), None);
    Ok(())
}

#[tokio::test]
async fn pages_of_history_join_without_gap_or_double() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    for n in 0..25 {
        alice.say(&room, &format!("message {n}")).await?;
    }
    let (mut bodies, mut from) = (Vec::new(), None::<String>);
    loop {
        let mut path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=7").replace('!', "%21");
        if let Some(from) = &from {
            path = format!("{path}&from={from}");
        }
        let page = bob.ask(Method::GET, &path, None).await?.ok()?;
        let chunk = page["chunk"].as_array().context("a chunk")?;
        bodies.extend(chunk.iter().filter_map(|e| e.pointer("/content/body")?.as_str().map(str::to_owned)));
        match page.get("end").and_then(Value::as_str) {
            Some(end) if !chunk.is_empty() => from = Some(end.to_owned()),
            _ => break,
        }
    }
    let wanted: Vec<String> = (0..25).rev().map(|n| format!("message {n}")).collect();
    assert_eq!(bodies, wanted);
    Ok(())
}

#[tokio::test]
async fn a_redaction_takes_the_words_away() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    let id = alice.say(&room, "take this back").await?;
    let mut view = bob.follow().await?;
    alice.put(&["rooms", &room, "redact", &id, "r1"], json!({ "reason": "typo" })).await?.ok()?;
    view.until("the redaction", |sync| timeline(sync, &room).into_iter().find(|e| e["type"] == "m.room.redaction"))
        .await?;
    let event = bob.get(&["rooms", &room, "event", &id]).await?.ok()?;
    assert_eq!(event["content"], json!({}));
    assert_eq!(event["unsigned"]["redacted_because"]["content"]["reason"], "typo");
    Ok(())
}

#[tokio::test]
async fn power_decides_who_may_kick_ban_and_set_the_name() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    let name = ["rooms", &room, "state", "m.room.name", ""];
    bob.put(&name, json!({ "name": "mine" })).await?.refused(403, "M_FORBIDDEN")?;
    alice.put(&name, json!({ "name": "ours" })).await?.ok()?;
    assert_eq!(bob.state(&room, "m.room.name", "").await?.ok()?["name"], "ours");
    bob.post(&["rooms", &room, "kick"], json!({ "user_id": alice.user_id })).await?.refused(403, "M_FORBIDDEN")?;
    alice.post(&["rooms", &room, "ban"], json!({ "user_id": bob.user_id, "reason": "noise" })).await?.ok()?;
    bob.post(&["join", &room], json!({})).await?.refused(403, "M_FORBIDDEN")?;
    bob.put(&["rooms", &room, "send", "m.room.message", "x"], json!({ "body": "x", "msgtype": "m.text" }))
        .await?
        .refused(403, "M_FORBIDDEN")?;
    alice.post(&["rooms", &room, "unban"], json!({ "user_id": bob.user_id })).await?.ok()?;
    alice.invite(&room, &bob).await?;
    bob.join(&room, &[]).await
}

#[tokio::test]
async fn typing_and_receipts_are_seen_by_the_other() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    let id = alice.say(&room, "read me").await?;
    let mut view = alice.follow().await?;
    bob.put(&["rooms", &room, "typing", &bob.user_id], json!({ "typing": true, "timeout": 20000 })).await?.ok()?;
    let ephemeral = |sync: &Value, kind: &str| -> Option<Value> {
        let events = sync.get("rooms")?.get("join")?.get(&room)?.pointer("/ephemeral/events")?.as_array()?;
        events.iter().find(|e| e["type"] == kind).cloned()
    };
    let typing = view.until("typing", |sync| ephemeral(sync, "m.typing")).await?;
    assert_eq!(typing["content"]["user_ids"], json!([bob.user_id]));
    bob.post(&["rooms", &room, "receipt", "m.read", &id], json!({})).await?.ok()?;
    let receipt = view.until("a receipt", |sync| ephemeral(sync, "m.receipt")).await?;
    assert!(receipt["content"][&id]["m.read"].get(&bob.user_id).is_some(), "{receipt}");
    Ok(())
}

#[tokio::test]
async fn unread_counts_rise_and_a_receipt_clears_them() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    let mut view = bob.follow().await?;
    let id = alice.say(&room, "ping bob").await?;
    let count = |sync: &Value| {
        sync.get("rooms")?.get("join")?.get(&room)?.pointer("/unread_notifications/notification_count")?.as_u64()
    };
    view.until("one unread", |sync| count(sync).filter(|n| *n == 1)).await?;
    bob.post(&["rooms", &room, "receipt", "m.read", &id], json!({})).await?.ok()?;
    view.until("none unread", |sync| count(sync).filter(|n| *n == 0)).await?;
    Ok(())
}

#[tokio::test]
async fn members_and_state_are_for_members() -> Result<()> {
    let (server, alice, bob, room) = two_in_a_room().await?;
    let joined = bob.get(&["rooms", &room, "joined_members"]).await?.ok()?;
    assert_eq!(joined["joined"].as_object().map(serde_json::Map::len), Some(2));
    let members = alice.get(&["rooms", &room, "members"]).await?.ok()?;
    assert_eq!(members["chunk"].as_array().map(Vec::len), Some(2));
    let carol = TestUser::register(&server, "carol").await?;
    for path in [["rooms", &room, "members"], ["rooms", &room, "state"], ["rooms", &room, "joined_members"]] {
        carol.get(&path).await?.refused(403, "M_FORBIDDEN")?;
    }
    Ok(())
}

#[tokio::test]
async fn who_left_sees_nothing_new() -> Result<()> {
    let (_server, alice, bob, room) = two_in_a_room().await?;
    alice.say(&room, "before").await?;
    bob.leave(&room).await?;
    alice.say(&room, "after").await?;
    let bodies: Vec<Value> = bob.history(&room, 50).await?.iter().map(|e| e["content"]["body"].clone()).collect();
    assert!(bodies.contains(&json!("before")) && !bodies.contains(&json!("after")), "{bodies:?}");
    assert_eq!(bob.get(&["joined_rooms"]).await?.ok()?, json!({ "joined_rooms": [] }));
    Ok(())
}

#[tokio::test]
async fn a_picture_goes_up_and_comes_down_only_to_users() -> Result<()> {
    let (server, alice, bob, _room) = two_in_a_room().await?;
    let words = b"GIF89a not really".to_vec();
    let url = alice.base.join("/_matrix/media/v3/upload?filename=a.gif")?;
    let http = reqwest::Client::new();
    let sent = http
        .post(url)
        .bearer_auth(&alice.access_token)
        .header("content-type", "image/gif")
        .body(words.clone())
        .send()
        .await?;
    let answer: Value = serde_json::from_slice(&sent.bytes().await?)?;
    let mxc =
        answer["content_uri"].as_str().and_then(|uri| uri.strip_prefix("mxc://")).context("an mxc address")?.to_owned();
    let url = bob.base.join(&format!("/_matrix/client/v1/media/download/{mxc}"))?;
    let got = http.get(url.clone()).bearer_auth(&bob.access_token).send().await?;
    assert_eq!(got.headers().get("content-type").map(|v| v.as_bytes()), Some(b"image/gif".as_slice()));
    assert_eq!(got.bytes().await?, words);
    assert_eq!(http.get(url).send().await?.status(), 401);
    drop(server);
    Ok(())
}
