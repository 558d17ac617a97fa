//! Making rooms: every option, the order of the first events, what is refused; aliases and the events that name them.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::{config::Config, testing::FakeNetwork};

async fn types(person: &Person<'_>, room: &str) -> anyhow::Result<Vec<String>> {
    let page = person.get(&format!("v3/rooms/{room}/messages?dir=f&limit=50")).await?;
    Ok(page["chunk"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn the_first_events_come_in_the_order_of_the_specification() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    for version in ["6", "10", "11", "12"] {
        let wish = json!({
            "room_version": version, "preset": "trusted_private_chat", "room_alias_name": format!("v{version}"),
            "name": "Name", "topic": "Topic", "invite": [bob.user_id], "is_direct": true,
            "creation_content": {"m.federate": false, "creator": "@evil:one.example", "room_version": "1"},
            "initial_state": [
                {"type": "m.room.name", "content": {"name": "overwritten"}},
                {"type": "org.example.one", "state_key": "key", "content": {"a": 1}},
                {"type": "m.room.guest_access", "content": {"guest_access": "forbidden"}},
            ],
            "power_level_content_override": {"invite": 7},
        });
        let room = alice.make_room(wish).await?;
        let expected = [
            "m.room.create",
            "m.room.member",
            "m.room.power_levels",
            "m.room.canonical_alias",
            "m.room.join_rules",
            "m.room.history_visibility",
            "org.example.one",
            "m.room.guest_access",
            "m.room.name",
            "m.room.topic",
            "m.room.member",
        ];
        assert_eq!(types(&alice, &room).await?, expected);
        let state = async |kind: &str| alice.get(&format!("v3/rooms/{room}/state/{kind}")).await;
        let create = state("m.room.create").await?;
        assert_eq!((&create["room_version"], &create["m.federate"]), (&json!(version), &json!(false)));
        let creator = if matches!(version, "6" | "10") { json!(alice.user_id) } else { Value::Null };
        assert_eq!(create["creator"], creator);
        assert_eq!(state("m.room.name").await?["name"], "Name");
        assert_eq!(state("m.room.topic").await?["topic"], "Topic");
        assert_eq!(state("m.room.guest_access").await?["guest_access"], "forbidden");
        assert_eq!(state("org.example.one/key").await?["a"], 1);
        let levels = state("m.room.power_levels").await?;
        assert_eq!(levels["invite"], 7);
        if version == "12" {
            assert_eq!(create["additional_creators"], json!([bob.user_id]));
            assert_eq!((&levels["users"], &levels["events"]["m.room.tombstone"]), (&json!({}), &json!(150)));
        } else {
            assert_eq!(levels["users"], json!({alice.user_id.clone(): 100, bob.user_id.clone(): 100}));
        }
        assert_eq!(state(&format!("m.room.member/{}", bob.user_id)).await?["is_direct"], true);
    }
    Ok(())
}

#[tokio::test]
async fn presets_follow_the_visibility_when_none_is_named() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    for (wish, rule, guests, listed) in [
        (json!({}), "invite", "can_join", "private"),
        (json!({"visibility": "public"}), "public", "forbidden", "public"),
        (json!({"visibility": "public", "preset": "private_chat"}), "invite", "can_join", "public"),
        (json!({"preset": "public_chat"}), "public", "forbidden", "private"),
    ] {
        let room = alice.make_room(wish).await?;
        assert_eq!(alice.get(&format!("v3/rooms/{room}/state/m.room.join_rules")).await?["join_rule"], rule);
        assert_eq!(alice.get(&format!("v3/rooms/{room}/state/m.room.guest_access")).await?["guest_access"], guests);
        assert_eq!(alice.get(&format!("v3/directory/list/room/{room}")).await?["visibility"], listed);
    }
    Ok(())
}

#[tokio::test]
async fn levels_listed_anew_do_not_let_administrators_end_a_room_of_version_12() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let given = json!({"events": {"m.room.name": 10}, "state_default": 200, "users": {"@alice:one.example": 100}});
    let room = alice.make_room(json!({"power_level_content_override": given})).await?;
    let levels = alice.get(&format!("v3/rooms/{room}/state/m.room.power_levels")).await?;
    assert_eq!(levels["events"], json!({"m.room.name": 10, "m.room.tombstone": 201}));
    assert_eq!(levels["users"], json!({}));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_leaves_nothing() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    alice.make_room(json!({"room_alias_name": "taken"})).await?;
    let invited: Vec<String> = (0..101).map(|n| format!("@user{n}:one.example")).collect();
    let email =
        json!([{"id_server": "i.example", "id_access_token": "t", "medium": "email", "address": "a@b.example"}]);
    let weak = json!({"room_version": "11", "name": "x", "power_level_content_override": {"users": {}}});
    for (wish, status, errcode) in [
        (json!({"room_alias_name": "taken"}), 400, "M_ROOM_IN_USE"),
        (json!({"room_alias_name": ""}), 400, "M_INVALID_PARAM"),
        (json!({"room_alias_name": "a:b"}), 400, "M_INVALID_PARAM"),
        (json!({"room_alias_name": "#a"}), 400, "M_INVALID_PARAM"),
        (json!({"room_alias_name": "a b"}), 400, "M_INVALID_PARAM"),
        (json!({"room_alias_name": "x".repeat(300)}), 400, "M_INVALID_PARAM"),
        (json!({"room_alias_name": 7}), 400, "M_BAD_JSON"),
        (json!({"preset": "nothing"}), 400, "M_INVALID_PARAM"),
        (json!({"visibility": "nothing"}), 400, "M_INVALID_PARAM"),
        (json!({"room_version": "1"}), 400, "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({"room_version": "none.such"}), 400, "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({"invite": ["nobody"]}), 400, "M_BAD_JSON"),
        (json!({"invite": invited}), 400, "M_INVALID_PARAM"),
        (json!({"invite_3pid": email}), 403, "M_FORBIDDEN"),
        (weak, 400, "M_INVALID_ROOM_STATE"),
        (json!({"power_level_content_override": {"users": {"@a:b.example": "50"}}}), 400, "M_BAD_JSON"),
        (json!({"power_level_content_override": {"events": null}}), 400, "M_BAD_JSON"),
        (json!({"power_level_content_override": {"ban": 1.5}}), 400, "M_BAD_JSON"),
        (json!({"power_level_content_override": []}), 400, "M_BAD_JSON"),
        (json!({"creation_content": 1}), 400, "M_BAD_JSON"),
        (json!({"creation_content": {"additional_creators": ["nobody"]}}), 400, "M_INVALID_ROOM_STATE"),
        (json!({"initial_state": [{"type": "m.room.create", "content": {}}]}), 400, "M_INVALID_ROOM_STATE"),
        (
            json!({"initial_state": [{"type": "m.room.member", "state_key": "@b:c.example", "content": {}}]}),
            400,
            "M_INVALID_ROOM_STATE",
        ),
        (json!({"initial_state": [{"type": "a"}]}), 400, "M_BAD_JSON"),
        (json!({"initial_state": [{"type": "a", "content": {"n": 1e300}}]}), 400, "M_BAD_JSON"),
        (
            json!({"initial_state": [{"type": "m.room.canonical_alias", "content": {"alias": "#taken:one.example"}}]}),
            400,
            "M_BAD_ALIAS",
        ),
        (
            json!({"initial_state": [{"type": "m.room.canonical_alias", "content": {"alias": 1}}]}),
            400,
            "M_INVALID_PARAM",
        ),
        (json!({"name": "x".repeat(70_000)}), 413, "M_TOO_LARGE"),
    ] {
        let shown = wish.to_string().chars().take(120).collect::<String>();
        assert_eq!(alice.refused_post("v3/createRoom", wish).await?, (status, errcode.to_owned()), "{shown}");
    }
    assert_eq!(alice.get("v3/joined_rooms").await?["joined_rooms"].as_array().unwrap().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_canonical_alias_leads_to_its_room() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = Home::new("one.example", &network).await;
    let two = Home::with("two.example", &network, Config { aliases_by_anyone: true, ..Config::default() }).await;
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let other = alice.make_room(json!({"room_alias_name": "other"})).await?;
    bob.join(&room, "one.example").await?;
    alice.put("v3/directory/room/%23main:one.example", json!({"room_id": room})).await?;
    let dora = one.person("dora").await;
    dora.join(&room, "one.example").await?;
    let by_anyone = dora.refused_put("v3/directory/room/%23hers:one.example", json!({"room_id": room})).await?;
    assert_eq!(by_anyone, (403, "M_FORBIDDEN".to_owned()), "she may not name the room");
    bob.put("v3/directory/room/%23far:two.example", json!({"room_id": room})).await?;
    let path = format!("v3/rooms/{room}/state/m.room.canonical_alias");
    let bad = (400, "M_BAD_ALIAS".to_owned());
    for content in [
        json!({"alias": "#other:one.example"}),
        json!({"alias": "#nothing:one.example"}),
        json!({"alt_aliases": ["#main:one.example", "#other:one.example"]}),
        json!({"alias": "#nothing:two.example"}),
        json!({"alias": "#a:three.example"}),
    ] {
        assert_eq!(alice.refused_put(&path, content).await?, bad);
    }
    let invalid = (400, "M_INVALID_PARAM".to_owned());
    for content in [json!({"alias": "main"}), json!({"alias": 5}), json!({"alt_aliases": "#main:one.example"})] {
        assert_eq!(alice.refused_put(&path, content).await?, invalid);
    }
    let named = json!({"alias": "#main:one.example", "alt_aliases": ["#far:two.example"]});
    alice.put(&path, named.clone()).await?;
    assert_eq!(alice.get(&path).await?, named);
    let aliases = alice.get(&format!("v3/rooms/{room}/aliases")).await?;
    assert_eq!(aliases["aliases"], json!(["#main:one.example"]));
    let far = alice.get("v3/directory/room/%23far:two.example").await?;
    assert_eq!(far["room_id"], room);
    assert!(far["servers"].as_array().unwrap().contains(&json!("two.example")));

    // A deleted alias is not named any more; what stays behind may stay.
    let gone =
        one.client.delete(&alice.token, "/_matrix/client/v3/directory/room/%23main:one.example", json!({})).await?;
    gone.ok()?;
    assert_eq!(alice.get(&path).await?, json!({"alt_aliases": ["#far:two.example"]}));
    two.client.delete(&bob.token, "/_matrix/client/v3/directory/room/%23far:two.example", json!({})).await?.ok()?;
    alice.put(&path, json!({"alt_aliases": ["#far:two.example"], "more": 1})).await?;

    let taken = alice.refused_put("v3/directory/room/%23other:one.example", json!({"room_id": room})).await?;
    assert_eq!(taken, (409, "M_UNKNOWN".to_owned()));
    let path = "v3/directory/room/%23x:two.example";
    assert_eq!(alice.refused_put(path, json!({"room_id": room})).await?, invalid);
    assert_eq!(alice.refused_put("v3/directory/room/%23:one.example", json!({"room_id": room})).await?, invalid);
    assert_eq!(alice.refused_get("v3/directory/room/nonsense").await?, invalid);
    assert_eq!(alice.refused_get("v3/directory/room/%23none:one.example").await?, (404, "M_NOT_FOUND".to_owned()));
    let foreign = one.person("carol").await;
    let forbidden = foreign.refused_get(&format!("v3/rooms/{other}/aliases")).await?;
    assert_eq!(forbidden, (403, "M_FORBIDDEN".to_owned()));
    let answer =
        one.client.delete(&foreign.token, "/_matrix/client/v3/directory/room/%23other:one.example", json!({})).await?;
    assert_eq!((answer.status.as_u16(), answer.errcode()), (403, "M_FORBIDDEN".to_owned()));
    Ok(())
}
