//! Devices: listed, renamed, deleted.

use serde_json::json;

use crate::api::testing::Server;

const DEVICES: &str = "/_matrix/client/v3/devices";
const LOGIN: &str = "/_matrix/client/v3/login";

#[tokio::test]
async fn a_device_is_deleted_with_its_token_once_the_user_proved_who_they_are() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let password = json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": "secret" });
    let mut wish = password.clone();
    wish["device_id"] = "OLD".into();
    wish["initial_device_display_name"] = "old phone".into();
    let old = server.post("", LOGIN, wish).await?.ok()?;
    let path = format!("{DEVICES}/OLD");
    assert_eq!(server.get(&token, &path).await?.ok()?["display_name"], "old phone");
    server.put(&token, &path, json!({ "display_name": "older phone" })).await?.ok()?;
    let listed = server.get(&token, DEVICES).await?.ok()?;
    assert_eq!(listed["devices"].as_array().unwrap().len(), 2);
    assert_eq!(server.put(&token, &format!("{DEVICES}/NONE"), json!({})).await?.errcode(), "M_NOT_FOUND");

    let asked = server.delete(&token, &path, json!({})).await?;
    assert_eq!((asked.status.as_u16(), asked.json().get("errcode")), (401, None));
    let mut auth = password;
    auth["session"] = asked.json()["session"].clone();
    // What was proved for one device is no good for another.
    let other = server.delete(&token, &format!("{DEVICES}/OTHER"), json!({ "auth": auth })).await?;
    assert_eq!(other.status, 401);
    let mut wrong = auth.clone();
    wrong["password"] = "guessed".into();
    let refused = server.delete(&token, &path, json!({ "auth": wrong })).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (401, "M_FORBIDDEN"));
    server.delete(&token, &path, json!({ "auth": auth })).await?.ok()?;
    assert_eq!(server.get(&token, &path).await?.errcode(), "M_NOT_FOUND");
    let old_token = old["access_token"].as_str().unwrap();
    assert_eq!(server.get(old_token, DEVICES).await?.errcode(), "M_UNKNOWN_TOKEN");
    Ok(())
}

#[tokio::test]
async fn logout_all_leaves_no_device() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    server.post(&token, "/_matrix/client/v3/logout/all", json!({})).await?.ok()?;
    assert_eq!(server.get(&token, DEVICES).await?.errcode(), "M_UNKNOWN_TOKEN");
    Ok(())
}
