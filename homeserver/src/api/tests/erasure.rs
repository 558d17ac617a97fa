//! Closing an account, and having what it said forgotten.

use serde_json::{Value, json};

use crate::api::testing::Server;

const DEACTIVATE: &str = "/_matrix/client/v3/account/deactivate";

fn proof(user: &str, session: &Value) -> Value {
    json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": "secret", "session": session,
    })
}

async fn messages(server: &Server, token: &str, room: &str) -> anyhow::Result<Vec<Value>> {
    let page = server.get(token, &format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100")).await?.ok()?;
    let chunk = page["chunk"].as_array().unwrap().iter();
    Ok(chunk.filter(|event| event["type"] == "m.room.message").map(|event| event["content"].clone()).collect())
}

#[tokio::test]
async fn who_comes_later_sees_nothing_of_what_the_erased_said() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob, carol) = (server.user("alice").await?, server.user("bob").await?, server.user("carol").await?);
    let new = json!({ "preset": "public_chat" });
    let room = server.post(&bob, "/_matrix/client/v3/createRoom", new).await?.ok()?["room_id"].clone();
    let room = room.as_str().unwrap();
    server.post(&alice, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
    let said = json!({ "msgtype": "m.text", "body": "hello" });
    server.put(&alice, &format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/1"), said.clone()).await?.ok()?;

    let asked = server.post(&alice, DEACTIVATE, json!({ "erase": true })).await?;
    assert_eq!(asked.status, 401);
    let body = json!({ "erase": true, "auth": proof("alice", &asked.json()["session"]) });
    let closed = server.post(&alice, DEACTIVATE, body).await?.ok()?;
    assert_eq!(closed, json!({ "id_server_unbind_result": "success" }));
    assert_eq!(server.get(&alice, "/_matrix/client/v3/account/whoami").await?.errcode(), "M_UNKNOWN_TOKEN");
    let member = format!("/_matrix/client/v3/rooms/{room}/state/m.room.member/@alice:one.example");
    assert_eq!(server.get(&bob, &member).await?.ok()?["membership"], "leave");

    server.post(&carol, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
    assert_eq!(messages(&server, &carol, room).await?, [json!({})]);
    assert_eq!(messages(&server, &bob, room).await?, [said]);
    Ok(())
}

#[tokio::test]
async fn without_erasure_what_was_said_stays() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, carol) = (server.user("alice").await?, server.user("carol").await?);
    server.user("bob").await?;
    let new = json!({ "preset": "public_chat" });
    let room = server.post(&alice, "/_matrix/client/v3/createRoom", new).await?.ok()?["room_id"].clone();
    let room = room.as_str().unwrap();
    let said = json!({ "msgtype": "m.text", "body": "hello" });
    server.put(&alice, &format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/1"), said.clone()).await?.ok()?;
    server.post(&carol, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
    let asked = server.post(&alice, DEACTIVATE, json!({})).await?.json();
    let other = server.post(&alice, DEACTIVATE, json!({ "auth": proof("bob", &asked["session"]) })).await?;
    assert_eq!((other.status.as_u16(), other.errcode().as_str()), (401, "M_FORBIDDEN"));
    server.post(&alice, DEACTIVATE, json!({ "auth": proof("alice", &asked["session"]) })).await?.ok()?;
    server.post(&carol, &format!("/_matrix/client/v3/rooms/{room}/leave"), json!({})).await?.ok()?;
    let login = json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": "secret" });
    assert_eq!(server.post("", "/_matrix/client/v3/login", login).await?.errcode(), "M_USER_DEACTIVATED");
    assert_eq!(messages(&server, &carol, room).await?, [said]);
    Ok(())
}
