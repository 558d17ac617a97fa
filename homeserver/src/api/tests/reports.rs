//! Reports, and the rooms that two users share.

use serde_json::json;

use super::homes::Home;
use crate::{api::testing::Server, config::Config, testing::FakeNetwork};

#[tokio::test]
async fn rooms_users_and_events_are_reported() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let sent = alice
        .put(&format!("v3/rooms/{room}/send/m.room.message/1"), json!({"msgtype": "m.text", "body": "bad"}))
        .await?;
    let event = sent["event_id"].as_str().unwrap();
    let lost = (404, "M_NOT_FOUND".to_owned());
    // Of events only who is in the room reports.
    let path = format!("v3/rooms/{room}/report/{event}");
    assert_eq!(bob.refused_post(&path, json!({"reason": "sad"})).await?, lost);
    assert_eq!(bob.post(&format!("v3/rooms/{room}/report"), json!({"reason": "sad"})).await?, json!({}));
    assert_eq!(bob.post(&format!("v3/users/{}/report", alice.user_id), json!({"reason": ""})).await?, json!({}));
    bob.join(&room, "one.example").await?;
    assert_eq!(bob.post(&path, json!({})).await?, json!({}));
    assert_eq!(bob.post(&path, json!({"reason": "sad", "score": -100})).await?, json!({}));

    let other = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&other, "one.example").await?;
    assert_eq!(bob.refused_post(&format!("v3/rooms/{other}/report/{event}"), json!({})).await?, lost);
    assert_eq!(bob.refused_post("v3/rooms/!nowhere:one.example/report", json!({"reason": ""})).await?, lost);
    assert_eq!(bob.refused_post("v3/users/@nobody:one.example/report", json!({"reason": ""})).await?, lost);
    let missing = (400, "M_MISSING_PARAM".to_owned());
    assert_eq!(bob.refused_post(&format!("v3/users/{}/report", alice.user_id), json!({})).await?, missing);
    let long = json!({"reason": "x".repeat(5000)});
    assert_eq!(bob.refused_post(&path, long).await?, (400, "M_INVALID_PARAM".to_owned()));
    assert_eq!(bob.refused_post(&path, json!({"reason": 1})).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn the_owner_and_administrators_read_reports() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let new = json!({ "name": "root", "password": "secret", "admin": true });
    let root = server.post("", "/_hearth/v1/users", new).await?.ok()?["access_token"].as_str().unwrap().to_owned();
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let wish = json!({"preset": "public_chat", "name": "Square"});
    let made = server.post(&alice, "/_matrix/client/v3/createRoom", wish).await?.ok()?;
    let room = made["room_id"].as_str().unwrap();
    server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
    let mut events = Vec::new();
    for body in ["bad", "worse"] {
        let send = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{body}");
        let sent = server.put(&alice, &send, json!({"msgtype": "m.text", "body": body})).await?.ok()?;
        let event = sent["event_id"].as_str().unwrap().to_owned();
        server.pass(1000);
        let path = format!("/_matrix/client/v3/rooms/{room}/report/{event}");
        server.post(&bob, &path, json!({"reason": format!("it is {body}")})).await?.ok()?;
        events.push(event);
    }
    server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/report"), json!({"reason": "noisy"})).await?.ok()?;
    let alices = "/_matrix/client/v3/users/@alice:one.example/report";
    server.post(&bob, alices, json!({"reason": "rude"})).await?.ok()?;

    let path = "/_synapse/admin/v1/event_reports";
    let first = server.get(&root, &format!("{path}?limit=1")).await?.ok()?;
    assert_eq!((&first["total"], &first["next_token"]), (&json!(2), &json!(1)));
    let report = &first["event_reports"][0];
    assert_eq!((&report["event_id"], &report["room_id"]), (&json!(events[1]), &json!(room)));
    assert_eq!((&report["reason"], &report["name"]), (&json!("it is worse"), &json!("Square")));
    assert_eq!((&report["user_id"], &report["sender"]), (&json!("@bob:one.example"), &json!("@alice:one.example")));
    let second = server.get(&root, &format!("{path}?limit=1&from=1")).await?.ok()?;
    assert_eq!((&second["event_reports"][0]["event_id"], second.get("next_token")), (&json!(events[0]), None));
    let oldest = server.get(&root, &format!("{path}?dir=f&limit=1")).await?.ok()?;
    assert_eq!(oldest["event_reports"][0]["event_id"], *events[0]);
    for (query, total) in
        [("user_id=bob", 2), ("user_id=alice", 0), ("event_sender_user_id=@alice", 2), ("room_id=!no", 0)]
    {
        assert_eq!(server.get(&root, &format!("{path}?{query}")).await?.ok()?["total"], total, "{query}");
    }
    let id = report["id"].as_i64().unwrap();
    let whole = server.get(&root, &format!("{path}/{id}")).await?.ok()?;
    assert_eq!(whole["event_json"]["content"]["body"], "worse");
    server.delete(&root, &format!("{path}/{id}"), json!({})).await?.ok()?;
    assert_eq!(server.delete(&root, &format!("{path}/{id}"), json!({})).await?.errcode(), "M_NOT_FOUND");
    assert_eq!(server.get(&root, &format!("{path}/{id}")).await?.errcode(), "M_NOT_FOUND");
    for wrong in ["x", "-1", "99999999999999999999"] {
        assert_eq!(server.get(&root, &format!("{path}/{wrong}")).await?.errcode(), "M_INVALID_PARAM", "{wrong}");
    }
    assert_eq!(server.get(&root, &format!("{path}?limit=x")).await?.errcode(), "M_INVALID_PARAM");

    let all = server.get("", "/_hearth/v1/reports").await?.ok()?;
    let reasons: Vec<&str> =
        all["reports"].as_array().unwrap().iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, ["rude", "noisy", "it is bad"]);
    assert_eq!(all["reports"][0]["user_id"], "@alice:one.example");
    assert_eq!((all["reports"][0].get("room_id"), &all["reports"][1]["room_id"]), (None, &json!(room)));
    let id = all["reports"][0]["id"].as_i64().unwrap();
    server.delete("", &format!("/_hearth/v1/reports/{id}"), json!({})).await?.ok()?;
    assert_eq!(server.get("", "/_hearth/v1/reports").await?.ok()?["total"], 2);
    Ok(())
}

#[tokio::test]
async fn reports_are_slowed_down() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    let token = server.user("alice").await?;
    let path = "/_matrix/client/v3/users/@nobody:one.example/report";
    let mut last = 404;
    for _ in 0..40 {
        last = server.post(&token, path, json!({"reason": ""})).await?.status.as_u16();
        if last != 404 {
            break;
        }
    }
    assert_eq!(last, 429);
    Ok(())
}

#[tokio::test]
async fn shared_rooms_are_counted_and_paged() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob, carol) = (one.person("alice").await, one.person("bob").await, two.person("carol").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    carol.join(&room, "one.example").await?;
    for (path, other) in [("v1/mutual_rooms", &bob), ("unstable/uk.half-shot.msc2666/user/mutual_rooms", &carol)] {
        alice.sees(&room, &other.user_id, "join").await;
        let shared = alice.get(&format!("{path}?user_id={}", other.user_id)).await?;
        assert_eq!(shared, json!({"joined": [room], "count": 1}));
    }
    let nobody = alice.get("v1/mutual_rooms?user_id=@nobody:nowhere.example").await?;
    assert_eq!(nobody, json!({"joined": [], "count": 0}));
    let bad = (400, "M_INVALID_PARAM".to_owned());
    assert_eq!(alice.refused_get("v1/mutual_rooms").await?, (400, "M_MISSING_PARAM".to_owned()));
    for query in [
        "user_id=@alice:one.example",
        "user_id=nonsense",
        "user_id=@UPPER:one.example",
        "user_id=@bob:one.example&from=x",
    ] {
        assert_eq!(alice.refused_get(&format!("v1/mutual_rooms?{query}")).await?, bad, "{query}");
    }
    for _ in 0..101 {
        let more = alice.make_room(json!({"preset": "public_chat"})).await?;
        bob.join(&more, "one.example").await?;
    }
    let first = alice.get("v1/mutual_rooms?user_id=@bob:one.example").await?;
    assert_eq!((first["joined"].as_array().unwrap().len(), &first["count"]), (100, &json!(102)));
    let from = first["next_batch"].as_str().unwrap();
    let second = alice.get(&format!("v1/mutual_rooms?user_id=@bob:one.example&from={from}")).await?;
    assert_eq!(second["joined"].as_array().unwrap().len(), 2);
    assert!(second["next_batch"].is_null());
    Ok(())
}
