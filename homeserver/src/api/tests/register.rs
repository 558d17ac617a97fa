//! Making an account.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;

use crate::{
    api::testing::Server,
    config::{Config, Registration},
};

const REGISTER: &str = "/_matrix/client/v3/register";

#[tokio::test]
async fn the_first_answer_asks_for_proof_without_an_errcode() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let wish = json!({ "username": "Alice", "password": "secret" });
    let asked = server.post("", REGISTER, wish.clone()).await?;
    assert_eq!(asked.status, 401);
    assert_eq!(asked.json()["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    assert_eq!(asked.json().get("errcode"), None);

    let mut wish = wish;
    wish["auth"] = json!({ "type": "m.login.dummy", "session": asked.json()["session"] });
    let made = server.post("", REGISTER, wish.clone()).await?.ok()?;
    assert_eq!(made["user_id"], "@alice:one.example");
    let token = made["access_token"].as_str().unwrap();
    let me = server.get(token, "/_matrix/client/v3/account/whoami").await?.ok()?;
    assert_eq!(me["device_id"], made["device_id"]);

    let again = server.post("", REGISTER, wish).await?;
    assert_eq!((again.status.as_u16(), again.errcode().as_str()), (400, "M_USER_IN_USE"));
    Ok(())
}

#[tokio::test]
async fn names_are_checked_before_anything_is_proved() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.user("taken").await?;
    for (name, errcode) in [("two words", "M_INVALID_USERNAME"), ("taken", "M_USER_IN_USE")] {
        let answer = server.post("", REGISTER, json!({ "username": name, "password": "secret" })).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (400, errcode));
        let path = format!("/_matrix/client/v3/register/available?username={}", name.replace(' ', "%20"));
        assert_eq!(server.get("", &path).await?.errcode(), errcode);
    }
    let free = server.get("", "/_matrix/client/v3/register/available?username=free").await?.ok()?;
    assert_eq!(free, json!({ "available": true }));
    assert_eq!(server.post("", "/_matrix/client/v3/register?kind=robot", json!({})).await?.status, 400);
    let guest = server.post("", "/_matrix/client/v3/register?kind=guest", json!({})).await?;
    assert_eq!((guest.status.as_u16(), guest.errcode().as_str()), (403, "M_GUEST_ACCESS_FORBIDDEN"));
    Ok(())
}

#[tokio::test]
async fn who_does_not_sign_in_is_told_of_no_device() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let auth = json!({ "type": "m.login.dummy" });
    let wish = json!({ "username": "alice", "password": "secret", "inhibit_login": true, "auth": auth });
    let made = server.post("", REGISTER, wish).await?.ok()?;
    assert_eq!(made, json!({ "user_id": "@alice:one.example" }));
    Ok(())
}

#[tokio::test]
async fn a_closed_server_makes_no_accounts() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    let answer = server.post("", REGISTER, json!({ "username": "alice", "password": "secret" })).await?;
    assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (403, "M_FORBIDDEN"));
    assert_eq!(server.get("", "/_synapse/admin/v1/register").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn an_invite_token_is_good_as_often_as_it_says() -> anyhow::Result<()> {
    let server = Server::with(Config {
        registration: Registration::Token,
        registration_token: Some("from the settings".to_owned()),
        rate_limits: false,
        ..Config::default()
    })
    .await?;
    let invite = server.post("", "/_hearth/v1/invites", json!({ "uses_allowed": 1 })).await?.ok()?;
    let register = async |name: &str, token: &str| {
        let auth = json!({ "type": "m.login.registration_token", "token": token });
        server.post("", REGISTER, json!({ "username": name, "password": "secret", "auth": auth })).await
    };
    let token = invite["token"].as_str().unwrap();
    let wrong = register("alice", "guessed").await?;
    assert_eq!((wrong.status.as_u16(), wrong.errcode().as_str()), (401, "M_FORBIDDEN"));
    assert!(wrong.json()["session"].is_string());
    let valid = async |token: &str| {
        let path = format!("/_matrix/client/v1/register/m.login.registration_token/validity?token={token}");
        anyhow::Ok(server.get("", &path).await?.ok()?["valid"] == true)
    };
    assert!(valid(token).await?);
    register("alice", token).await?.ok()?;
    assert!(!valid(token).await?);
    assert_eq!(register("bob", token).await?.status, 401);
    register("bob", "from the settings").await?.ok()?;
    register("carol", "from the settings").await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn guests_can_do_what_the_specification_lists() -> anyhow::Result<()> {
    let server = Server::with(Config { guest_access: true, ..Config::default() }).await?;
    let guest = server.post("", "/_matrix/client/v3/register?kind=guest", json!({})).await?.ok()?;
    let token = guest["access_token"].as_str().unwrap();
    let me = server.get(token, "/_matrix/client/v3/account/whoami").await?.ok()?;
    assert_eq!(me["is_guest"], true);
    let refused = server.post(token, "/_matrix/client/v3/delete_devices", json!({ "devices": [] })).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_GUEST_ACCESS_FORBIDDEN"));
    Ok(())
}

#[tokio::test]
async fn whoever_knows_the_shared_secret_makes_accounts_once_per_nonce() -> anyhow::Result<()> {
    let server = Server::with(Config { registration_secret: Some("shared".to_owned()), ..Config::default() }).await?;
    let path = "/_synapse/admin/v1/register";
    let nonce = server.get("", path).await?.ok()?["nonce"].as_str().unwrap().to_owned();
    let mut mac = Hmac::<Sha1>::new_from_slice(b"shared")?;
    mac.update(format!("{nonce}\0alice\0secret\0admin").as_bytes());
    let mac = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    let body = json!({ "nonce": nonce, "username": "alice", "password": "secret", "admin": true, "mac": mac });
    let made = server.post("", path, body.clone()).await?.ok()?;
    assert_eq!(made["user_id"], "@alice:one.example");
    let again = server.post("", path, body).await?;
    assert_eq!(again.status, 400);

    let nonce = server.get("", path).await?.ok()?["nonce"].clone();
    let body = json!({ "nonce": nonce, "username": "bob", "password": "secret", "mac": mac });
    assert_eq!(server.post("", path, body).await?.errcode(), "M_FORBIDDEN");
    Ok(())
}
