//! Account data, filters, capabilities, passwords: what belongs to one user.

use http::Method;
use serde_json::json;

use crate::api::testing::Server;

const ALICE: &str = "/_matrix/client/v3/user/@alice:one.example";
const BOB: &str = "/_matrix/client/v3/user/@bob:one.example";

#[tokio::test]
async fn account_data_is_kept_for_its_owner_alone() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let path = format!("{ALICE}/account_data/org.example.colour");
    assert_eq!(server.get(&token, &path).await?.errcode(), "M_NOT_FOUND");
    server.put(&token, &path, json!({ "colour": "red" })).await?.ok()?;
    assert_eq!(server.get(&token, &path).await?.ok()?, json!({ "colour": "red" }));
    assert_eq!(server.get(&token, &format!("{BOB}/account_data/org.example.colour")).await?.errcode(), "M_FORBIDDEN");
    assert_eq!(server.put(&token, &path, json!(["red"])).await?.errcode(), "M_BAD_JSON");
    let refused = server.put(&token, &format!("{ALICE}/account_data/m.push_rules"), json!({})).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (405, "M_BAD_JSON"));
    let unknown = format!("{ALICE}/rooms/!nowhere:one.example/account_data/org.example.colour");
    assert_eq!(server.get(&token, &unknown).await?.errcode(), "M_NOT_FOUND");
    Ok(())
}

#[tokio::test]
async fn tags_stay_on_their_room() -> anyhow::Result<()> {
    let home = crate::testing::TestHome::new("one.example", &crate::testing::FakeNetwork::default()).await;
    let server = Server::over(home.parts.clone());
    let token = server.user("alice").await?;
    home.parts
        .store
        .write::<_, crate::store::StoreError, _>(crate::store::Durability::Normal, |tx| {
            Box::pin(async move {
                tx.make_room(ruma::room_id!("!a:one.example"), &ruma::RoomVersionId::V11).await?;
                Ok(())
            })
        })
        .await?;
    let path = format!("{ALICE}/rooms/!a:one.example/tags");
    server.put(&token, &format!("{path}/m.favourite"), json!({ "order": 0.5 })).await?.ok()?;
    server.put(&token, &format!("{path}/u.work"), json!({})).await?.ok()?;
    let tags = server.get(&token, &path).await?.ok()?;
    assert_eq!(tags, json!({ "tags": { "m.favourite": { "order": 0.5 }, "u.work": {} } }));
    server.delete(&token, &format!("{path}/u.work"), json!({})).await?.ok()?;
    let tags = server.get(&token, &path).await?.ok()?;
    assert_eq!(tags, json!({ "tags": { "m.favourite": { "order": 0.5 } } }));
    let long = "x".repeat(256);
    assert_eq!(server.put(&token, &format!("{path}/{long}"), json!({})).await?.errcode(), "M_INVALID_PARAM");
    Ok(())
}

#[tokio::test]
async fn the_same_filter_has_the_same_id() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let filter = json!({ "room": { "timeline": { "limit": 3 } } });
    let first = server.post(&token, &format!("{ALICE}/filter"), filter.clone()).await?.ok()?;
    let again = server.post(&token, &format!("{ALICE}/filter"), filter.clone()).await?.ok()?;
    assert_eq!(first, again);
    let id = first["filter_id"].as_str().unwrap();
    assert_eq!(server.get(&token, &format!("{ALICE}/filter/{id}")).await?.ok()?, filter);
    assert_eq!(server.get(&token, &format!("{ALICE}/filter/99")).await?.errcode(), "M_NOT_FOUND");
    Ok(())
}

#[tokio::test]
async fn capabilities_name_the_room_versions_and_what_is_off() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let told = server.get(&token, "/_matrix/client/v3/capabilities").await?.ok()?;
    let versions = &told["capabilities"]["m.room_versions"];
    assert_eq!(versions["default"], "12");
    assert_eq!(versions["available"]["6"], "stable");
    assert_eq!(told["capabilities"]["m.3pid_changes"]["enabled"], false);
    Ok(())
}

#[tokio::test]
async fn a_new_password_signs_the_other_devices_out() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let other = server.user("alice").await?;
    let login = json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": "secret" });
    let mine = server.post("", "/_matrix/client/v3/login", login.clone()).await?.ok()?;
    let mine = mine["access_token"].as_str().unwrap();
    let path = "/_matrix/client/v3/account/password";
    assert_eq!(server.post(mine, path, json!({ "new_password": "other" })).await?.status, 401);
    server.post(mine, path, json!({ "new_password": "other", "auth": login })).await?.ok()?;
    let whoami = "/_matrix/client/v3/account/whoami";
    server.get(mine, whoami).await?.ok()?;
    assert_eq!(server.get(&other, whoami).await?.errcode(), "M_UNKNOWN_TOKEN");
    assert_eq!(server.post("", "/_matrix/client/v3/login", login).await?.errcode(), "M_FORBIDDEN");
    Ok(())
}

#[tokio::test]
async fn a_closed_account_is_closed_for_good() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let auth = json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": "secret" });
    let closed = server.post(&token, "/_matrix/client/v3/account/deactivate", json!({ "auth": auth })).await?.ok()?;
    assert_eq!(closed["id_server_unbind_result"], "success");
    let login = server.post("", "/_matrix/client/v3/login", auth).await?;
    assert_eq!((login.status.as_u16(), login.errcode().as_str()), (403, "M_USER_DEACTIVATED"));
    Ok(())
}

#[tokio::test]
async fn openid_tokens_and_addresses() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let made = server.post(&token, &format!("{ALICE}/openid/request_token"), json!({})).await?.ok()?;
    assert_eq!(
        (made["token_type"].as_str(), made["matrix_server_name"].as_str()),
        (Some("Bearer"), Some("one.example"))
    );
    server.get(&token, "/_matrix/client/v3/account/3pid").await?.ok()?;
    let body = json!({ "client_secret": "a", "sid": "b" });
    assert_eq!(server.post(&token, "/_matrix/client/v3/account/3pid/add", body).await?.errcode(), "M_FORBIDDEN");
    let body = json!({ "client_secret": "a", "email": "a@b.example", "send_attempt": 1 });
    let path = "/_matrix/client/v3/register/email/requestToken";
    assert_eq!(server.post("", path, body).await?.errcode(), "M_THREEPID_DENIED");
    Ok(())
}

#[tokio::test]
async fn a_request_that_needs_nothing_said_may_have_no_body() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let without_body = async |path: &str| server.send(Method::POST, &token, path, Vec::new()).await;
    let made = without_body("/_matrix/client/v3/createRoom").await?.ok()?;
    let room = made["room_id"].as_str().unwrap_or_default();
    without_body(&format!("/_matrix/client/v3/rooms/{room}/leave")).await?.ok()?;
    // What must be said is missed all the same.
    let nobody = without_body(&format!("/_matrix/client/v3/rooms/{room}/kick")).await?;
    assert_eq!((nobody.status.as_u16(), nobody.errcode().as_str()), (400, "M_MISSING_PARAM"));
    Ok(())
}

#[tokio::test]
async fn presence_without_a_status_has_no_status() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let path = "/_matrix/client/v3/presence/@alice:one.example/status";
    for (status, expected) in [(json!({}), json!(null)), (json!({ "status_msg": "at tea" }), json!("at tea"))] {
        let mut body = status;
        body["presence"] = json!("unavailable");
        server.put(&token, path, body).await?.ok()?;
        let sync = server.get(&token, "/_matrix/client/v3/sync?set_presence=unavailable").await?.ok()?;
        let content = sync["presence"]["events"][0]["content"].as_object().cloned().unwrap_or_default();
        assert_eq!(content.get("status_msg").is_some(), !expected.is_null(), "{content:?}");
        assert_eq!(content.get("status_msg").cloned().unwrap_or_default(), expected);
    }
    Ok(())
}
