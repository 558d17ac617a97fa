//! Who may have which names: registration, signing in, aliases.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;

use super::{BRIDGE, Bridged, GHOST, refusal, refused, registration};
use crate::{api::testing::Server, config::Config};

#[tokio::test]
async fn a_service_makes_users_without_password_and_proof() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let register = "/_matrix/client/v3/register";
    let wish = |name: &str| json!({ "type": "m.login.application_service", "username": name });
    for (token, body, status, errcode) in [
        ("", wish("_irc_bob"), 401, "M_MISSING_TOKEN"),
        ("guessed", wish("_irc_bob"), 401, "M_UNKNOWN_TOKEN"),
        (BRIDGE, wish("alice"), 400, "M_EXCLUSIVE"),
        (BRIDGE, wish("_irc_Bob"), 400, "M_INVALID_USERNAME"),
        (BRIDGE, wish("_irc_b:b"), 400, "M_INVALID_USERNAME"),
        (BRIDGE, wish("_irc_bot"), 400, "M_USER_IN_USE"),
        (BRIDGE, json!({ "type": "m.login.application_service" }), 400, "M_MISSING_PARAM"),
        (BRIDGE, json!({ "type": "m.login.application_service", "username": 3 }), 400, "M_BAD_JSON"),
    ] {
        let answer = bridged.server.post(token, register, body.clone()).await?;
        assert_eq!(refusal(&answer), refused(status, errcode), "{token} {body}");
    }
    bridged.ghost().await?;
    assert_eq!(refusal(&bridged.bridge_post("register", wish("_irc_bob")).await?), refused(400, "M_USER_IN_USE"));
    let eve = bridged.bridge_post("register", wish("_irc_eve")).await?.ok()?;
    let whoami = bridged.server.get(eve["access_token"].as_str().unwrap(), "/_matrix/client/v3/account/whoami").await?;
    assert_eq!(whoami.ok()?["device_id"], eve["device_id"]);
    Ok(())
}

#[tokio::test]
async fn a_service_signs_its_users_in() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    bridged.ghost().await?;
    bridged.server.user("alice").await?;
    let login = "/_matrix/client/v3/login";
    let wish = |user: &str| json!({ "type": "m.login.application_service", "identifier": { "type": "m.id.user", "user": user } });
    for (token, body, status, errcode) in [
        ("", wish("_irc_bob"), 401, "M_MISSING_TOKEN"),
        ("guessed", wish("_irc_bob"), 401, "M_UNKNOWN_TOKEN"),
        (BRIDGE, wish("alice"), 400, "M_EXCLUSIVE"),
        (BRIDGE, wish("_irc_nobody"), 403, "M_FORBIDDEN"),
        (BRIDGE, json!({ "type": "m.login.application_service" }), 400, "M_MISSING_PARAM"),
    ] {
        let answer = bridged.server.post(token, login, body.clone()).await?;
        assert_eq!(refusal(&answer), refused(status, errcode), "{token} {body}");
    }
    let mut named = wish(GHOST);
    named["device_id"] = "BRIDGE".into();
    let session = bridged.server.post(BRIDGE, login, named).await?.ok()?;
    assert_eq!((&session["user_id"], &session["device_id"]), (&json!(GHOST), &json!("BRIDGE")));
    let flows = bridged.server.get("", login).await?.ok()?;
    assert!(flows["flows"].as_array().unwrap().contains(&json!({ "type": "m.login.application_service" })));
    Ok(())
}

#[tokio::test]
async fn nobody_else_takes_a_services_names() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    for name in ["_irc_bob", "_IRC_Bob", "_irc_bot"] {
        let wish = json!({ "username": name, "password": "secret", "auth": { "type": "m.login.dummy" } });
        let answer = bridged.server.post("", "/_matrix/client/v3/register", wish).await?;
        // The service's own user is there already.
        let errcode = if name == "_irc_bot" { "M_USER_IN_USE" } else { "M_EXCLUSIVE" };
        assert_eq!(refusal(&answer), refused(400, errcode), "{name}");
    }
    let available = async |name: &str| {
        bridged.server.get("", &format!("/_matrix/client/v3/register/available?username={name}")).await
    };
    assert_eq!(refusal(&available("_irc_bob").await?), refused(400, "M_EXCLUSIVE"));
    available("puppet").await?.ok()?;
    let wish = json!({ "name": "_irc_bob", "password": "secret" });
    let owner = bridged.server.post("", "/_hearth/v1/users", wish).await?;
    assert_eq!(refusal(&owner), refused(400, "M_EXCLUSIVE"));
    let new = json!({ "name": "root", "password": "secret", "admin": true });
    let root = bridged.server.post("", "/_hearth/v1/users", new).await?.ok()?;
    let root = root["access_token"].as_str().unwrap();
    let admin = "/_synapse/admin/v2/users/@_irc_bob:one.example";
    let made = bridged.server.put(root, admin, json!({ "password": "secret" })).await?;
    assert_eq!(refusal(&made), refused(400, "M_EXCLUSIVE"));
    // Of a ghost that is there, an administrator changes what they like.
    bridged.ghost().await?;
    bridged.server.put(root, admin, json!({ "displayname": "Bob" })).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn the_shared_secret_makes_none_of_a_services_users() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bridge.yaml");
    std::fs::write(&file, registration(""))?;
    let registration_secret = Some("shared".to_owned());
    let server = Server::with(Config { registration_secret, appservices: vec![file], ..Config::default() }).await?;
    let path = "/_synapse/admin/v1/register";
    let nonce = server.get("", path).await?.ok()?["nonce"].as_str().unwrap().to_owned();
    let mut mac = Hmac::<Sha1>::new_from_slice(b"shared")?;
    mac.update(format!("{nonce}\0_irc_bob\0secret\0notadmin").as_bytes());
    let mac = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    let body = json!({ "nonce": nonce, "username": "_irc_bob", "password": "secret", "mac": mac });
    assert_eq!(refusal(&server.post("", path, body).await?), refused(400, "M_EXCLUSIVE"));
    Ok(())
}

#[tokio::test]
async fn aliases_of_a_service_are_its_alone() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.make_room(&alice, json!({ "preset": "public_chat" })).await?;
    let path = |name: &str| format!("/_matrix/client/v3/directory/room/%23{name}:one.example");
    let target = json!({ "room_id": room });
    let taken = bridged.server.put(&alice, &path("_irc_tea"), target.clone()).await?;
    assert_eq!(refusal(&taken), refused(400, "M_EXCLUSIVE"));
    let with_room = json!({ "room_alias_name": "_irc_tea" });
    let taken = bridged.server.post(&alice, "/_matrix/client/v3/createRoom", with_room.clone()).await?;
    assert_eq!(refusal(&taken), refused(400, "M_EXCLUSIVE"));

    bridged.make_room(BRIDGE, with_room).await?;
    let outside = bridged.make_room(BRIDGE, json!({ "room_alias_name": "_irc_x" })).await?;
    let foreign = bridged.server.put(BRIDGE, &path("tea"), json!({ "room_id": outside })).await?;
    assert_eq!(refusal(&foreign), refused(400, "M_EXCLUSIVE"));
    let foreign = bridged.bridge_post("createRoom", json!({ "room_alias_name": "tea" })).await?;
    assert_eq!(refusal(&foreign), refused(400, "M_EXCLUSIVE"));

    let kept = bridged.server.delete(&alice, &path("_irc_tea"), json!({})).await?;
    assert_eq!(refusal(&kept), refused(400, "M_EXCLUSIVE"));
    bridged.server.delete(BRIDGE, &path("_irc_tea"), json!({})).await?.ok()?;
    assert_eq!(refusal(&bridged.server.get(&alice, &path("_irc_tea")).await?), refused(404, "M_NOT_FOUND"));
    Ok(())
}
