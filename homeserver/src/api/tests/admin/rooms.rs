//! Rooms in the admin API: lists, deletion, blocking, old history.

use std::time::Duration;

use ruma::{RoomId, server_name};
use serde_json::{Value, json};

use super::{ROOMS, admin};
use crate::{
    api::testing::Server,
    store::{Durability, StoreError},
    testing::{FakeNetwork, TestHome},
};

async fn room(server: &Server, token: &str, more: Value) -> anyhow::Result<String> {
    let made = server.post(token, "/_matrix/client/v3/createRoom", more).await?.ok()?;
    Ok(made["room_id"].as_str().unwrap().to_owned())
}

async fn say(server: &Server, token: &str, room: &str, words: &str) -> anyhow::Result<String> {
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{words}");
    let sent = server.put(token, &path, json!({ "msgtype": "m.text", "body": words })).await?.ok()?;
    Ok(sent["event_id"].as_str().unwrap().to_owned())
}

/// Asks until the purge is over.
async fn ended(server: &Server, token: &str, path: &str) -> anyhow::Result<Value> {
    let ask = async {
        loop {
            let status = server.get(token, path).await?.ok()?;
            if status["status"] == "complete" || status["status"] == "failed" {
                return anyhow::Ok(status);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ask).await?
}

#[tokio::test]
async fn rooms_are_listed_searched_and_shown() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, alice) = (admin(&server).await?, server.user("alice").await?);
    let garden = json!({ "name": "Garden", "topic": "Plants", "preset": "public_chat", "room_alias_name": "green", "visibility": "public" });
    let garden = room(&server, &alice, garden).await?;
    let attic = room(
        &server,
        &root,
        json!({ "name": "attic", "creation_content": { "type": "m.space", "m.federate": false } }),
    )
    .await?;
    server.post(&root, &format!("/_matrix/client/v3/rooms/{garden}/join"), json!({})).await?.ok()?;

    let list = async |query: &str| server.get(&root, &format!("{ROOMS}?{query}")).await?.ok();
    let ids = |page: &Value| -> Vec<String> {
        page["rooms"].as_array().unwrap().iter().map(|room| room["room_id"].as_str().unwrap().to_owned()).collect()
    };
    let page = list("").await?;
    assert_eq!(
        (ids(&page), &page["total_rooms"], &page["offset"]),
        (vec![attic.clone(), garden.clone()], &json!(2), &json!(0))
    );
    assert_eq!(ids(&list("order_by=joined_members").await?), [garden.clone(), attic.clone()]);
    assert_eq!(ids(&list("order_by=size&dir=b").await?), [attic.clone(), garden.clone()]);
    let first = list("limit=1").await?;
    assert_eq!((ids(&first), &first["next_batch"]), (vec![attic.clone()], &json!(1)));
    let second = list("limit=1&from=1").await?;
    assert_eq!(
        (ids(&second), &second["prev_batch"], second.get("next_batch")),
        (vec![garden.clone()], &json!(0), None)
    );
    for term in ["GARD", "green", &garden[1..12]] {
        assert_eq!(ids(&list(&format!("search_term={term}")).await?), std::slice::from_ref(&garden), "{term}");
    }
    assert!(ids(&list("search_term=nothing").await?).is_empty());
    assert_eq!(server.get(&root, &format!("{ROOMS}?search_term=")).await?.errcode(), "M_INVALID_PARAM");

    let shown = server.get(&root, &format!("{ROOMS}/{garden}")).await?.ok()?;
    for (field, value) in [
        ("name", json!("Garden")),
        ("topic", json!("Plants")),
        ("canonical_alias", json!("#green:one.example")),
        ("joined_members", json!(2)),
        ("joined_local_members", json!(2)),
        ("joined_local_devices", json!(2)),
        ("creator", json!("@alice:one.example")),
        ("join_rules", json!("public")),
        ("public", json!(true)),
        ("federatable", json!(true)),
        ("version", json!("12")),
        ("encryption", Value::Null),
        ("room_type", Value::Null),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let shown = server.get(&root, &format!("{ROOMS}/{attic}")).await?.ok()?;
    assert_eq!((&shown["room_type"], &shown["federatable"]), (&json!("m.space"), &json!(false)));
    let members = server.get(&root, &format!("{ROOMS}/{garden}/members")).await?.ok()?;
    assert_eq!(members["total"], 2);
    for path in [format!("{ROOMS}/!no:one.example"), format!("{ROOMS}/!no:one.example/members")] {
        assert_eq!(server.get(&root, &path).await?.errcode(), "M_NOT_FOUND");
    }
    assert_eq!(server.get(&root, &format!("{ROOMS}/nonsense")).await?.errcode(), "M_INVALID_PARAM");
    Ok(())
}

#[tokio::test]
async fn a_deleted_room_leaves_nothing_and_a_blocked_one_lets_nobody_in() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, alice) = (admin(&server).await?, server.user("alice").await?);
    let public = json!({ "preset": "public_chat", "room_alias_name": "green", "invite": ["@root:one.example"] });
    let gone = room(&server, &alice, public).await?;
    let stays = room(&server, &alice, json!({})).await?;
    let event = say(&server, &alice, &gone, "hello").await?;
    say(&server, &alice, &stays, "here").await?;
    server.put(&alice, &format!("/_matrix/client/v3/rooms/{gone}/redact/{event}/1"), json!({})).await?.ok()?;
    server.post(&alice, &format!("/_matrix/client/v3/rooms/{gone}/receipt/m.read/{event}"), json!({})).await?.ok()?;

    let path = format!("/_synapse/admin/v2/rooms/{gone}");
    let moved = server.delete(&root, &path, json!({ "new_room_user_id": "@root:one.example" })).await?;
    assert_eq!(moved.errcode(), "M_INVALID_PARAM");
    let begun = server.delete(&root, &path, json!({ "block": true })).await?.ok()?;
    let id = begun["delete_id"].as_str().unwrap();
    let status = ended(&server, &root, &format!("/_synapse/admin/v2/rooms/delete_status/{id}")).await?;
    assert_eq!(status["status"], "complete", "{status}");
    assert_eq!(status["shutdown_room"]["kicked_users"], json!(["@alice:one.example", "@root:one.example"]));
    assert_eq!(status["shutdown_room"]["local_aliases"], json!(["#green:one.example"]));
    assert_eq!(status["shutdown_room"]["new_room_id"], Value::Null);
    let all = server.get(&root, &format!("{path}/delete_status")).await?.ok()?;
    assert_eq!(all["results"][0]["delete_id"], id);

    assert_eq!(server.get(&root, &format!("{ROOMS}/{gone}")).await?.errcode(), "M_NOT_FOUND");
    assert_eq!(server.get("", "/_matrix/client/v3/directory/room/%23green:one.example").await?.status, 404);
    let messages = server.get(&alice, &format!("/_matrix/client/v3/rooms/{gone}/messages?dir=b")).await?;
    assert_eq!(messages.errcode(), "M_FORBIDDEN");
    let joined = server.get(&alice, "/_matrix/client/v3/joined_rooms").await?.ok()?;
    assert_eq!(joined["joined_rooms"], json!([stays]));
    let page = server.get(&alice, &format!("/_matrix/client/v3/rooms/{stays}/messages?dir=b&limit=1")).await?.ok()?;
    assert_eq!(page["chunk"][0]["content"]["body"], "here");
    server.get(&alice, "/_matrix/client/v3/sync").await?.ok()?;

    let join = format!("/_matrix/client/v3/rooms/{gone}/join");
    let blocked = server.post(&alice, &join, json!({})).await?;
    assert!(blocked.errcode() == "M_FORBIDDEN" && blocked.json()["error"].as_str().unwrap().contains("blocked"));
    let block = format!("{ROOMS}/{gone}/block");
    assert_eq!(server.get(&root, &block).await?.ok()?, json!({ "block": true, "user_id": "@root:one.example" }));
    assert_eq!(server.put(&root, &block, json!({ "block": false })).await?.ok()?, json!({ "block": false }));
    assert_eq!(server.get(&root, &block).await?.ok()?, json!({ "block": false }));
    let unknown = server.post(&alice, &join, json!({})).await?;
    assert!(!unknown.json()["error"].as_str().unwrap().contains("blocked"));

    for path in [path.clone(), "/_synapse/admin/v2/rooms/!no:one.example".to_owned()] {
        assert_eq!(server.delete(&root, &path, json!({})).await?.errcode(), "M_NOT_FOUND");
    }
    assert_eq!(server.get(&root, "/_synapse/admin/v2/rooms/delete_status/no").await?.errcode(), "M_NOT_FOUND");
    // Rooms made afterwards may have the numbers of what is gone.
    let new = room(&server, &alice, json!({})).await?;
    say(&server, &alice, &new, "fresh").await?;
    let synced = server.get(&alice, "/_matrix/client/v3/sync").await?.ok()?;
    assert_eq!(synced["rooms"]["join"].as_object().unwrap().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_purge_hides_the_room_first_and_goes_on_at_the_next_start() -> anyhow::Result<()> {
    let home = TestHome::new("one.example", &FakeNetwork::default()).await;
    let server = Server::over(home.parts.clone());
    let alice = server.user("alice").await?;
    let visibility =
        json!({ "type": "m.room.history_visibility", "content": { "history_visibility": "world_readable" } });
    let wish = json!({ "preset": "public_chat", "visibility": "public", "initial_state": [visibility] });
    let gone = room(&server, &alice, wish).await?;
    let mut event = String::new();
    // More than go in one part.
    for n in 0..250 {
        event = say(&server, &alice, &gone, &n.to_string()).await?;
    }
    let store = &home.parts.store;
    let sn = store.read().await?.room_by_id(<&RoomId>::try_from(gone.as_str())?).await?.unwrap().sn;
    let nowhere = RoomId::new_v1(server_name!("purged.invalid"));
    let begun = store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move { tx.begin_purge(sn, &nowhere).await })
        })
        .await?;
    assert!(begun);
    // As if the program had been stopped here.
    let page = format!("/_matrix/client/v3/rooms/{gone}/messages?dir=b");
    assert_eq!(server.get(&alice, &page).await?.errcode(), "M_FORBIDDEN");
    assert_eq!(server.get(&alice, &format!("/_matrix/client/v3/events/{event}")).await?.errcode(), "M_NOT_FOUND");
    assert_eq!(server.get(&alice, "/_matrix/client/v3/joined_rooms").await?.ok()?["joined_rooms"], json!([]));
    assert_eq!(
        server.get("", "/_matrix/client/v3/publicRooms").await?.json()["chunk"].as_array().map_or(0, Vec::len),
        0
    );
    assert_eq!(server.get(&alice, "/_matrix/client/v3/sync").await?.ok()?["rooms"], Value::Null);
    let search = json!({ "search_categories": { "room_events": { "search_term": "249" } } });
    let found = server.post(&alice, "/_matrix/client/v3/search", search).await?.ok()?;
    assert_eq!(found["search_categories"]["room_events"]["count"], 0);
    let join = format!("/_matrix/client/v3/rooms/{gone}/join");
    assert!(server.post(&alice, &join, json!({})).await?.json()["error"].as_str().unwrap().contains("blocked"));

    let other = room(&server, &alice, json!({})).await?;
    home.parts.rooms.resume_purges().await?;
    say(&server, &alice, &other, "meanwhile").await?;
    let ended = async {
        while !store.read().await?.purging_rooms().await?.is_empty() {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await??;
    assert!(store.read().await?.all_events(sn).await?.is_empty());
    assert!(!server.post(&alice, &join, json!({})).await?.json()["error"].as_str().unwrap().contains("blocked"));
    assert_eq!(server.get(&alice, "/_matrix/client/v3/joined_rooms").await?.ok()?["joined_rooms"], json!([other]));
    Ok(())
}

#[tokio::test]
async fn a_long_history_goes_in_parts() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, alice) = (admin(&server).await?, server.user("alice").await?);
    let garden = room(&server, &alice, json!({})).await?;
    let mut last = String::new();
    for n in 0..450 {
        last = say(&server, &alice, &garden, &n.to_string()).await?;
    }
    let purge = json!({ "delete_local_events": true, "purge_up_to_event_id": last });
    let begun = server.post(&root, &format!("/_synapse/admin/v1/purge_history/{garden}"), purge).await?.ok()?;
    let status = format!("/_synapse/admin/v1/purge_history_status/{}", begun["purge_id"].as_str().unwrap());
    assert_eq!(ended(&server, &root, &status).await?["status"], "complete");
    let page =
        server.get(&alice, &format!("/_matrix/client/v3/rooms/{garden}/messages?dir=b&limit=500")).await?.ok()?;
    let messages = page["chunk"].as_array().unwrap().iter().filter(|event| event["type"] == "m.room.message").count();
    assert_eq!(messages, 1);
    Ok(())
}

#[tokio::test]
async fn a_room_that_is_only_shut_down_keeps_its_events() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, alice) = (admin(&server).await?, server.user("alice").await?);
    let public = json!({ "preset": "public_chat", "room_alias_name": "green", "name": "Garden" });
    let garden = room(&server, &alice, public).await?;
    let begun =
        server.delete(&root, &format!("/_synapse/admin/v2/rooms/{garden}"), json!({ "purge": false })).await?.ok()?;
    let status = format!("/_synapse/admin/v2/rooms/delete_status/{}", begun["delete_id"].as_str().unwrap());
    assert_eq!(ended(&server, &root, &status).await?["status"], "complete");
    let shown = server.get(&root, &format!("{ROOMS}/{garden}")).await?.ok()?;
    assert_eq!((&shown["joined_members"], &shown["name"]), (&json!(0), &json!("Garden")));
    assert_eq!(server.get("", "/_matrix/client/v3/directory/room/%23green:one.example").await?.status, 404);
    assert_eq!(server.get(&root, &format!("{ROOMS}/{garden}/block")).await?.ok()?, json!({ "block": false }));
    Ok(())
}

#[tokio::test]
async fn old_messages_leave_and_state_and_the_newest_stay() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, alice) = (admin(&server).await?, server.user("alice").await?);
    let garden = room(&server, &alice, json!({ "name": "Garden" })).await?;
    let mut said = Vec::new();
    for words in ["one", "two", "three", "four"] {
        said.push(say(&server, &alice, &garden, words).await?);
        server.pass(1000);
    }
    let redact = format!("/_matrix/client/v3/rooms/{garden}/redact/{}/1", said[3]);
    server.put(&alice, &redact, json!({})).await?.ok()?;
    let bodies = async || {
        let page =
            server.get(&alice, &format!("/_matrix/client/v3/rooms/{garden}/messages?dir=b&limit=100")).await?.ok()?;
        let chunk = page["chunk"].as_array().unwrap().iter();
        let messages = chunk.filter(|event| event["type"] == "m.room.message");
        anyhow::Ok(
            messages.map(|event| event["content"]["body"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>(),
        )
    };
    let history = format!("/_synapse/admin/v1/purge_history/{garden}");
    let purge = async |path: &str, body: Value| {
        let begun = server.post(&root, path, body).await?.ok()?;
        let id = begun["purge_id"].as_str().unwrap().to_owned();
        ended(&server, &root, &format!("/_synapse/admin/v1/purge_history_status/{id}")).await
    };
    // What was said here may be the only copy.
    assert_eq!(purge(&history, json!({ "purge_up_to_event_id": said[2] })).await?, json!({ "status": "complete" }));
    assert_eq!(bodies().await?, ["-", "three", "two", "one"]);
    let local = json!({ "delete_local_events": true });
    assert_eq!(purge(&format!("{history}/{}", said[2]), local).await?["status"], "complete");
    assert_eq!(bodies().await?, ["-", "three"]);
    let event = |id: &str| format!("/_matrix/client/v3/rooms/{garden}/event/{id}");
    assert_eq!(server.get(&alice, &event(&said[0])).await?.errcode(), "M_NOT_FOUND");
    let redacted = server.get(&alice, &event(&said[3])).await?.ok()?;
    assert_eq!(redacted["unsigned"]["redacted_because"]["type"], "m.room.redaction");
    let name = server.get(&alice, &format!("/_matrix/client/v3/rooms/{garden}/state/m.room.name/")).await?.ok()?;
    assert_eq!(name["name"], "Garden");
    let by_time = json!({ "delete_local_events": true, "purge_up_to_ts": 1_700_000_010_000_i64 });
    assert_eq!(purge(&history, by_time).await?["status"], "complete");
    say(&server, &alice, &garden, "five").await?;
    assert_eq!(bodies().await?.first().map(String::as_str), Some("five"));
    server.get(&alice, "/_matrix/client/v3/sync").await?.ok()?;

    for (path, body, errcode) in [
        (history.clone(), json!({}), "M_MISSING_PARAM"),
        (history.clone(), json!({ "purge_up_to_ts": 1 }), "M_NOT_FOUND"),
        (history.clone(), json!({ "purge_up_to_ts": "soon" }), "M_BAD_JSON"),
        (format!("{history}/nonsense"), json!({}), "M_INVALID_PARAM"),
        (format!("{history}/$no"), json!({}), "M_NOT_FOUND"),
        ("/_synapse/admin/v1/purge_history/!no:one.example".to_owned(), json!({ "purge_up_to_ts": 1 }), "M_NOT_FOUND"),
    ] {
        assert_eq!(server.post(&root, &path, body).await?.errcode(), errcode, "{path}");
    }
    assert_eq!(server.get(&root, "/_synapse/admin/v1/purge_history_status/no").await?.errcode(), "M_NOT_FOUND");
    Ok(())
}
