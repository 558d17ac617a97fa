//! Accounts and what belongs to a user on one server.

use anyhow::{Context, Result};
use http::Method;
use serde_json::json;
use tests::{
    Serve, TestServer, TestUser,
    user::{PASSWORD, anonymous},
};

#[tokio::test]
async fn an_account_signs_in_on_two_devices_and_out_again() -> Result<()> {
    let server = TestServer::start().await?;
    let phone = TestUser::register(&server, "alice").await?;
    assert_eq!(phone.user_id, "@alice:hearth.test");
    let laptop = phone.login().await?;
    assert_ne!((&phone.device_id, &phone.access_token), (&laptop.device_id, &laptop.access_token));
    let who = laptop.get(&["account", "whoami"]).await?.ok()?;
    assert_eq!((&who["user_id"], &who["device_id"]), (&json!(phone.user_id), &json!(laptop.device_id)));
    let devices = phone.get(&["devices"]).await?.ok()?;
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(2));

    phone.post(&["logout"], json!({})).await?.ok()?;
    phone.get(&["account", "whoami"]).await?.refused(401, "M_UNKNOWN_TOKEN")?;
    laptop.get(&["account", "whoami"]).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn registration_keeps_its_door() -> Result<()> {
    let server = TestServer::start().await?;
    TestUser::register(&server, "alice").await?;
    let ask = json!({ "username": "alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    anonymous(&server, Method::POST, "/_matrix/client/v3/register", Some(&ask)).await?.refused(400, "M_USER_IN_USE")?;
    let ask = json!({ "username": "not a name", "password": PASSWORD });
    anonymous(&server, Method::POST, "/_matrix/client/v3/register", Some(&ask))
        .await?
        .refused(400, "M_INVALID_USERNAME")?;

    let closed = Serve::new("closed.test")?.flag("--registration", "closed").start().await?;
    let ask = json!({ "username": "bob", "password": PASSWORD });
    anonymous(&closed, Method::POST, "/_matrix/client/v3/register", Some(&ask)).await?.refused(403, "M_FORBIDDEN")?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_alike() -> Result<()> {
    let server = TestServer::start().await?;
    TestUser::register(&server, "alice").await?;
    for (user, password) in [("alice", "wrong"), ("nobody", PASSWORD)] {
        let ask = json!({
            "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": password,
        });
        anonymous(&server, Method::POST, "/_matrix/client/v3/login", Some(&ask)).await?.refused(403, "M_FORBIDDEN")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_profile_shows_and_reaches_the_rooms() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let bob = TestUser::register(&server, "bob").await?;
    let room = tests::RoomBuilder::of(&alice).inviting(&bob).make().await?;
    bob.join(&room, &[]).await?;
    let mut bobs_view = bob.follow().await?;
    alice.put(&["profile", &alice.user_id, "displayname"], json!({ "displayname": "Alice A." })).await?.ok()?;
    assert_eq!(bob.get(&["profile", &alice.user_id]).await?.ok()?["displayname"], "Alice A.");
    let event = bobs_view.sees(&room, &alice, "join").await?;
    assert_eq!(event["content"]["displayname"], "Alice A.");
    bob.put(&["profile", &alice.user_id, "displayname"], json!({ "displayname": "x" }))
        .await?
        .refused(403, "M_FORBIDDEN")?;
    Ok(())
}

#[tokio::test]
async fn account_data_and_filters_come_back() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let mut view = alice.follow().await?;
    let path = ["user", &alice.user_id, "account_data", "test.colour"];
    alice.put(&path, json!({ "colour": "red" })).await?.ok()?;
    assert_eq!(alice.get(&path).await?.ok()?, json!({ "colour": "red" }));
    view.until("account data", |sync| {
        let events = sync.pointer("/account_data/events")?.as_array()?;
        events.iter().find(|e| e["type"] == "test.colour").cloned()
    })
    .await?;
    let filter = json!({ "room": { "timeline": { "limit": 1 } } });
    let id = alice.post(&["user", &alice.user_id, "filter"], filter.clone()).await?.ok()?;
    let id = id["filter_id"].as_str().context("a filter id")?;
    assert_eq!(alice.get(&["user", &alice.user_id, "filter", id]).await?.ok()?, filter);
    alice.get(&["user", &alice.user_id, "account_data", "test.none"]).await?.refused(404, "M_NOT_FOUND")?;
    Ok(())
}

#[tokio::test]
async fn a_new_user_has_the_default_push_rules() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let rules = alice.get(&["pushrules", ""]).await?.ok()?;
    let overrides = rules["global"]["override"].as_array().context("override rules")?;
    assert!(overrides.iter().any(|rule| rule["rule_id"] == ".m.rule.master"), "{rules}");
    Ok(())
}
