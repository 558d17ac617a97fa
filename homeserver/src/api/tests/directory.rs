//! The directory of published rooms: pages both ways, filters, other servers' directories, who may read and change it.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::{config::Config, testing::FakeNetwork};

async fn publish(person: &Person<'_>, name: &str, more: Value) -> anyhow::Result<String> {
    let mut wish = json!({"name": name, "preset": "public_chat", "visibility": "public"});
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.make_room(wish).await
}

fn names(page: &Value) -> Vec<String> {
    page["chunk"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn pages_go_forwards_and_back_with_the_largest_room_first() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    for name in ["a", "b", "c", "d", "e"] {
        publish(&alice, name, json!({})).await?;
    }
    alice.make_room(json!({"name": "hidden", "preset": "public_chat"})).await?;
    let large = publish(&alice, "large", json!({"room_alias_name": "large", "topic": "for all"})).await?;
    bob.join(&large, "one.example").await?;

    let first = alice.get("v3/publicRooms?limit=2").await?;
    assert_eq!(names(&first), ["large", "a"]);
    assert_eq!(first["total_room_count_estimate"], 6);
    assert!(first["prev_batch"].is_null());
    let room = &first["chunk"][0];
    assert_eq!(room["room_id"], large);
    assert_eq!(room["num_joined_members"], 2);
    assert_eq!(room["topic"], "for all");
    assert_eq!(room["canonical_alias"], "#large:one.example");
    assert_eq!((&room["world_readable"], &room["guest_can_join"]), (&json!(false), &json!(false)));
    let page =
        async |since: &Value| alice.get(&format!("v3/publicRooms?limit=2&since={}", since.as_str().unwrap())).await;
    let second = page(&first["next_batch"]).await?;
    assert_eq!(names(&second), ["b", "c"]);
    let third = page(&second["next_batch"]).await?;
    assert_eq!(names(&third), ["d", "e"]);
    assert!(third["next_batch"].is_null());
    let back = page(&third["prev_batch"]).await?;
    assert_eq!(names(&back), ["b", "c"]);
    assert_eq!(names(&page(&back["prev_batch"]).await?), ["large", "a"]);

    for since in ["x", "n1_", "%F0%9F%98%80"] {
        let answer = alice.refused_get(&format!("v3/publicRooms?since={since}")).await?;
        assert_eq!(answer, (400, "M_INVALID_PARAM".to_owned()));
    }
    assert_eq!(alice.refused_get("v3/publicRooms?limit=-1").await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn filters_look_at_words_and_types() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    publish(&alice, "Gärten", json!({"topic": "Roses"})).await?;
    publish(&alice, "Bikes", json!({"room_alias_name": "wheels"})).await?;
    publish(&alice, "Everything", json!({"creation_content": {"type": "m.space"}})).await?;
    let found = async |filter: Value| alice.post("v3/publicRooms", json!({"filter": filter})).await;
    assert_eq!(names(&found(json!({"generic_search_term": "GÄRT"})).await?), ["Gärten"]);
    assert_eq!(names(&found(json!({"generic_search_term": "rose"})).await?), ["Gärten"]);
    let wheels = found(json!({"generic_search_term": "wheels"})).await?;
    assert_eq!(names(&wheels), ["Bikes"]);
    assert_eq!(wheels["total_room_count_estimate"], 1);
    let spaces = found(json!({"room_types": ["m.space"]})).await?;
    assert_eq!(names(&spaces), ["Everything"]);
    assert_eq!(spaces["chunk"][0]["room_type"], "m.space");
    assert_eq!(names(&found(json!({"room_types": [null]})).await?), ["Gärten", "Bikes"]);
    assert_eq!(names(&found(json!({"room_types": [null, "m.space"]})).await?).len(), 3);
    assert_eq!(names(&found(json!({})).await?).len(), 3);
    let bridged = alice.post("v3/publicRooms", json!({"third_party_instance_id": "irc"})).await?;
    assert_eq!(names(&bridged), Vec::<String>::new());
    assert_eq!(alice.refused_post("v3/publicRooms", json!({"filter": {"room_types": 1}})).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn another_servers_directory_is_read_through_ours_where_it_lets_us() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = Home::new("one.example", &network).await;
    let two = Home::with("two.example", &network, Config::default()).await;
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    publish(&alice, "Kitchen", json!({})).await?;
    publish(&alice, "Garden", json!({})).await?;
    publish(&alice, "Ours alone", json!({"creation_content": {"m.federate": false}})).await?;
    let page = bob.get("v3/publicRooms?server=one.example&limit=1").await?;
    assert_eq!(names(&page), ["Kitchen"]);
    assert_eq!(page["total_room_count_estimate"], 2);
    let since = page["next_batch"].as_str().unwrap();
    let next = bob.get(&format!("v3/publicRooms?server=one.example&limit=1&since={since}")).await?;
    assert_eq!(names(&next), ["Garden"]);
    let filter = json!({"filter": {"generic_search_term": "gard"}});
    assert_eq!(names(&bob.post("v3/publicRooms?server=one.example", filter).await?), ["Garden"]);
    assert_eq!(names(&alice.get("v3/publicRooms?server=one.example").await?).len(), 3);
    // Nobody allowed the other direction.
    let refused = alice.refused_get("v3/publicRooms?server=two.example").await?;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    let lost = alice.refused_get("v3/publicRooms?server=three.example").await?;
    assert_eq!(lost, (502, "M_UNKNOWN".to_owned()));
    Ok(())
}

#[tokio::test]
async fn without_an_account_it_is_read_only_where_the_settings_say_so() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let closed = Home::new("one.example", &network).await;
    let answer = closed.client.get("", "/_matrix/client/v3/publicRooms").await?;
    assert_eq!((answer.status.as_u16(), answer.errcode()), (401, "M_MISSING_TOKEN".to_owned()));
    let answer = closed.client.get("wrong", "/_matrix/client/v3/publicRooms").await?;
    assert_eq!((answer.status.as_u16(), answer.errcode()), (401, "M_UNKNOWN_TOKEN".to_owned()));
    let config = Config { public_rooms_without_login: true, ..Config::default() };
    let open = Home::with("two.example", &network, config).await;
    assert!(open.client.get("", "/_matrix/client/v3/publicRooms").await?.ok()?["chunk"].is_array());
    Ok(())
}

#[tokio::test]
async fn who_may_name_the_room_may_list_it() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    let path = format!("v3/directory/list/room/{room}");
    assert_eq!(bob.refused_put(&path, json!({"visibility": "public"})).await?, (403, "M_FORBIDDEN".to_owned()));
    assert_eq!(alice.get(&path).await?["visibility"], "private");
    alice.put(&path, json!({"visibility": "public"})).await?;
    assert_eq!(alice.get(&path).await?["visibility"], "public");
    assert_eq!(alice.get("v3/publicRooms").await?["chunk"].as_array().unwrap().len(), 1);
    alice.put(&path, json!({"visibility": "private"})).await?;
    assert_eq!(alice.get("v3/publicRooms").await?["chunk"], json!([]));
    assert_eq!(alice.refused_put(&path, json!({"visibility": "maybe"})).await?, (400, "M_INVALID_PARAM".to_owned()));
    let nowhere = "v3/directory/list/room/!nowhere:one.example";
    assert_eq!(alice.refused_get(nowhere).await?, (404, "M_NOT_FOUND".to_owned()));
    assert_eq!(alice.refused_put(nowhere, json!({"visibility": "public"})).await?.0, 404);
    Ok(())
}

#[tokio::test]
async fn a_room_is_listed_when_nothing_else_is_said() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let room = alice.make_room(json!({})).await?;
    let path = format!("v3/directory/list/room/{room}");
    assert_eq!(alice.get(&path).await?, json!({"visibility": "private"}));
    assert_eq!(alice.put(&path, json!({})).await?, json!({}));
    assert_eq!(alice.get(&path).await?, json!({"visibility": "public"}));
    for wrong in [json!({"visibility": "secret"}), json!({"visibility": 1}), json!([])] {
        assert_eq!(alice.refused_put(&path, wrong.clone()).await?.0, 400, "{wrong}");
    }
    assert_eq!(alice.get(&path).await?, json!({"visibility": "public"}));
    Ok(())
}
