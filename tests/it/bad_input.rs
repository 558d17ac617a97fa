//! Bad input: the specification's error code, bounded, and the server goes on.

use anyhow::Result;
use http::Method;
use serde_json::json;
use tests::{RoomBuilder, TestServer, TestUser, user::anonymous};

#[tokio::test]
async fn malformed_json_and_wrong_types_are_told_apart() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let not_json: [&[u8]; 3] = [b"{", b"not json", b"{\"a\": \xff\xfe}"];
    for body in not_json {
        alice.send_raw(Method::POST, &["createRoom"], body.to_vec()).await?.refused(400, "M_NOT_JSON")?;
    }
    alice.send_raw(Method::POST, &["createRoom"], b"[1]".to_vec()).await?.refused(400, "M_BAD_JSON")?;
    alice.post(&["createRoom"], json!({ "invite": "not a list" })).await?.refused(400, "M_BAD_JSON")?;
    alice.get(&["account", "whoami"]).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn tokens_that_nobody_gave_out_are_refused() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    alice.with_token("foreign").get(&["account", "whoami"]).await?.refused(401, "M_UNKNOWN_TOKEN")?;
    let whoami = "/_matrix/client/v3/account/whoami";
    anonymous(&server, Method::GET, whoami, None).await?.refused(401, "M_MISSING_TOKEN")?;
    let other = tests::Serve::new("other.test")?.start().await?;
    let stranger = TestUser::register(&other, "alice").await?;
    alice.with_token(&stranger.access_token).get(&["sync"]).await?.refused(401, "M_UNKNOWN_TOKEN")?;
    Ok(())
}

#[tokio::test]
async fn what_nobody_serves_is_unrecognized() -> Result<()> {
    let server = TestServer::start().await?;
    for path in
        ["/_matrix/client/v3/none", "/_matrix/client/v9/sync", "/_matrix/none", "/_matrix/federation/v1/version/x"]
    {
        anonymous(&server, Method::GET, path, None).await?.refused(404, "M_UNRECOGNIZED")?;
    }
    let versions = anonymous(&server, Method::DELETE, "/_matrix/client/versions", None).await?;
    versions.refused(405, "M_UNRECOGNIZED")?;
    Ok(())
}

#[tokio::test]
async fn too_large_a_body_or_event_is_refused() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).make().await?;
    let event = json!({ "msgtype": "m.text", "body": "x".repeat(70_000) });
    alice.put(&["rooms", &room, "send", "m.room.message", "1"], event).await?.refused(413, "M_TOO_LARGE")?;
    let body = format!("{{\"a\": \"{}\"}}", "x".repeat(30_000_000)).into_bytes();
    // A server may answer and hang up before it has read it all; what counts is that it lives and took nothing.
    if let Ok(answer) = alice.send_raw(Method::POST, &["createRoom"], body).await {
        answer.refused(413, "M_TOO_LARGE")?;
    }
    alice.say(&room, "still here").await?;
    Ok(())
}

#[tokio::test]
async fn values_that_canonical_json_lacks_are_refused() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).make().await?;
    for bad in [json!({ "n": 1.5 }), json!({ "n": 9_007_199_254_740_993_i64 })] {
        alice.put(&["rooms", &room, "send", "test.number", "1"], bad).await?.refused(400, "M_BAD_JSON")?;
    }
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let body = format!("{{\"deep\": {deep}}}").into_bytes();
    let answer = alice.send_raw(Method::PUT, &["rooms", &room, "send", "test.deep", "2"], body).await?;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    alice.say(&room, "still here").await?;
    Ok(())
}

#[tokio::test]
async fn unknown_rooms_and_users_do_not_leak() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let bob = TestUser::register(&server, "bob").await?;
    let private = RoomBuilder::of(&alice).make().await?;
    let message = json!({ "msgtype": "m.text", "body": "x" });
    for room in [private.as_str(), "!none:hearth.test"] {
        bob.put(&["rooms", room, "send", "m.room.message", "1"], message.clone()).await?.refused(403, "M_FORBIDDEN")?;
        bob.get(&["rooms", room, "state"]).await?.refused(403, "M_FORBIDDEN")?;
        let messages = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b");
        bob.ask(Method::GET, &messages, None).await?.refused(403, "M_FORBIDDEN")?;
    }
    bob.post(&["join", &private], json!({})).await?.refused(403, "M_FORBIDDEN")?;
    bob.get(&["profile", "@nobody:hearth.test"]).await?.refused(404, "M_NOT_FOUND")?;
    let not_an_id = bob.put(&["rooms", "not-a-room", "send", "m.room.message", "1"], message).await?;
    assert!((400..500).contains(&not_an_id.status), "{not_an_id:?}");
    Ok(())
}
