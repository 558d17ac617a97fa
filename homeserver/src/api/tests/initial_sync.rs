//! The first answer of old: everything that a user has.

use serde_json::{Value, json};

use crate::{
    api::testing::Server,
    testing::{FakeNetwork, TestHome},
};

const PATH: &str = "/_matrix/client/v3/initialSync";

async fn room(server: &Server, token: &str, name: &str) -> anyhow::Result<String> {
    let body = json!({ "preset": "public_chat", "name": name });
    Ok(server.post(token, "/_matrix/client/v3/createRoom", body).await?.ok()?["room_id"].as_str().unwrap().to_owned())
}

async fn say(server: &Server, token: &str, room: &str, body: &str) -> anyhow::Result<()> {
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{body}");
    server.put(token, &path, json!({ "msgtype": "m.text", "body": body })).await?.ok()?;
    Ok(())
}

fn section(answer: &Value, room: &str) -> Value {
    answer["rooms"].as_array().unwrap().iter().find(|one| one["room_id"] == *room).cloned().unwrap_or_default()
}

fn bodies(section: &Value) -> Vec<String> {
    let chunk = section["messages"]["chunk"].as_array().cloned().unwrap_or_default();
    chunk.iter().filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn everything_that_a_user_has_comes_at_once() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let mine = room(&server, &alice, "Mine").await?;
    server.pass(1);
    let bobs = room(&server, &bob, "Invited").await?;
    server.pass(1);
    let gone = room(&server, &bob, "Left").await?;
    say(&server, &bob, &gone, "before").await?;
    server.post(&alice, &format!("/_matrix/client/v3/rooms/{gone}/join"), json!({})).await?.ok()?;
    say(&server, &bob, &gone, "while").await?;
    server.post(&alice, &format!("/_matrix/client/v3/rooms/{gone}/leave"), json!({})).await?.ok()?;
    say(&server, &bob, &gone, "after").await?;
    let invite = json!({ "user_id": "@alice:one.example", "reason": "come" });
    server.post(&bob, &format!("/_matrix/client/v3/rooms/{bobs}/invite"), invite).await?.ok()?;
    for body in ["one", "two", "three"] {
        say(&server, &alice, &mine, body).await?;
    }
    server
        .put(&alice, &format!("/_matrix/client/v3/directory/list/room/{mine}"), json!({ "visibility": "public" }))
        .await?
        .ok()?;
    let user = "/_matrix/client/v3/user/@alice:one.example";
    server.put(&alice, &format!("{user}/account_data/org.example.all"), json!({ "a": 1 })).await?.ok()?;
    server.put(&alice, &format!("{user}/rooms/{mine}/account_data/org.example.one"), json!({ "b": 2 })).await?.ok()?;
    let status = json!({ "presence": "online", "status_msg": "here" });
    server.put(&alice, "/_matrix/client/v3/presence/@alice:one.example/status", status).await?.ok()?;

    let all = server.get(&alice, &format!("{PATH}?limit=2")).await?.ok()?;
    assert_eq!(all["rooms"].as_array().unwrap().len(), 2);
    let first = section(&all, &mine);
    assert_eq!((&first["membership"], &first["visibility"]), (&json!("join"), &json!("public")));
    assert_eq!(bodies(&first), ["two", "three"]);
    assert!(first["messages"]["chunk"].as_array().unwrap().iter().all(|event| event["room_id"] == *mine));
    let state = first["state"].as_array().unwrap();
    assert!(state.iter().any(|event| event["type"] == "m.room.name" && event["content"]["name"] == "Mine"));
    assert!(state.iter().all(|event| event["room_id"] == *mine && event["event_id"].is_string()));
    assert_eq!(first["account_data"], json!([{ "type": "org.example.one", "content": { "b": 2 } }]));
    let start = first["messages"]["start"].as_str().unwrap();
    let path = format!("/_matrix/client/v3/rooms/{mine}/messages?dir=b&from={start}&limit=1");
    assert_eq!(server.get(&alice, &path).await?.ok()?["chunk"][0]["content"]["body"], "one");

    let invited = section(&all, &bobs);
    assert_eq!((&invited["membership"], &invited["visibility"]), (&json!("invite"), &json!("private")));
    assert_eq!(invited["invite"]["content"]["reason"], "come");
    assert_eq!(
        (&invited["invite"]["sender"], &invited["invite"]["room_id"]),
        (&json!("@bob:one.example"), &json!(bobs))
    );
    assert_eq!((invited.get("messages"), invited.get("state")), (None, None));

    let types: Vec<&str> =
        all["account_data"].as_array().unwrap().iter().filter_map(|data| data["type"].as_str()).collect();
    assert!(types.contains(&"org.example.all") && types.contains(&"m.push_rules"), "{types:?}");
    assert_eq!(all["presence"][0]["content"]["status_msg"], "here");

    let all = server.get(&alice, &format!("{PATH}?archived=true&limit=1")).await?.ok()?;
    let left = section(&all, &gone);
    assert_eq!(left["membership"], "leave");
    assert_eq!(left["messages"]["chunk"][0]["content"]["membership"], "leave");
    assert!(left["state"].as_array().unwrap().iter().any(|event| event["type"] == "m.room.name"));
    let all = server.get(&alice, &format!("{PATH}?archived=true")).await?.ok()?;
    assert_eq!(bodies(&section(&all, &gone)).last().map(String::as_str), Some("while"));

    let end = all["end"].as_str().unwrap();
    say(&server, &alice, &mine, "four").await?;
    let told = server.get(&alice, &format!("/_matrix/client/v3/events?from={end}")).await?.ok()?;
    assert_eq!(told["chunk"][0]["content"]["body"], "four");
    Ok(())
}

#[tokio::test]
async fn no_messages_are_lost_when_none_are_asked_for() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let alice = server.user("alice").await?;
    let mine = room(&server, &alice, "Mine").await?;
    say(&server, &alice, &mine, "newest").await?;
    let first = section(&server.get(&alice, &format!("{PATH}?limit=0")).await?.ok()?, &mine);
    assert_eq!(first["messages"]["chunk"], json!([]));
    let start = first["messages"]["start"].as_str().unwrap();
    let path = format!("/_matrix/client/v3/rooms/{mine}/messages?dir=b&from={start}&limit=1");
    assert_eq!(server.get(&alice, &path).await?.ok()?["chunk"][0]["content"]["body"], "newest");
    Ok(())
}

#[tokio::test]
async fn bad_questions_are_refused() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let alice = server.user("alice").await?;
    assert_eq!(server.get(&alice, PATH).await?.ok()?["rooms"], json!([]));
    for query in ["limit=x", "limit=-1", "archived=2"] {
        let refused = server.get(&alice, &format!("{PATH}?{query}")).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"), "{query}");
    }
    assert_eq!(server.get("", PATH).await?.errcode(), "M_MISSING_TOKEN");
    assert!(server.get(&alice, &format!("{PATH}?limit=99999999999")).await?.ok()?["end"].is_string());
    Ok(())
}

#[tokio::test]
async fn an_invite_of_another_server_is_shown_as_it_came() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let (at_one, at_two) = (Server::over(one.parts.clone()), Server::over(two.parts.clone()));
    let (alice, bob) = (at_one.user("alice").await?, at_two.user("bob").await?);
    let theirs = room(&at_one, &alice, "Theirs").await?;
    let invite = json!({ "user_id": "@bob:two.example" });
    at_one.post(&alice, &format!("/_matrix/client/v3/rooms/{theirs}/invite"), invite).await?.ok()?;
    let invited = section(&at_two.get(&bob, PATH).await?.ok()?, &theirs);
    let member = format!("/_matrix/client/v3/rooms/{theirs}/state/m.room.member/@bob:two.example?format=event");
    let event = at_one.get(&alice, &member).await?.ok()?;
    for field in ["event_id", "sender", "state_key", "content", "origin_server_ts", "type"] {
        assert_eq!(invited["invite"][field], event[field], "{field}");
    }
    Ok(())
}
