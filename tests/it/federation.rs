//! Servers that federate over HTTPS: each its own address, key and certificate.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Network, RoomBuilder, TestServer, TestUser};

struct Two {
    one: TestServer,
    two: TestServer,
    alice: TestUser,
    bob: TestUser,
    _network: Network,
}

async fn two() -> Result<Two> {
    let network = Network::new()?;
    let (one, two) = (network.server()?.start().await?, network.server()?.start().await?);
    let (alice, bob) = (TestUser::register(&one, "alice").await?, TestUser::register(&two, "bob").await?);
    Ok(Two { one, two, alice, bob, _network: network })
}

#[tokio::test]
async fn an_invite_crosses_and_two_servers_talk() -> Result<()> {
    let Two { alice, bob, one, .. } = &two().await?;
    let mut bobs_view = bob.follow().await?;
    let room = RoomBuilder::of(alice).named("Tea").direct().inviting(bob).make().await?;
    let stripped = bobs_view.is_invited(&room).await?;
    assert!(stripped.iter().any(|e| e["type"] == "m.room.name"), "{stripped:?}");
    let mut alices_view = alice.follow().await?;
    bob.join(&room, &[one.name()]).await?;
    alices_view.sees(&room, bob, "join").await?;
    alice.say(&room, "hello over there").await?;
    bobs_view.hears(&room, "hello over there").await?;
    bob.say(&room, "hello yourself").await?;
    alices_view.hears(&room, "hello yourself").await?;
    let members = bob.get(&["rooms", &room, "joined_members"]).await?.ok()?;
    assert_eq!(members["joined"].as_object().map(serde_json::Map::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn an_invite_is_declined_and_the_inviter_sees_it() -> Result<()> {
    let Two { alice, bob, .. } = &two().await?;
    let mut bobs_view = bob.follow().await?;
    let room = RoomBuilder::of(alice).inviting(bob).make().await?;
    bobs_view.is_invited(&room).await?;
    let mut alices_view = alice.follow().await?;
    bob.leave(&room).await?;
    alices_view.sees(&room, bob, "leave").await?;
    Ok(())
}

#[tokio::test]
async fn who_leaves_and_comes_back_hears_again() -> Result<()> {
    let Two { alice, bob, one, .. } = &two().await?;
    let room = RoomBuilder::of(alice).public().make().await?;
    let mut alices_view = alice.follow().await?;
    bob.join(&room, &[one.name()]).await?;
    alices_view.sees(&room, bob, "join").await?;
    bob.leave(&room).await?;
    alices_view.sees(&room, bob, "leave").await?;
    alice.say(&room, "while you were away").await?;
    bob.join(&room, &[one.name()]).await?;
    let mut bobs_view = bob.follow().await?;
    alices_view.sees(&room, bob, "join").await?;
    alice.say(&room, "welcome back").await?;
    bobs_view.hears(&room, "welcome back").await?;
    bob.say(&room, "thank you").await?;
    alices_view.hears(&room, "thank you").await?;
    Ok(())
}

#[tokio::test]
async fn history_from_before_the_join_is_fetched_from_the_other() -> Result<()> {
    let Two { alice, bob, one, .. } = &two().await?;
    let room = RoomBuilder::of(alice).public().make().await?;
    for n in 0..30 {
        alice.say(&room, &format!("old {n}")).await?;
    }
    bob.join(&room, &[one.name()]).await?;
    let mut seen = Vec::new();
    for limit in [20, 60, 100] {
        seen = bob.history(&room, limit).await?;
    }
    let old = seen.iter().filter(|e| e["content"]["body"].as_str().is_some_and(|b| b.starts_with("old "))).count();
    assert_eq!(old, 30, "{} events", seen.len());
    Ok(())
}

#[tokio::test]
async fn an_alias_a_profile_and_the_room_list_are_asked_across() -> Result<()> {
    let Two { alice, bob, one, .. } = &two().await?;
    alice.put(&["profile", &alice.user_id, "displayname"], json!({ "displayname": "Alice" })).await?.ok()?;
    assert_eq!(bob.get(&["profile", &alice.user_id]).await?.ok()?["displayname"], "Alice");
    let room = RoomBuilder::of(alice).public().with("room_alias_name", json!("tea")).make().await?;
    let alias = format!("#tea:{}", one.name());
    let found = bob.get(&["directory", "room", &alias]).await?.ok()?;
    assert_eq!(found["room_id"], json!(room));
    bob.join(&alias, &[]).await?;
    let none = format!("#none:{}", one.name());
    bob.get(&["directory", "room", &none]).await?.refused(404, "M_NOT_FOUND")?;
    Ok(())
}

#[tokio::test]
async fn typing_receipts_and_device_lists_cross() -> Result<()> {
    let Two { alice, bob, one, .. } = &two().await?;
    let room = RoomBuilder::of(alice).public().make().await?;
    let mut alices_view = alice.follow().await?;
    bob.join(&room, &[one.name()]).await?;
    alices_view.sees(&room, bob, "join").await?;
    let mut bobs_view = bob.follow().await?;
    let id = alice.say(&room, "read me").await?;
    bobs_view.hears(&room, "read me").await?;
    let ephemeral = |sync: &Value, kind: &str| -> Option<Value> {
        let events = sync.get("rooms")?.get("join")?.get(&room)?.pointer("/ephemeral/events")?.as_array()?;
        events.iter().find(|e| e["type"] == kind).cloned()
    };
    bob.put(&["rooms", &room, "typing", &bob.user_id], json!({ "typing": true, "timeout": 20000 })).await?.ok()?;
    let typing = alices_view.until("typing", |sync| ephemeral(sync, "m.typing")).await?;
    assert_eq!(typing["content"]["user_ids"], json!([bob.user_id]));
    bob.get(&["rooms", &room, "event", &id]).await?.ok()?;
    bob.post(&["rooms", &room, "receipt", "m.read", &id], json!({})).await?.ok()?;
    alices_view.until("a receipt", |sync| ephemeral(sync, "m.receipt")?["content"].get(&id).cloned()).await?;
    let keys = json!({ "device_keys": { &bob.user_id: [] } });
    alice.post(&["keys", "query"], keys).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn three_servers_share_a_room() -> Result<()> {
    let network = Network::new()?;
    let servers =
        [network.server()?.start().await?, network.server()?.start().await?, network.server()?.start().await?];
    let [one, two, three] = &servers;
    let (alice, bob, carol) = (
        TestUser::register(one, "alice").await?,
        TestUser::register(two, "bob").await?,
        TestUser::register(three, "carol").await?,
    );
    let room = RoomBuilder::of(&alice).inviting(&bob).inviting(&carol).make().await?;
    let mut views = [alice.follow().await?, bob.follow().await?, carol.follow().await?];
    bob.join(&room, &[one.name()]).await?;
    // Carol's server asks Bob's, which is in the room only as a guest of Alice's.
    carol.join(&room, &[two.name()]).await?;
    let [first, second, _] = &mut views;
    first.sees(&room, &carol, "join").await?;
    second.sees(&room, &carol, "join").await?;
    for speaker in [&alice, &bob, &carol] {
        let words = format!("{} speaks", speaker.user_id);
        speaker.say(&room, &words).await?;
        for view in &mut views {
            view.hears(&room, &words).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_two_servers_say_at_once_ends_in_one_state() -> Result<()> {
    let Two { alice, bob, one, .. } = &two().await?;
    let room = RoomBuilder::of(alice)
        .public()
        .with("power_level_content_override", json!({ "state_default": 0 }))
        .make()
        .await?;
    let mut alices_view = alice.follow().await?;
    bob.join(&room, &[one.name()]).await?;
    alices_view.sees(&room, bob, "join").await?;
    for n in 0..5 {
        let (a, b) = (json!({ "topic": format!("alice {n}") }), json!({ "topic": format!("bob {n}") }));
        let (a, b) =
            tokio::join!(alice.set_state(&room, "m.room.topic", "", a), bob.set_state(&room, "m.room.topic", "", b));
        a?;
        b?;
    }
    let mut bobs_view = bob.follow().await?;
    alice.say(&room, "settled?").await?;
    bobs_view.hears(&room, "settled?").await?;
    bob.say(&room, "settled").await?;
    alices_view.hears(&room, "settled").await?;
    let topic = alice.state(&room, "m.room.topic", "").await?.ok()?;
    assert_eq!(topic, bob.state(&room, "m.room.topic", "").await?.ok()?);
    topic["topic"].as_str().context("a topic").map(drop)
}

#[tokio::test]
async fn media_of_the_other_server_is_fetched() -> Result<()> {
    let Two { alice, bob, .. } = &two().await?;
    let http = reqwest::Client::new();
    let words = b"some bytes of a file".to_vec();
    let url = alice.base.join("/_matrix/media/v3/upload?filename=a.txt")?;
    let sent = http
        .post(url)
        .bearer_auth(&alice.access_token)
        .header("content-type", "text/plain")
        .body(words.clone())
        .send()
        .await?;
    let answer: Value = serde_json::from_slice(&sent.bytes().await?)?;
    let mxc =
        answer["content_uri"].as_str().and_then(|uri| uri.strip_prefix("mxc://")).context("an mxc address")?.to_owned();
    let url = bob.base.join(&format!("/_matrix/client/v1/media/download/{mxc}"))?;
    let got = http.get(url).bearer_auth(&bob.access_token).send().await?;
    assert_eq!(got.status(), 200);
    assert_eq!(got.bytes().await?, words);
    Ok(())
}

#[tokio::test]
async fn a_private_room_of_another_server_stays_closed() -> Result<()> {
    let Two { alice, bob, one, two, .. } = &two().await?;
    let room = RoomBuilder::of(alice).make().await?;
    let refused = bob.post(&["join", &room], json!({ "via": [one.name()] })).await?;
    assert!(refused.status == 403 || refused.status == 404, "{refused:?}");
    assert_ne!(one.name(), two.name());
    Ok(())
}
