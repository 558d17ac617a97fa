//! Restricted rooms: who comes in, who vouches, here and over federation; forgetting rooms.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

async fn restricted(person: &Person<'_>, rule: &str, space: &str, more: Value) -> anyhow::Result<String> {
    let content = json!({"join_rule": rule, "allow": [{"type": "m.room_membership", "room_id": space}]});
    let mut wish = json!({"initial_state": [{"type": "m.room.join_rules", "content": content}]});
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.make_room(wish).await
}

async fn voucher(person: &Person<'_>, room: &str, user_id: &str) -> anyhow::Result<Value> {
    let member = person.get(&format!("v3/rooms/{room}/state/m.room.member/{user_id}")).await?;
    Ok(member["join_authorised_via_users_server"].clone())
}

#[tokio::test]
async fn members_of_the_allowed_room_come_in_here_and_others_do_not() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let space = alice.make_room(json!({"preset": "public_chat"})).await?;
    for (rule, version) in [("restricted", "8"), ("restricted", "12"), ("knock_restricted", "10")] {
        let room = restricted(&alice, rule, &space, json!({"room_version": version})).await?;
        let path = format!("v3/rooms/{room}/join");
        assert_eq!(bob.refused_post(&path, json!({})).await?, (403, "M_FORBIDDEN".to_owned()));
        bob.join(&space, "one.example").await?;
        bob.post(&path, json!({})).await?;
        assert_eq!(voucher(&alice, &room, &bob.user_id).await?, json!(alice.user_id));
        // What lets in is asked at the join alone.
        bob.post(&format!("v3/rooms/{space}/leave"), json!({})).await?;
        alice.sees(&room, &bob.user_id, "join").await;
        // An invite needs no voucher.
        bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
        assert_eq!(bob.refused_post(&path, json!({})).await?.0, 403);
        alice.post(&format!("v3/rooms/{room}/invite"), json!({"user_id": bob.user_id})).await?;
        bob.post(&path, json!({})).await?;
        assert_eq!(voucher(&alice, &room, &bob.user_id).await?, Value::Null);
    }
    // Without any condition nobody meets one.
    let content =
        json!({"join_rule": "restricted", "allow": [{"type": "org.example.other"}, {"type": "m.room_membership"}]});
    let wish = json!({"initial_state": [{"type": "m.room.join_rules", "content": content}]});
    let room = alice.make_room(wish).await?;
    assert_eq!(bob.refused_post(&format!("v3/rooms/{room}/join"), json!({})).await?.0, 403);
    Ok(())
}

#[tokio::test]
async fn another_servers_user_is_vouched_for() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob, carol) = (one.person("alice").await, two.person("bob").await, two.person("carol").await);
    let space = alice.make_room(json!({"preset": "public_chat"})).await?;
    for version in ["8", "10", "12"] {
        let more = json!({"room_version": version, "power_level_content_override": {"invite": 50}});
        let room = restricted(&alice, "restricted", &space, more).await?;
        let path = format!("v3/join/{room}?via=one.example");
        assert_eq!(bob.refused_post(&path, json!({})).await?, (403, "M_FORBIDDEN".to_owned()));
        bob.join(&space, "one.example").await?;
        bob.post(&path, json!({})).await?;
        alice.sees(&room, &bob.user_id, "join").await;
        assert_eq!(voucher(&bob, &room, &bob.user_id).await?, json!(alice.user_id));

        // Nobody of the second server may invite; the first one lets its next user in.
        assert_eq!(carol.refused_post(&format!("v3/join/{room}"), json!({})).await?.0, 403);
        carol.join(&space, "one.example").await?;
        alice.sees(&space, &carol.user_id, "join").await;
        carol.post(&format!("v3/join/{room}"), json!({})).await?;
        for person in [&alice, &bob] {
            person.sees(&room, &carol.user_id, "join").await;
        }
        assert_eq!(voucher(&bob, &room, &carol.user_id).await?, json!(alice.user_id));
        let hello = json!({"msgtype": "m.text", "body": "here"});
        let sent = carol.put(&format!("v3/rooms/{room}/send/m.room.message/{version}"), hello).await?;
        let event = format!("v3/rooms/{room}/event/{}", sent["event_id"].as_str().unwrap());
        alice.until("the message", async || alice.get(&event).await.is_ok()).await;
        for person in [&bob, &carol] {
            person.post(&format!("v3/rooms/{space}/leave"), json!({})).await?;
            alice.sees(&space, &person.user_id, "leave").await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_tell_sends_to_another() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = Home::new("one.example", &network).await;
    let (two, three) = (Home::new("two.example", &network).await, Home::new("three.example", &network).await);
    let (alice, bob, carol) = (one.person("alice").await, two.person("bob").await, three.person("carol").await);
    let space = alice.make_room(json!({"preset": "public_chat"})).await?;
    let room = restricted(&alice, "restricted", &space, json!({})).await?;
    // The second server is in the room and not in the space.
    alice.post(&format!("v3/rooms/{room}/invite"), json!({"user_id": bob.user_id})).await?;
    bob.post(&format!("v3/join/{room}"), json!({})).await?;
    alice.sees(&room, &bob.user_id, "join").await;
    carol.join(&space, "one.example").await?;
    let path = format!("v3/join/{room}?via=two.example");
    assert_eq!(carol.refused_post(&path, json!({})).await?, (403, "M_FORBIDDEN".to_owned()));
    carol.post(&format!("{path}&via=one.example"), json!({})).await?;
    bob.sees(&room, &carol.user_id, "join").await;
    Ok(())
}

#[tokio::test]
async fn a_forgotten_room_is_gone_until_the_user_is_there_again() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    let forget = format!("v3/rooms/{room}/forget");
    let leave = format!("v3/rooms/{room}/leave");
    let left = "v3/sync?filter={\"room\":{\"include_leave\":true}}";
    let left = left.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    assert_eq!(bob.refused_post(&forget, json!({})).await?, (400, "M_UNKNOWN".to_owned()));
    bob.post(&leave, json!({})).await?;
    assert!(!bob.get(&left).await?["rooms"]["leave"][&room].is_null());
    bob.get(&format!("v3/rooms/{room}/messages?dir=b")).await?;
    for _ in 0..2 {
        bob.post(&forget, json!({})).await?;
    }
    assert!(bob.get(&left).await?["rooms"]["leave"][&room].is_null());
    let gone = bob.refused_get(&format!("v3/rooms/{room}/messages?dir=b")).await?;
    assert_eq!(gone, (403, "M_FORBIDDEN".to_owned()));
    alice.post(&format!("v3/rooms/{room}/invite"), json!({"user_id": bob.user_id})).await?;
    assert!(!bob.sync().await?["rooms"]["invite"][&room].is_null());
    bob.join(&room, "one.example").await?;
    bob.get(&format!("v3/rooms/{room}/messages?dir=b")).await?;
    let nowhere = bob.refused_post("v3/rooms/!nowhere:one.example/forget", json!({})).await?;
    assert_eq!(nowhere, (403, "M_FORBIDDEN".to_owned()));
    Ok(())
}
