//! Receipts, markers, presence and tags: what is no such thing is refused, and nothing of it is kept.

use serde_json::json;

use super::homes::Home;
use crate::testing::FakeNetwork;

#[tokio::test]
async fn what_is_not_in_the_room_is_not_read_there() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let other = alice.make_room(json!({})).await?;
    bob.join(&room, "one.example").await?;
    let content = json!({"msgtype": "m.text", "body": "x"});
    let here = alice.put(&format!("v3/rooms/{room}/send/m.room.message/1"), content.clone()).await?;
    let there = alice.put(&format!("v3/rooms/{other}/send/m.room.message/2"), content).await?;
    let (here, there) = (here["event_id"].as_str().unwrap(), there["event_id"].as_str().unwrap());
    let unknown = (404, "M_NOT_FOUND".to_owned());
    for event_id in [there, "$nothing"] {
        for kind in ["m.read", "m.read.private", "m.fully_read"] {
            let path = format!("v3/rooms/{room}/receipt/{kind}/{event_id}");
            assert_eq!(bob.refused_post(&path, json!({})).await?, unknown, "{kind} {event_id}");
        }
        let markers = json!({"m.fully_read": here, "m.read": event_id});
        assert_eq!(bob.refused_post(&format!("v3/rooms/{room}/read_markers"), markers).await?, unknown);
    }
    let own = format!("v3/user/{}/rooms/{room}/account_data/m.fully_read", bob.user_id);
    assert_eq!(bob.refused_get(&own).await?, unknown, "nothing was written before the rest was checked");
    let thread = json!({"thread_id": "$no-thread"});
    let threaded = bob.refused_post(&format!("v3/rooms/{room}/receipt/m.read/{here}"), thread).await?;
    assert_eq!(threaded, (400, "M_INVALID_PARAM".to_owned()));
    let ephemeral = alice.sync().await?["rooms"]["join"][&room]["ephemeral"].clone();
    assert!(!ephemeral.to_string().contains("m.receipt"), "{ephemeral}");
    bob.post(&format!("v3/rooms/{room}/read_markers"), json!({"m.fully_read": here, "m.read": here})).await?;
    assert_eq!(bob.get(&own).await?["event_id"], *here);
    Ok(())
}

#[tokio::test]
async fn of_two_receipts_on_one_event_sliding_sync_tells_the_one_that_covers_both() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    let content = json!({"msgtype": "m.text", "body": "x"});
    let said = alice.put(&format!("v3/rooms/{room}/send/m.room.message/1"), content).await?;
    let said = said["event_id"].as_str().unwrap();
    let receipt = format!("v3/rooms/{room}/receipt/m.read/{said}");
    bob.post(&receipt, json!({"thread_id": "main"})).await?;
    bob.post(&receipt, json!({})).await?;
    let body = json!({
        "lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 5, "required_state": []}},
        "extensions": {"receipts": {"enabled": true}},
    });
    let sync = alice.post("unstable/org.matrix.simplified_msc3575/sync?timeout=0", body).await?;
    let told = &sync["extensions"]["receipts"]["rooms"][&room]["content"][said]["m.read"][&bob.user_id];
    assert!(told["ts"].is_i64() && told["thread_id"].is_null(), "{sync}");
    Ok(())
}

#[tokio::test]
async fn presence_has_three_words_and_typing_ends_by_itself() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let room = alice.make_room(json!({})).await?;
    let bad = (400, "M_INVALID_PARAM".to_owned());
    let status = format!("v3/presence/{}/status", alice.user_id);
    assert_eq!(alice.refused_put(&status, json!({"presence": "foo"})).await?, bad);
    assert_eq!(alice.refused_get("v3/sync?set_presence=foo").await?, bad);
    alice.put(&status, json!({"presence": "unavailable"})).await?;
    alice.put(&format!("v3/profile/{}/displayname", alice.user_id), json!({"displayname": "Alice"})).await?;
    let presence = alice.get("v3/sync?set_presence=unavailable").await?["presence"]["events"][0]["content"].clone();
    assert_eq!((&presence["displayname"], &presence["presence"]), (&json!("Alice"), &json!("unavailable")));
    let typing = format!("v3/rooms/{room}/typing/{}", alice.user_id);
    alice.put(&typing, json!({"typing": true})).await?;
    alice.put(&typing, json!({"typing": false})).await?;
    assert_eq!(alice.refused_put(&typing, json!({})).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn tags_written_as_account_data_break_nothing() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let room = alice.make_room(json!({})).await?;
    let data = format!("v3/user/{}/rooms/{room}/account_data/m.tag", alice.user_id);
    alice.put(&data, json!({"tags": {"u.bad": "x", "u.good": {"order": 0.5}}})).await?;
    let tags = alice.get(&format!("v3/user/{}/rooms/{room}/tags", alice.user_id)).await?;
    assert_eq!(tags, json!({"tags": {"u.good": {"order": 0.5}}}));
    Ok(())
}
