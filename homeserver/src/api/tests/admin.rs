//! The admin API: accounts, rooms, history and media, for administrators alone.

mod rooms;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::{api::testing::Server, net::listener::Peer};

const USERS: &str = "/_synapse/admin/v2/users";
const ROOMS: &str = "/_synapse/admin/v1/rooms";

async fn admin(server: &Server) -> anyhow::Result<String> {
    let new = json!({ "name": "root", "password": "secret", "admin": true });
    let made = server.post("", "/_hearth/v1/users", new).await?.ok()?;
    Ok(made["access_token"].as_str().unwrap().to_owned())
}

fn names(page: &Value) -> Vec<&str> {
    page["users"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn nobody_but_administrators_and_the_owner_gets_in() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (root, alice) = (admin(&server).await?, server.user("alice").await?);
    for (method, path) in [
        (Method::GET, USERS),
        (Method::GET, "/_synapse/admin/v2/users/@alice:one.example"),
        (Method::PUT, "/_synapse/admin/v2/users/@alice:one.example"),
        (Method::POST, "/_synapse/admin/v1/deactivate/@alice:one.example"),
        (Method::POST, "/_synapse/admin/v1/reset_password/@alice:one.example"),
        (Method::GET, ROOMS),
        (Method::GET, "/_synapse/admin/v1/rooms/!a:one.example"),
        (Method::GET, "/_synapse/admin/v1/rooms/!a:one.example/members"),
        (Method::PUT, "/_synapse/admin/v1/rooms/!a:one.example/block"),
        (Method::DELETE, "/_synapse/admin/v2/rooms/!a:one.example"),
        (Method::GET, "/_synapse/admin/v2/rooms/!a:one.example/delete_status"),
        (Method::GET, "/_synapse/admin/v2/rooms/delete_status/a"),
        (Method::POST, "/_synapse/admin/v1/purge_history/!a:one.example"),
        (Method::GET, "/_synapse/admin/v1/purge_history_status/a"),
        (Method::POST, "/_synapse/admin/v1/purge_media_cache"),
        (Method::GET, "/_synapse/admin/v1/event_reports"),
        (Method::GET, "/_synapse/admin/v1/event_reports/1"),
        (Method::DELETE, "/_synapse/admin/v1/event_reports/1"),
    ] {
        let body = b"{}".to_vec();
        assert_eq!(server.send(method.clone(), "", path, body.clone()).await?.errcode(), "M_MISSING_TOKEN", "{path}");
        let refused = server.send(method, &alice, path, body).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_FORBIDDEN"), "{path}");
    }
    server.get(&root, USERS).await?.ok()?;
    let mut request = Request::get(USERS).body(Body::empty())?;
    request.extensions_mut().insert(Peer::Unix);
    server.send_request(request).await?.ok()?;
    let version = server.get("", "/_synapse/admin/v1/server_version").await?.ok()?;
    assert!(version["server_version"].as_str().unwrap().starts_with("Hearth "));
    Ok(())
}

#[tokio::test]
async fn accounts_are_listed_in_pages_by_name_and_order() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let root = admin(&server).await?;
    for name in ["alice", "bob", "carol_x"] {
        server.user(name).await?;
        server.pass(1000);
    }
    let page = server.get(&root, &format!("{USERS}?limit=2")).await?.ok()?;
    assert_eq!(
        (names(&page), &page["total"], &page["next_token"]),
        (vec!["@alice:one.example", "@bob:one.example"], &json!(4), &json!("2"))
    );
    let next = server.get(&root, &format!("{USERS}?limit=2&from=2")).await?.ok()?;
    assert_eq!(names(&next), ["@carol_x:one.example", "@root:one.example"]);
    assert_eq!(next.get("next_token"), None);

    let list = async |query: &str| server.get(&root, &format!("{USERS}?{query}")).await?.ok();
    assert_eq!(names(&list("order_by=creation_ts&dir=b&limit=1").await?), ["@carol_x:one.example"]);
    assert_eq!(names(&list("admins=true").await?), ["@root:one.example"]);
    assert_eq!(names(&list("name=aro").await?), ["@carol_x:one.example"]);
    // Not patterns.
    assert_eq!(names(&list("name=_").await?), ["@carol_x:one.example"]);
    assert!(names(&list("name=%25").await?).is_empty());
    assert!(names(&list("name=example").await?).is_empty());
    assert_eq!(list("user_id=example").await?["total"], 4);
    server.post(&root, "/_synapse/admin/v1/deactivate/@bob:one.example", json!({})).await?.ok()?;
    assert_eq!(list("").await?["total"], 3);
    assert_eq!(list("deactivated=true").await?["total"], 4);
    for bad in ["limit=-1", "from=x", "order_by=smell", "dir=up", "guests=perhaps"] {
        assert_eq!(server.get(&root, &format!("{USERS}?{bad}")).await?.errcode(), "M_INVALID_PARAM", "{bad}");
    }
    Ok(())
}

#[tokio::test]
async fn accounts_are_made_changed_and_closed() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let root = admin(&server).await?;
    let alice = format!("{USERS}/@alice:one.example");
    assert_eq!(server.get(&root, &alice).await?.errcode(), "M_NOT_FOUND");
    let made = server.put(&root, &alice, json!({ "password": "first", "displayname": "Alice", "admin": true })).await?;
    assert_eq!(made.status, 201);
    let shown = server.get(&root, &alice).await?.ok()?;
    assert_eq!(
        (&shown["name"], &shown["displayname"], &shown["admin"]),
        (&json!("@alice:one.example"), &json!("Alice"), &json!(true))
    );
    assert_eq!((&shown["creation_ts"], &shown["threepids"]), (&json!(1_700_000_000), &json!([])));

    let login = async |password: &str| {
        let user = json!({ "type": "m.id.user", "user": "alice" });
        let body = json!({ "type": "m.login.password", "identifier": user, "password": password });
        server.post("", "/_matrix/client/v3/login", body).await
    };
    let token = login("first").await?.ok()?["access_token"].as_str().unwrap().to_owned();
    let changed = json!({ "password": "second", "displayname": "", "admin": false, "locked": false });
    assert_eq!(server.put(&root, &alice, changed).await?.status, 200);
    assert_eq!(server.get(&token, "/_matrix/client/v3/account/whoami").await?.errcode(), "M_UNKNOWN_TOKEN");
    assert_eq!(login("first").await?.errcode(), "M_FORBIDDEN");
    let token = login("second").await?.ok()?["access_token"].as_str().unwrap().to_owned();
    let shown = server.get(&root, &alice).await?.ok()?;
    assert_eq!((&shown["displayname"], &shown["admin"]), (&Value::Null, &json!(false)));

    let reset = "/_synapse/admin/v1/reset_password/@alice:one.example";
    assert_eq!(server.post(&root, reset, json!({})).await?.errcode(), "M_MISSING_PARAM");
    server.post(&root, reset, json!({ "new_password": "third", "logout_devices": false })).await?.ok()?;
    server.get(&token, "/_matrix/client/v3/account/whoami").await?.ok()?;
    login("third").await?.ok()?;

    let closed =
        server.post(&root, "/_synapse/admin/v1/deactivate/@alice:one.example", json!({ "erase": true })).await?.ok()?;
    assert_eq!(closed, json!({ "id_server_unbind_result": "success" }));
    let shown = server.get(&root, &alice).await?.ok()?;
    assert_eq!((&shown["deactivated"], &shown["erased"]), (&json!(true), &json!(true)));
    Ok(())
}

#[tokio::test]
async fn what_is_impossible_is_refused_in_words() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let root = admin(&server).await?;
    server.user("alice").await?;
    server.post(&root, "/_synapse/admin/v1/deactivate/@alice:one.example", json!({})).await?.ok()?;
    for (user, body, status, errcode) in [
        ("@alice:one.example", json!({ "deactivated": false, "password": "again" }), 400, "M_INVALID_PARAM"),
        (
            "@bob:one.example",
            json!({ "threepids": [{ "medium": "email", "address": "b@one.example" }] }),
            400,
            "M_INVALID_PARAM",
        ),
        ("@bob:one.example", json!({ "external_ids": [{}] }), 400, "M_INVALID_PARAM"),
        ("@bob:one.example", json!({ "user_type": "bot" }), 400, "M_INVALID_PARAM"),
        ("@bob:two.example", json!({}), 400, "M_INVALID_PARAM"),
        ("two%20words", json!({}), 400, "M_INVALID_USERNAME"),
        ("@root:one.example", json!({ "admin": false }), 403, "M_FORBIDDEN"),
        ("@root:one.example", json!({ "locked": true }), 403, "M_FORBIDDEN"),
        ("@bob:one.example", json!({ "admin": "yes" }), 400, "M_BAD_JSON"),
    ] {
        let answer = server.put(&root, &format!("{USERS}/{user}"), body.clone()).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (status, errcode), "{user} {body}");
    }
    assert_eq!(server.get(&root, USERS).await?.ok()?["total"], 1);
    let not_json = server.send(Method::PUT, &root, &format!("{USERS}/@bob:one.example"), b"{".to_vec()).await?;
    assert_eq!(not_json.errcode(), "M_NOT_JSON");
    let long = json!({ "displayname": "x".repeat(70_000) });
    assert_eq!(server.put(&root, &format!("{USERS}/@bob:one.example"), long).await?.errcode(), "M_TOO_LARGE");
    Ok(())
}

#[tokio::test]
async fn the_media_cache_is_purged_by_time_in_milliseconds() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let root = admin(&server).await?;
    let path = "/_synapse/admin/v1/purge_media_cache";
    let uploaded = server.post(&root, "/_matrix/media/v3/upload", json!({ "a": 1 })).await?.ok()?;
    let purged = server.post(&root, &format!("{path}?before_ts=1800000000000"), json!({})).await?.ok()?;
    assert_eq!(purged, json!({ "deleted": 0 }), "our own media is no cache");
    let media_id = uploaded["content_uri"].as_str().unwrap().rsplit('/').next().unwrap();
    server.get(&root, &format!("/_matrix/client/v1/media/download/one.example/{media_id}")).await?.ok()?;
    for (query, errcode) in
        [("", "M_MISSING_PARAM"), ("?before_ts=1700000000", "M_INVALID_PARAM"), ("?before_ts=-1", "M_INVALID_PARAM")]
    {
        assert_eq!(server.post(&root, &format!("{path}{query}"), json!({})).await?.errcode(), errcode);
    }
    Ok(())
}
