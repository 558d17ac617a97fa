//! Signing in, refreshing, signing out.

use serde_json::{Value, json};

use crate::{api::testing::Server, config::Config};

const LOGIN: &str = "/_matrix/client/v3/login";
const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

fn password(user: &str, password: &str) -> Value {
    json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": password })
}

#[tokio::test]
async fn a_password_opens_a_device() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.user("alice").await?;
    let flows = server.get("", LOGIN).await?.ok()?;
    assert_eq!(flows["flows"][0], json!({ "type": "m.login.password" }));
    let mut wish = password("@alice:one.example", "secret");
    wish["device_id"] = "PHONE".into();
    let first = server.post("", LOGIN, wish.clone()).await?.ok()?;
    let second = server.post("", LOGIN, wish).await?.ok()?;
    assert_eq!(second["device_id"], "PHONE");
    // Signing the same device in again voids its earlier token.
    assert_eq!(server.get(first["access_token"].as_str().unwrap(), WHOAMI).await?.errcode(), "M_UNKNOWN_TOKEN");
    let token = second["access_token"].as_str().unwrap();
    assert_eq!(server.get(token, WHOAMI).await?.ok()?["user_id"], "@alice:one.example");

    server.post(token, "/_matrix/client/v3/logout", json!({})).await?.ok()?;
    let gone = server.get(token, WHOAMI).await?;
    assert_eq!(gone.status, 401);
    assert_ne!(gone.json()["soft_logout"], true);
    assert_eq!(server.get("", WHOAMI).await?.errcode(), "M_MISSING_TOKEN");
    Ok(())
}

#[tokio::test]
async fn what_is_not_a_login_is_refused_with_the_right_errcode() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.user("alice").await?;
    let nobody = json!({ "type": "m.login.password", "password": "secret" });
    for (body, status, errcode) in [
        (password("alice", "wrong"), 403, "M_FORBIDDEN"),
        (password("nobody", "secret"), 403, "M_FORBIDDEN"),
        (password("@alice:two.example", "secret"), 403, "M_FORBIDDEN"),
        (nobody, 400, "M_MISSING_PARAM"),
        (json!({}), 400, "M_MISSING_PARAM"),
        (json!({ "type": 3 }), 400, "M_BAD_JSON"),
        (json!({ "type": "org.example.smell" }), 400, "M_UNKNOWN"),
        (json!({ "type": "m.login.token", "token": "guessed" }), 403, "M_FORBIDDEN"),
    ] {
        let answer = server.post("", LOGIN, body.clone()).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (status, errcode), "{body}");
    }
    let not_json = server.send(http::Method::POST, "", LOGIN, b"{".to_vec()).await?;
    assert_eq!((not_json.status.as_u16(), not_json.errcode().as_str()), (400, "M_NOT_JSON"));
    Ok(())
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_a_lost_answer_asked_again() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.user("alice").await?;
    let mut wish = password("alice", "secret");
    wish["refresh_token"] = true.into();
    let session = server.post("", LOGIN, wish).await?.ok()?;
    let token = session["access_token"].as_str().unwrap();
    server.pass(session["expires_in_ms"].as_i64().unwrap());
    let expired = server.get(token, WHOAMI).await?;
    assert_eq!(
        (expired.errcode().as_str(), expired.json()["soft_logout"].clone()),
        ("M_UNKNOWN_TOKEN", Value::Bool(true))
    );

    let refresh =
        async |token: &Value| server.post("", "/_matrix/client/v3/refresh", json!({ "refresh_token": token })).await;
    let lost = refresh(&session["refresh_token"]).await?.ok()?;
    let next = refresh(&session["refresh_token"]).await?.ok()?;
    assert_eq!(refresh(&lost["refresh_token"]).await?.errcode(), "M_UNKNOWN_TOKEN");
    // Once the new access token is used, the old refresh token is void.
    server.pass(60_000);
    server.get(next["access_token"].as_str().unwrap(), WHOAMI).await?.ok()?;
    assert_eq!(refresh(&session["refresh_token"]).await?.errcode(), "M_UNKNOWN_TOKEN");
    refresh(&next["refresh_token"]).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_login_token_opens_once_and_not_for_long() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let get_token = "/_matrix/client/v1/login/get_token";
    let asked = server.post(&token, get_token, json!({})).await?;
    assert_eq!(asked.status, 401);
    let mut auth = password("alice", "secret");
    auth["session"] = asked.json()["session"].clone();
    let made = server.post(&token, get_token, json!({ "auth": auth })).await?.ok()?;
    let login = json!({ "type": "m.login.token", "token": made["login_token"] });
    server.post("", LOGIN, login.clone()).await?.ok()?;
    assert_eq!(server.post("", LOGIN, login).await?.errcode(), "M_FORBIDDEN");

    let made = server.post(&token, get_token, json!({ "auth": password("alice", "secret") })).await?.ok()?;
    server.pass(made["expires_in_ms"].as_i64().unwrap());
    let login = json!({ "type": "m.login.token", "token": made["login_token"] });
    assert_eq!(server.post("", LOGIN, login).await?.errcode(), "M_FORBIDDEN");
    Ok(())
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    server.user("alice").await?;
    for _ in 0..8 {
        assert_eq!(server.post("", LOGIN, password("alice", "wrong")).await?.errcode(), "M_FORBIDDEN");
    }
    let slowed = server.post("", LOGIN, password("alice", "secret")).await?;
    assert_eq!((slowed.status.as_u16(), slowed.errcode().as_str()), (429, "M_LIMIT_EXCEEDED"));
    assert_eq!(slowed.header("retry-after"), "10");
    server.pass(10_000);
    server.post("", LOGIN, password("alice", "secret")).await?.ok()?;
    Ok(())
}
