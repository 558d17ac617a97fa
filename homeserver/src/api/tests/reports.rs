//! Reports, and the rooms that two users share.

use serde_json::json;

use super::homes::Home;
use crate::{config::Config, testing::FakeNetwork};

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
async fn reports_are_slowed_down() -> anyhow::Result<()> {
    let server = crate::api::testing::Server::with(Config::default()).await?;
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
