//! Room upgrades: between all versions that are made, what goes along, what stays behind.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

const VERSIONS: [&str; 7] = ["6", "7", "8", "9", "10", "11", "12"];

async fn state(person: &Person<'_>, room: &str, kind: &str) -> anyhow::Result<Value> {
    person.get(&format!("v3/rooms/{room}/state/{kind}")).await
}

async fn upgrade(person: &Person<'_>, room: &str, body: Value) -> anyhow::Result<String> {
    let made = person.post(&format!("v3/rooms/{room}/upgrade"), body).await?;
    Ok(made["replacement_room"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_version_goes_on_in_every_other() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    for from in VERSIONS {
        for to in VERSIONS {
            let wish = json!({
                "name": "Kitchen", "topic": "Food", "preset": "public_chat", "room_version": from,
                "creation_content": {"type": "m.space"},
                "initial_state": [
                    {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}},
                    {"type": "m.room.avatar", "content": {"url": "mxc://one.example/a"}},
                    {"type": "m.room.server_acl", "content": {"allow": ["*"]}},
                    {"type": "org.example.own", "content": {"stays": "behind"}},
                ],
            });
            let old = alice.make_room(wish).await?;
            let new = upgrade(&alice, &old, json!({"new_version": to})).await?;
            assert_ne!(old, new);
            let create = state(&alice, &new, "m.room.create").await?;
            assert_eq!(create["room_version"], to, "{from} to {to}");
            assert_eq!(create["predecessor"]["room_id"], old);
            assert_eq!(create["type"], "m.space");
            let tombstone = alice.get(&format!("v3/rooms/{old}/state/m.room.tombstone/?format=event")).await?;
            assert_eq!(tombstone["content"]["replacement_room"], new);
            if to != "12" {
                assert_eq!(create["predecessor"]["event_id"], tombstone["event_id"]);
            }
            for kind in ["name", "topic", "encryption", "avatar", "server_acl", "join_rules", "history_visibility"] {
                let kind = format!("m.room.{kind}");
                assert_eq!(state(&alice, &new, &kind).await?, state(&alice, &old, &kind).await?, "{kind}");
            }
            assert!(state(&alice, &new, "org.example.own").await.is_err());
            let levels = state(&alice, &new, "m.room.power_levels").await?;
            if to == "12" {
                assert!(levels["users"][&alice.user_id].is_null(), "creators are not listed");
                assert_eq!(levels["events"]["m.room.tombstone"], 150);
            } else {
                assert!(levels["users"][&alice.user_id].as_i64().unwrap() >= 100, "{levels}");
            }
            let closed = state(&alice, &old, "m.room.power_levels").await?;
            assert_eq!((&closed["events_default"], &closed["invite"]), (&json!(50), &json!(50)));
            // Both are rooms that work.
            bob.join(&new, "one.example").await?;
            bob.put(
                &format!("v3/rooms/{new}/send/m.room.message/{from}{to}"),
                json!({"msgtype": "m.text", "body": "hi"}),
            )
            .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn aliases_and_the_directory_entry_move() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let wish = json!({
        "preset": "public_chat", "visibility": "public", "room_alias_name": "kitchen", "room_version": "10",
    });
    let old = alice.make_room(wish).await?;
    let new = upgrade(&alice, &old, json!({"new_version": "11"})).await?;
    assert_eq!(alice.get("v3/directory/room/%23kitchen:one.example").await?["room_id"], new);
    assert_eq!(state(&alice, &new, "m.room.canonical_alias").await?["alias"], "#kitchen:one.example");
    assert_eq!(state(&alice, &old, "m.room.canonical_alias").await?, json!({}));
    let listed = alice.get("v3/publicRooms").await?;
    assert_eq!(listed["chunk"].as_array().unwrap().len(), 1);
    assert_eq!(listed["chunk"][0]["room_id"], new);
    Ok(())
}

#[tokio::test]
async fn a_moderator_who_may_upgrade_does_not_come_out_higher() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let wish = json!({
        "preset": "public_chat", "room_version": "9",
        "initial_state": [{"type": "m.room.server_acl", "content": {"allow": ["*"]}}],
        "power_level_content_override": {
            "events": {"m.room.tombstone": 50, "m.room.server_acl": 100, "m.room.power_levels": 100},
            "users": {alice.user_id.clone(): 100, bob.user_id.clone(): 50},
        },
    });
    let old = alice.make_room(wish).await?;
    bob.join(&old, "one.example").await?;
    let new = upgrade(&bob, &old, json!({"new_version": "10"})).await?;
    let levels = state(&bob, &new, "m.room.power_levels").await?;
    assert_eq!(levels["users"], json!({alice.user_id.clone(): 100, bob.user_id.clone(): 50}));
    assert_eq!(state(&bob, &new, "m.room.server_acl").await?["allow"], json!(["*"]));
    Ok(())
}

#[tokio::test]
async fn additional_creators_are_those_of_the_request_alone() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob, carol) = (home.person("alice").await, home.person("bob").await, home.person("carol").await);
    let old = alice.make_room(json!({"creation_content": {"additional_creators": [bob.user_id]}})).await?;
    let creators = json!([carol.user_id, carol.user_id, alice.user_id]);
    let new = upgrade(&alice, &old, json!({"new_version": "12", "additional_creators": creators})).await?;
    let create = state(&alice, &new, "m.room.create").await?;
    assert_eq!(create["additional_creators"], json!([carol.user_id]));
    let again = upgrade(&alice, &new, json!({"new_version": "12"})).await?;
    assert!(state(&alice, &again, "m.room.create").await?["additional_creators"].is_null());
    let down = upgrade(&alice, &new, json!({"new_version": "11", "additional_creators": [bob.user_id]})).await?;
    let levels = state(&alice, &down, "m.room.power_levels").await?;
    // Whoever stood above the levels is among them now.
    assert_eq!(levels["users"][&carol.user_id], levels["users"][&alice.user_id]);
    assert!(levels["users"][&bob.user_id].is_null());
    Ok(())
}

#[tokio::test]
async fn tags_direct_chats_and_push_rules_go_along() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let old = alice.make_room(json!({"preset": "public_chat", "room_version": "10"})).await?;
    bob.join(&old, "one.example").await?;
    let user = format!("v3/user/{}", bob.user_id);
    bob.put(&format!("{user}/rooms/{old}/tags/m.favourite"), json!({"order": 0.5})).await?;
    bob.put(&format!("{user}/account_data/m.direct"), json!({alice.user_id.clone(): [old]})).await?;
    bob.put(&format!("v3/pushrules/global/room/{old}"), json!({"actions": []})).await?;
    let muted = json!({"actions": [], "conditions": [{"kind": "event_match", "key": "room_id", "pattern": old}]});
    bob.put(&format!("v3/pushrules/global/override/{old}"), muted).await?;

    let new = upgrade(&alice, &old, json!({"new_version": "12"})).await?;
    assert_eq!(bob.get(&format!("{user}/rooms/{new}/tags")).await?["tags"], json!({}));
    bob.join(&new, "one.example").await?;
    assert_eq!(bob.get(&format!("{user}/rooms/{new}/tags")).await?["tags"]["m.favourite"]["order"], 0.5);
    assert_eq!(bob.get(&format!("{user}/account_data/m.direct")).await?[&alice.user_id], json!([old, new]));
    assert_eq!(bob.get(&format!("v3/pushrules/global/room/{new}")).await?["actions"], json!([]));
    let rule = bob.get(&format!("v3/pushrules/global/override/{new}")).await?;
    assert_eq!(rule["conditions"][0]["pattern"], new);

    // A room that only says that it replaced another gets nothing.
    let wish = json!({"preset": "public_chat", "creation_content": {"predecessor": {"room_id": old}}});
    let false_one = alice.make_room(wish).await?;
    bob.join(&false_one, "one.example").await?;
    assert_eq!(bob.get(&format!("{user}/rooms/{false_one}/tags")).await?["tags"], json!({}));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_upgraded_is_refused_and_nothing_happens() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    let path = format!("v3/rooms/{room}/upgrade");
    let forbidden = (403, "M_FORBIDDEN".to_owned());
    let unsupported = (400, "M_UNSUPPORTED_ROOM_VERSION".to_owned());
    assert_eq!(bob.refused_post(&path, json!({"new_version": "12"})).await?, forbidden);
    assert_eq!(alice.refused_post(&path, json!({"new_version": "5"})).await?, unsupported);
    assert_eq!(alice.refused_post(&path, json!({"new_version": "org.example.1"})).await?, unsupported);
    assert_eq!(alice.refused_post(&path, json!({})).await?, (400, "M_MISSING_PARAM".to_owned()));
    assert_eq!(alice.refused_post(&path, json!({"new_version": 12})).await?.0, 400);
    let creators = json!({"new_version": "12", "additional_creators": ["nobody"]});
    assert_eq!(alice.refused_post(&path, creators).await?.0, 400);
    let nowhere = alice.refused_post("v3/rooms/!nowhere:one.example/upgrade", json!({"new_version": "12"})).await?;
    assert_eq!(nowhere, forbidden);
    assert!(state(&alice, &room, "m.room.tombstone").await.is_err());
    assert_eq!(alice.get("v3/joined_rooms").await?["joined_rooms"], json!([room]));
    Ok(())
}

#[tokio::test]
async fn members_of_other_servers_follow_the_tombstone() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let old = alice.make_room(json!({"preset": "public_chat", "room_version": "11"})).await?;
    bob.join(&old, "one.example").await?;
    bob.put(&format!("v3/user/{}/rooms/{old}/tags/m.favourite", bob.user_id), json!({})).await?;
    let new = upgrade(&alice, &old, json!({"new_version": "12"})).await?;
    bob.until("the tombstone", async || {
        state(&bob, &old, "m.room.tombstone").await.is_ok_and(|content| content["replacement_room"] == new)
    })
    .await;
    bob.join(&new, "one.example").await?;
    alice.sees(&new, &bob.user_id, "join").await;
    let tags = bob.get(&format!("v3/user/{}/rooms/{new}/tags", bob.user_id)).await?;
    assert!(tags["tags"]["m.favourite"].is_object());
    Ok(())
}

#[tokio::test]
async fn who_was_banned_is_banned_from_the_new_room_too() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob, carol) = (home.person("alice").await, home.person("bob").await, home.person("carol").await);
    let old = alice.make_room(json!({"preset": "public_chat", "room_version": "11"})).await?;
    bob.join(&old, "one.example").await?;
    carol.join(&old, "one.example").await?;
    alice.post(&format!("v3/rooms/{old}/ban"), json!({"user_id": bob.user_id, "reason": "shouted"})).await?;
    alice.post(&format!("v3/rooms/{old}/ban"), json!({"user_id": "@never:two.example"})).await?;
    alice.post(&format!("v3/rooms/{old}/kick"), json!({"user_id": carol.user_id})).await?;
    let new = upgrade(&alice, &old, json!({"new_version": "12"})).await?;
    let member = async |user: &str| alice.get(&format!("v3/rooms/{new}/state/m.room.member/{user}")).await;
    assert_eq!(member(&bob.user_id).await?, json!({"membership": "ban", "reason": "shouted"}));
    assert_eq!(member("@never:two.example").await?, json!({"membership": "ban"}));
    assert!(member(&carol.user_id).await.is_err());
    assert_eq!(bob.refused_post(&format!("v3/rooms/{new}/join"), json!({})).await?.1, "M_FORBIDDEN");
    carol.join(&new, "one.example").await?;
    Ok(())
}
