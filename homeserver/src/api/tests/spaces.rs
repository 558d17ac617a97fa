//! Spaces and summaries: walks in pages, who sees what, loops, rooms of which only other servers know.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

async fn space(person: &Person<'_>, name: &str) -> anyhow::Result<String> {
    let wish = json!({"name": name, "preset": "public_chat", "creation_content": {"type": "m.space"}});
    person.make_room(wish).await
}

async fn room(person: &Person<'_>, name: &str) -> anyhow::Result<String> {
    person.make_room(json!({"name": name, "preset": "public_chat"})).await
}

async fn child(person: &Person<'_>, parent: &str, child: &str, more: Value) -> anyhow::Result<()> {
    let mut content = json!({"via": [person.home.name()]});
    content.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.put(&format!("v3/rooms/{parent}/state/m.space.child/{child}"), content).await.map(|_| ())
}

fn names(page: &Value) -> Vec<String> {
    let rooms = page["rooms"].as_array().unwrap();
    rooms.iter().map(|room| room["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_tree_is_walked_depth_first_in_pages_and_loops_end() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let (top, inner) = (space(&alice, "top").await?, space(&alice, "inner").await?);
    let (deep, last) = (room(&alice, "deep").await?, room(&alice, "last").await?);
    child(&alice, &top, &inner, json!({"order": "a"})).await?;
    child(&alice, &top, &last, json!({"order": "b", "suggested": true})).await?;
    child(&alice, &inner, &deep, json!({})).await?;
    child(&alice, &inner, &top, json!({})).await?;
    // Taken away again.
    let gone = room(&alice, "gone").await?;
    child(&alice, &top, &gone, json!({"order": "0"})).await?;
    alice.put(&format!("v3/rooms/{top}/state/m.space.child/{gone}"), json!({})).await?;

    let all = bob.get(&format!("v1/rooms/{top}/hierarchy")).await?;
    assert_eq!(names(&all), ["top", "inner", "deep", "last"]);
    assert!(all["next_batch"].is_null());
    let first = &all["rooms"][0];
    assert_eq!((&first["room_type"], &first["join_rule"]), (&json!("m.space"), &Value::Null));
    assert_eq!(first["room_version"], "12");
    let stripped = &first["children_state"][0];
    assert_eq!((&stripped["type"], &stripped["state_key"]), (&json!("m.space.child"), &json!(inner)));
    assert!(stripped["origin_server_ts"].is_i64() && stripped["event_id"].is_null(), "{stripped}");
    assert_eq!(all["rooms"][2]["children_state"], json!([]));

    let path = format!("v1/rooms/{top}/hierarchy?limit=3&max_depth=5");
    let page = bob.get(&path).await?;
    assert_eq!(names(&page), ["top", "inner", "deep"]);
    let from = page["next_batch"].as_str().unwrap();
    // The same token can be used again.
    for _ in 0..2 {
        let page = bob.get(&format!("{path}&from={from}")).await?;
        assert_eq!(names(&page), ["last"]);
        assert!(page["next_batch"].is_null());
    }
    let bad = (400, "M_INVALID_PARAM".to_owned());
    let changed = format!("v1/rooms/{top}/hierarchy?limit=3&max_depth=4&from={from}");
    assert_eq!(bob.refused_get(&changed).await?, bad);
    assert_eq!(bob.refused_get(&format!("{path}&suggested_only=true&from={from}")).await?, bad);
    assert_eq!(alice.refused_get(&format!("{path}&from={from}")).await?, bad, "somebody else's token");
    assert_eq!(bob.refused_get(&format!("{path}&from=nonsense")).await?, bad);
    assert_eq!(bob.refused_get(&format!("v1/rooms/{top}/hierarchy?limit=0")).await?, bad);
    assert_eq!(bob.refused_get(&format!("v1/rooms/{top}/hierarchy?max_depth=-1")).await?.0, 400);

    assert_eq!(names(&bob.get(&format!("v1/rooms/{top}/hierarchy?max_depth=0")).await?), ["top"]);
    assert_eq!(names(&bob.get(&format!("v1/rooms/{top}/hierarchy?max_depth=1")).await?), ["top", "inner", "last"]);
    assert_eq!(names(&bob.get(&format!("v1/rooms/{top}/hierarchy?suggested_only=true")).await?), ["top", "last"]);
    Ok(())
}

#[tokio::test]
async fn only_rooms_that_the_user_could_enter_are_shown() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let top = space(&alice, "top").await?;
    let secret = alice.make_room(json!({"name": "secret", "preset": "private_chat"})).await?;
    let restricted = json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": top}]});
    let members = alice
        .make_room(json!({"name": "members", "initial_state": [{"type": "m.room.join_rules", "content": restricted}]}))
        .await?;
    let knock = alice
        .make_room(json!({"name": "knock", "initial_state": [{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]}))
        .await?;
    for (order, room) in [&secret, &members, &knock].into_iter().enumerate() {
        child(&alice, &top, room, json!({"order": order.to_string()})).await?;
    }
    let path = format!("v1/rooms/{top}/hierarchy");
    assert_eq!(names(&alice.get(&path).await?), ["top", "secret", "members", "knock"]);
    assert_eq!(names(&bob.get(&path).await?), ["top", "knock"]);
    let unknown = (404, "M_NOT_FOUND".to_owned());
    assert_eq!(bob.refused_get(&format!("v1/room_summary/{members}")).await?, unknown);
    bob.join(&top, "one.example").await?;
    let shown = bob.get(&path).await?;
    assert_eq!(names(&shown), ["top", "members", "knock"]);
    assert_eq!(shown["rooms"][1]["allowed_room_ids"], json!([top]));
    alice.post(&format!("v3/rooms/{secret}/invite"), json!({"user_id": bob.user_id})).await?;
    assert_eq!(names(&bob.get(&path).await?), ["top", "secret", "members", "knock"]);
    alice.post(&format!("v3/rooms/{top}/ban"), json!({"user_id": bob.user_id})).await?;
    assert_eq!(bob.refused_get(&path).await?, (403, "M_FORBIDDEN".to_owned()));
    let nowhere = bob.refused_get("v1/rooms/!nowhere:one.example/hierarchy").await?;
    assert_eq!(nowhere, (403, "M_FORBIDDEN".to_owned()));
    Ok(())
}

#[tokio::test]
async fn summaries_tell_what_the_room_shows_to_whom_it_may() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let encryption = json!({"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}});
    let avatar = json!({"type": "m.room.avatar", "content": {"url": "mxc://one.example/cheese"}});
    let wish = json!({
        "name": "Cheese", "topic": "Tasty", "room_alias_name": "cheese", "preset": "public_chat", "room_version": "11",
        "initial_state": [encryption, avatar],
    });
    let room = alice.make_room(wish).await?;
    let expected = json!({
        "room_id": room, "name": "Cheese", "topic": "Tasty", "avatar_url": "mxc://one.example/cheese",
        "canonical_alias": "#cheese:one.example", "num_joined_members": 1, "world_readable": false,
        "guest_can_join": false, "encryption": "m.megolm.v1.aes-sha2", "room_version": "11", "membership": "leave",
    });
    for path in [
        format!("v1/room_summary/{room}"),
        "v1/room_summary/%23cheese:one.example".to_owned(),
        format!("unstable/im.nheko.summary/rooms/{room}/summary"),
    ] {
        let mut summary = bob.get(&path).await?;
        // Public is what an absent rule means too.
        summary.as_object_mut().unwrap().remove("join_rule");
        assert_eq!(summary, expected);
        let open = home.client.get("", &format!("/_matrix/client/{path}")).await?.ok()?;
        assert!(open["membership"].is_null(), "nobody has no membership");
    }
    alice.post(&format!("v3/rooms/{room}/invite"), json!({"user_id": bob.user_id})).await?;
    assert_eq!(bob.get(&format!("v1/room_summary/{room}")).await?["membership"], "invite");
    let closed = alice.make_room(json!({"preset": "private_chat"})).await?;
    let answer = home.client.get("", &format!("/_matrix/client/v1/room_summary/{closed}")).await?;
    assert_eq!((answer.status.as_u16(), answer.errcode()), (404, "M_NOT_FOUND".to_owned()));
    assert_eq!(alice.get(&format!("v1/room_summary/{closed}")).await?["membership"], "join");
    assert_eq!(bob.refused_get(&format!("v1/room_summary/{closed}")).await?.0, 404);
    assert_eq!(bob.refused_get("v1/room_summary/nonsense").await?, (400, "M_INVALID_PARAM".to_owned()));
    Ok(())
}

#[tokio::test]
async fn rooms_that_only_another_server_knows_are_asked_of_it_once() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let top = space(&alice, "top").await?;
    let (inner, deep) = (space(&alice, "inner").await?, room(&alice, "deep").await?);
    let secret = alice.make_room(json!({"name": "secret", "preset": "private_chat"})).await?;
    let denied = room(&alice, "denied").await?;
    alice.put(&format!("v3/rooms/{denied}/state/m.room.server_acl"), json!({"allow": ["one.example"]})).await?;
    let restricted = json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": top}]});
    let members = alice
        .make_room(json!({"name": "members", "initial_state": [{"type": "m.room.join_rules", "content": restricted}]}))
        .await?;
    for (order, room) in [&inner, &secret, &denied, &members].into_iter().enumerate() {
        child(&alice, &top, room, json!({"order": order.to_string()})).await?;
    }
    child(&alice, &inner, &deep, json!({})).await?;

    let summary = bob.get(&format!("v1/room_summary/{top}?via=one.example")).await?;
    assert_eq!((&summary["name"], &summary["membership"]), (&json!("top"), &json!("leave")));
    let ours = space(&bob, "ours").await?;
    let content = json!({"via": ["one.example"]});
    bob.put(&format!("v3/rooms/{ours}/state/m.space.child/{top}"), content).await?;
    let path = format!("v1/rooms/{ours}/hierarchy");
    let shown = bob.get(&path).await?;
    assert_eq!(names(&shown), ["ours", "top", "inner", "deep"]);
    assert_eq!(shown["rooms"][1]["children_state"].as_array().unwrap().len(), 4);
    let asked = network.requests(one.home.name());
    assert_eq!(names(&bob.get(&path).await?), names(&shown));
    assert_eq!(network.requests(one.home.name()), asked, "the answers were kept");
    // In the space, its members' room is theirs too; our own state of the space counts now.
    bob.join(&top, "one.example").await?;
    assert_eq!(names(&bob.get(&path).await?), ["ours", "top", "inner", "deep", "members"]);
    assert_eq!(bob.refused_get(&format!("v1/room_summary/{secret}?via=one.example")).await?.0, 404);
    Ok(())
}
