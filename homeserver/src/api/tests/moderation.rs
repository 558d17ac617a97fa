//! Locking and suspending accounts, and looking where they are used.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{api::testing::Server, net::listener::Peer};

async fn people(server: &Server) -> anyhow::Result<(String, String, String)> {
    let admin = async |name: &str| {
        let new = json!({ "name": name, "password": "secret", "admin": true });
        let made = server.post("", "/_hearth/v1/users", new).await?.ok()?;
        anyhow::Ok(made["access_token"].as_str().unwrap().to_owned())
    };
    Ok((admin("root").await?, admin("other").await?, server.user("alice").await?))
}

fn path(verb: &str, user: &str) -> String {
    format!("/_matrix/client/v1/admin/{verb}/{user}")
}

#[tokio::test]
async fn administrators_lock_and_suspend_others_and_nobody_else_does() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, _, alice) = people(&server).await?;
    for (verb, field) in [("lock", "locked"), ("suspend", "suspended")] {
        let target = path(verb, "@alice:one.example");
        assert_eq!(server.get(&root, &target).await?.ok()?, json!({ field: false }));
        assert_eq!(server.put(&root, &target, json!({ field: true })).await?.ok()?, json!({ field: true }));
        assert_eq!(server.get(&root, &target).await?.ok()?, json!({ field: true }));
        assert_eq!(server.put(&root, &target, json!({ field: false })).await?.ok()?, json!({ field: false }));
        for (token, user, status, errcode) in [
            (&alice, "@root:one.example", 403, "M_FORBIDDEN"),
            (&alice, "@nobody:one.example", 403, "M_FORBIDDEN"),
            (&alice, "@bob:two.example", 403, "M_FORBIDDEN"),
            (&root, "@other:one.example", 403, "M_FORBIDDEN"),
            (&root, "@nobody:one.example", 404, "M_NOT_FOUND"),
            (&root, "@bob:two.example", 400, "M_INVALID_PARAM"),
            (&root, "nonsense", 400, "M_INVALID_PARAM"),
        ] {
            for answer in [
                server.get(token, &path(verb, user)).await?,
                server.put(token, &path(verb, user), json!({ field: true })).await?,
            ] {
                assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (status, errcode), "{verb} {user}");
            }
        }
        let own = server.put(&root, &path(verb, "@root:one.example"), json!({ field: true })).await?;
        assert_eq!(own.errcode(), "M_FORBIDDEN");
        for (body, errcode) in [(json!({}), "M_MISSING_PARAM"), (json!({ field: "yes" }), "M_BAD_JSON")] {
            assert_eq!(server.put(&root, &target, body).await?.errcode(), errcode);
        }
    }
    server.delete("", "/_hearth/v1/users/alice", json!({})).await?.ok()?;
    assert_eq!(server.get(&root, &path("lock", "@alice:one.example")).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn only_administrators_are_told_that_they_can() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, _, alice) = people(&server).await?;
    let capabilities = async |token: &str| {
        let answer = server.get(token, "/_matrix/client/v3/capabilities").await?.ok()?;
        anyhow::Ok(answer["capabilities"]["m.account_moderation"].clone())
    };
    assert_eq!(capabilities(&root).await?, json!({ "suspend": true, "lock": true }));
    assert_eq!(capabilities(&alice).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn the_locked_can_sign_out_and_nothing_else() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, _, alice) = people(&server).await?;
    let room = server.post(&alice, "/_matrix/client/v3/createRoom", json!({})).await?.ok()?["room_id"].clone();
    let room = room.as_str().unwrap();
    server.put(&root, &path("lock", "@alice:one.example"), json!({ "locked": true })).await?.ok()?;
    let state = format!("/_matrix/client/v3/rooms/{room}/state/org.example/logout");
    for answer in [
        server.get(&alice, "/_matrix/client/v3/sync").await?,
        server.get(&alice, "/_matrix/client/v3/account/whoami").await?,
        server.put(&alice, &state, json!({})).await?,
        server.get(&alice, "/_matrix/client/v1/media/config").await?,
    ] {
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (401, "M_USER_LOCKED"));
        assert_eq!(answer.json()["soft_logout"], true);
    }
    let login = json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": "secret" });
    assert_eq!(server.post("", "/_matrix/client/v3/login", login).await?.errcode(), "M_USER_LOCKED");
    server.put(&root, &path("lock", "@alice:one.example"), json!({ "locked": false })).await?.ok()?;
    server.get(&alice, "/_matrix/client/v3/account/whoami").await?.ok()?;
    server.put(&root, &path("lock", "@alice:one.example"), json!({ "locked": true })).await?.ok()?;
    server.post(&alice, "/_matrix/client/v3/logout/all", json!({})).await?.ok()?;
    assert_eq!(server.get(&alice, "/_matrix/client/v3/account/whoami").await?.errcode(), "M_UNKNOWN_TOKEN");
    Ok(())
}

#[tokio::test]
async fn the_suspended_read_and_leave_and_take_their_own_words_back() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, _, alice) = people(&server).await?;
    let room = server.post(&root, "/_matrix/client/v3/createRoom", json!({ "preset": "public_chat" })).await?.ok()?;
    let room = room["room_id"].as_str().unwrap().to_owned();
    let rooms = format!("/_matrix/client/v3/rooms/{room}");
    server.post(&alice, &format!("{rooms}/join"), json!({})).await?.ok()?;
    let said = async |token: &str, id: &str| {
        let path = format!("{rooms}/send/m.room.message/{id}");
        let sent = server.put(token, &path, json!({ "msgtype": "m.text", "body": "hello" })).await?.ok()?;
        anyhow::Ok(sent["event_id"].as_str().unwrap().to_owned())
    };
    let (own, others) = (said(&alice, "1").await?, said(&root, "2").await?);
    server.put(&root, &path("suspend", "@alice:one.example"), json!({ "suspended": true })).await?.ok()?;

    let text = json!({ "msgtype": "m.text", "body": "more" });
    for answer in [
        server.put(&alice, &format!("{rooms}/send/m.room.message/3"), text).await?,
        server.put(&alice, &format!("{rooms}/state/m.room.topic/"), json!({ "topic": "mine" })).await?,
        server.post(&alice, &format!("{rooms}/invite"), json!({ "user_id": "@other:one.example" })).await?,
        server.post(&alice, &format!("{rooms}/join"), json!({})).await?,
        server.post(&alice, &format!("/_matrix/client/v3/join/{room}"), json!({})).await?,
        server.post(&alice, "/_matrix/client/v3/createRoom", json!({})).await?,
        server
            .put(&alice, "/_matrix/client/v3/profile/@alice:one.example/displayname", json!({ "displayname": "A" }))
            .await?,
        server.put(&alice, &format!("{rooms}/redact/{others}/4"), json!({})).await?,
        server.post(&alice, "/_matrix/media/v3/upload", json!({})).await?,
    ] {
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (403, "M_USER_SUSPENDED"));
    }
    server.get(&alice, "/_matrix/client/v3/sync").await?.ok()?;
    server.get(&alice, &format!("{rooms}/messages?dir=b")).await?.ok()?;
    server.put(&alice, &format!("{rooms}/redact/{own}/5"), json!({})).await?.ok()?;
    server.post(&alice, &format!("{rooms}/leave"), json!({})).await?.ok()?;
    server.post(&alice, "/_matrix/client/v3/logout", json!({})).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn whois_tells_administrators_and_the_user_where_devices_were_seen() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, _, alice) = people(&server).await?;
    let path = "/_matrix/client/v3/admin/whois/@alice:one.example";
    let mut request = Request::get("/_matrix/client/v3/account/whoami")
        .header("authorization", format!("Bearer {alice}"))
        .header("user-agent", "app/1.0")
        .body(Body::empty())?;
    request.extensions_mut().insert(Peer::Tls("203.0.113.9:5000".parse()?));
    let me = server.send_request(request).await?.ok()?;
    for token in [&root, &alice] {
        let told = server.get(token, path).await?.ok()?;
        assert_eq!(told["user_id"], "@alice:one.example");
        let device = &told["devices"][me["device_id"].as_str().unwrap()];
        assert_eq!(
            device["sessions"][0]["connections"],
            json!([{ "ip": "203.0.113.9", "last_seen": 1_700_000_000_000_u64, "user_agent": "app/1.0" }])
        );
    }
    let other = server.get(&alice, "/_matrix/client/v3/admin/whois/@root:one.example").await?;
    assert_eq!(other.errcode(), "M_FORBIDDEN");
    assert_eq!(server.get(&root, "/_matrix/client/v3/admin/whois/@no:one.example").await?.errcode(), "M_NOT_FOUND");
    assert_eq!(
        server.get(&root, "/_matrix/client/v3/admin/whois/@bob:two.example").await?.errcode(),
        "M_INVALID_PARAM"
    );
    Ok(())
}
