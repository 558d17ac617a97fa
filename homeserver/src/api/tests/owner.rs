//! The owner's people.

use serde_json::json;

use crate::api::testing::Server;

const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

#[tokio::test]
async fn the_owner_makes_locks_and_closes_accounts() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let new = json!({ "name": "alice", "admin": true, "display_name": "Alice", "device_display_name": "laptop" });
    let made = server.post("", "/_hearth/v1/users", new.clone()).await?.ok()?;
    assert!(made["password"].as_str().unwrap().len() > 40);
    let token = made["access_token"].as_str().unwrap();
    assert_eq!(server.get(token, WHOAMI).await?.ok()?["device_id"], made["device_id"]);
    assert_eq!(server.post("", "/_hearth/v1/users", new).await?.errcode(), "M_USER_IN_USE");
    let again =
        server.post("", "/_hearth/v1/users/alice/sessions", json!({ "device_id": made["device_id"] })).await?.ok()?;
    assert_eq!(server.get(token, WHOAMI).await?.errcode(), "M_UNKNOWN_TOKEN");
    let token = again["access_token"].as_str().unwrap();

    server.put("", "/_hearth/v1/users/alice/locked", json!({ "value": true })).await?.ok()?;
    let locked = server.get(token, WHOAMI).await?;
    assert_eq!((locked.status.as_u16(), locked.errcode().as_str()), (401, "M_USER_LOCKED"));
    assert_eq!(locked.json()["soft_logout"], true);
    server.put("", "/_hearth/v1/users/alice/locked", json!({ "value": false })).await?.ok()?;
    server.get(token, WHOAMI).await?.ok()?;

    server.delete("", "/_hearth/v1/users/alice", json!({})).await?.ok()?;
    assert_eq!(server.get(token, WHOAMI).await?.errcode(), "M_UNKNOWN_TOKEN");
    let listed = server.get("", "/_hearth/v1/users").await?.ok()?;
    assert_eq!(listed["users"][0]["deactivated"], true);
    assert_eq!(server.delete("", "/_hearth/v1/users/alice", json!({})).await?.status, 404);
    Ok(())
}
