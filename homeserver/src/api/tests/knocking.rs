//! Knocking: on rooms of this server and of others, by id and alias, and what follows.

use serde_json::json;

use super::homes::Home;
use crate::testing::FakeNetwork;

fn knockable(rule: &str) -> serde_json::Value {
    json!({
        "name": "Club", "room_alias_name": "club",
        "initial_state": [{"type": "m.room.join_rules", "content": {"join_rule": rule, "allow": []}}],
    })
}

#[tokio::test]
async fn a_knock_here_is_seen_in_sync_and_can_be_taken_back_or_accepted() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    for rule in ["knock", "knock_restricted"] {
        let mut wish = knockable(rule);
        wish["room_alias_name"] = json!(rule);
        let room = alice.make_room(wish).await?;
        let knocked = bob.post(&format!("v3/knock/%23{rule}:one.example"), json!({"reason": "let me in"})).await?;
        assert_eq!(knocked["room_id"], room);
        let member = alice.get(&format!("v3/rooms/{room}/state/m.room.member/{}", bob.user_id)).await?;
        assert_eq!((&member["membership"], &member["reason"]), (&json!("knock"), &json!("let me in")));
        let sync = bob.sync().await?;
        let stripped = sync["rooms"]["knock"][&room]["knock_state"]["events"].as_array().unwrap().clone();
        assert!(stripped.iter().any(|event| event["type"] == "m.room.create"), "{stripped:?}");
        assert!(stripped.iter().any(|event| event["content"]["name"] == "Club"));

        bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
        alice.sees(&room, &bob.user_id, "leave").await;
        bob.post(&format!("v3/knock/{room}"), json!({})).await?;
        alice.post(&format!("v3/rooms/{room}/invite"), json!({"user_id": bob.user_id})).await?;
        bob.join(&room, "one.example").await?;
        alice.sees(&room, &bob.user_id, "join").await;
        // Who is in the room does not knock.
        assert_eq!(bob.refused_post(&format!("v3/knock/{room}"), json!({})).await?, (403, "M_FORBIDDEN".to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn a_knock_on_another_servers_room_arrives_with_its_reason() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let room = alice.make_room(knockable("knock")).await?;
    // The alias's server tells who is in the room; a room of version 12 names no server itself.
    let knocked = bob.post("v3/knock/%23club:one.example", json!({"reason": "please"})).await?;
    assert_eq!(knocked["room_id"], room);
    alice.sees(&room, &bob.user_id, "knock").await;
    let member = alice.get(&format!("v3/rooms/{room}/state/m.room.member/{}", bob.user_id)).await?;
    assert_eq!(member["reason"], "please");
    let sync = bob.sync().await?;
    let stripped = sync["rooms"]["knock"][&room]["knock_state"]["events"].as_array().unwrap().clone();
    assert!(stripped.iter().any(|event| event["content"]["name"] == "Club"), "{stripped:?}");

    bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
    alice.sees(&room, &bob.user_id, "leave").await;
    assert!(bob.sync().await?["rooms"]["knock"][&room].is_null());
    bob.post(&format!("v3/knock/{room}?via=one.example"), json!({})).await?;
    alice.sees(&room, &bob.user_id, "knock").await;
    alice.post(&format!("v3/rooms/{room}/invite"), json!({"user_id": bob.user_id})).await?;
    bob.post(&format!("v3/join/{room}"), json!({})).await?;
    alice.sees(&room, &bob.user_id, "join").await;
    Ok(())
}

#[tokio::test]
async fn closed_rooms_old_versions_and_the_banned_are_refused() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob, carol) = (one.person("alice").await, one.person("bob").await, two.person("carol").await);
    let forbidden = (403, "M_FORBIDDEN".to_owned());
    let closed = alice.make_room(json!({"preset": "private_chat"})).await?;
    let old = alice.make_room(json!({"preset": "public_chat", "room_version": "6"})).await?;
    let knock = alice.make_room(knockable("knock")).await?;
    alice.post(&format!("v3/rooms/{knock}/ban"), json!({"user_id": bob.user_id})).await?;
    alice.post(&format!("v3/rooms/{knock}/ban"), json!({"user_id": carol.user_id})).await?;
    for room in [&closed, &old, &knock] {
        assert_eq!(bob.refused_post(&format!("v3/knock/{room}"), json!({})).await?, forbidden);
        assert_eq!(carol.refused_post(&format!("v3/knock/{room}?via=one.example"), json!({})).await?, forbidden);
    }
    let lost = (404, "M_NOT_FOUND".to_owned());
    assert_eq!(bob.refused_post("v3/knock/!nowhere:one.example", json!({})).await?, lost);
    assert_eq!(bob.refused_post("v3/knock/%23nothing:one.example", json!({})).await?, lost);
    assert_eq!(carol.refused_post("v3/knock/!nowhere:one.example?via=one.example", json!({})).await?, lost);
    assert_eq!(bob.refused_post("v3/knock/nonsense", json!({})).await?, (400, "M_INVALID_PARAM".to_owned()));
    assert_eq!(bob.refused_post(&format!("v3/knock/{knock}"), json!({"reason": 1})).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn a_refused_knock_and_an_invite_taken_back_are_gone_from_the_others_sync() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let room = alice.make_room(knockable("knock")).await?;
    let (kick, body) = (format!("v3/rooms/{room}/kick"), json!({"user_id": bob.user_id}));
    let gone = async |section: &str| {
        bob.until(&format!("the {section} gone"), async || {
            bob.sync().await.unwrap()["rooms"][section][&room].is_null()
        })
        .await;
    };
    bob.post(&format!("v3/knock/{room}?via=one.example"), json!({})).await?;
    alice.sees(&room, &bob.user_id, "knock").await;
    assert!(!bob.sync().await?["rooms"]["knock"][&room].is_null());
    alice.post(&kick, body.clone()).await?;
    gone("knock").await;

    alice.post(&format!("v3/rooms/{room}/invite"), body.clone()).await?;
    bob.until("the invite", async || !bob.sync().await.unwrap()["rooms"]["invite"][&room].is_null()).await;
    alice.post(&kick, body).await?;
    gone("invite").await;
    Ok(())
}
