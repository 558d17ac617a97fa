//! Guests: where they come in, when they must leave, and how they become people of this server.

use serde_json::{Value, json};

use crate::{
    api::testing::Server,
    config::{Config, Registration},
};

const REGISTER: &str = "/_matrix/client/v3/register";

async fn guest(server: &Server) -> anyhow::Result<(String, String)> {
    let made = server.post("", "/_matrix/client/v3/register?kind=guest", json!({})).await?.ok()?;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Ok((text("access_token"), text("user_id")))
}

async fn open() -> anyhow::Result<Server> {
    let config =
        Config { guest_access: true, registration: Registration::Open, rate_limits: false, ..Config::default() };
    Server::with(config).await
}

#[tokio::test]
async fn guests_join_where_the_room_lets_them_and_leave_when_it_does_not() -> anyhow::Result<()> {
    let server = open().await?;
    let alice = server.user("alice").await?;
    let (token, user_id) = guest(&server).await?;
    let new = json!({ "preset": "public_chat" });
    let room = server.post(&alice, "/_matrix/client/v3/createRoom", new).await?.ok()?["room_id"].clone();
    let rooms = format!("/_matrix/client/v3/rooms/{}", room.as_str().unwrap());
    let access = async |value: &str| {
        server.put(&alice, &format!("{rooms}/state/m.room.guest_access/"), json!({ "guest_access": value })).await?.ok()
    };
    access("forbidden").await?;
    assert_eq!(server.post(&token, &format!("{rooms}/join"), json!({})).await?.errcode(), "M_FORBIDDEN");
    let member = format!("{rooms}/state/m.room.member/{user_id}");
    assert_eq!(server.put(&token, &member, json!({ "membership": "join" })).await?.errcode(), "M_FORBIDDEN");

    access("can_join").await?;
    server.post(&token, &format!("{rooms}/join"), json!({})).await?.ok()?;
    let text = json!({ "msgtype": "m.text", "body": "hello" });
    server.put(&token, &format!("{rooms}/send/m.room.message/1"), text).await?.ok()?;
    server.get(&token, "/_matrix/client/v3/sync").await?.ok()?;

    access("forbidden").await?;
    assert_eq!(server.get(&alice, &member).await?.ok()?["membership"], "leave");
    let joined = server.get(&alice, &format!("{rooms}/joined_members")).await?.ok()?;
    assert_eq!(joined["joined"].as_object().unwrap().len(), 1);
    Ok(())
}

#[tokio::test]
async fn guests_do_what_the_specification_lists_and_nothing_more() -> anyhow::Result<()> {
    let server = open().await?;
    let (token, user_id) = guest(&server).await?;
    for path in
        ["createRoom", "user_directory/search", "delete_devices", "account/password", "keys/device_signing/upload"]
    {
        let answer = server.post(&token, &format!("/_matrix/client/v3/{path}"), json!({})).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (403, "M_GUEST_ACCESS_FORBIDDEN"), "{path}");
    }
    for path in ["capabilities", "pushrules/", "voip/turnServer"] {
        let answer = server.get(&token, &format!("/_matrix/client/v3/{path}")).await?;
        assert_eq!(answer.errcode(), "M_GUEST_ACCESS_FORBIDDEN", "{path}");
    }
    let profile = format!("/_matrix/client/v3/profile/{user_id}");
    server.put(&token, &format!("{profile}/displayname"), json!({ "displayname": "Visitor" })).await?.ok()?;
    server.delete(&token, &format!("{profile}/displayname"), json!({})).await?.ok()?;
    let picture =
        server.put(&token, &format!("{profile}/avatar_url"), json!({ "avatar_url": "mxc://one.example/a" })).await?;
    assert_eq!(picture.errcode(), "M_GUEST_ACCESS_FORBIDDEN");
    server.get(&token, "/_matrix/client/v3/devices").await?.ok()?;
    server.get(&token, "/_matrix/client/versions").await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_guest_becomes_a_person_of_the_server_under_the_same_name() -> anyhow::Result<()> {
    let server = open().await?;
    let (token, user_id) = guest(&server).await?;
    let name = user_id.strip_prefix('@').unwrap().split(':').next().unwrap();
    let wish = |username: Value| {
        json!({
            "username": username, "password": "secret", "guest_access_token": token, "auth": { "type": "m.login.dummy" },
        })
    };
    assert_eq!(server.post("", REGISTER, wish(json!("another"))).await?.errcode(), "M_INVALID_USERNAME");
    assert_eq!(server.post("", REGISTER, wish(Value::Null)).await?.errcode(), "M_INVALID_USERNAME");
    let mut guessed = wish(json!(name));
    guessed["guest_access_token"] = "guessed".into();
    assert_eq!(server.post("", REGISTER, guessed).await?.errcode(), "M_FORBIDDEN");

    let made = server.post("", REGISTER, wish(json!(name))).await?.ok()?;
    assert_eq!(made["user_id"], user_id);
    for token in [token.as_str(), made["access_token"].as_str().unwrap()] {
        let me = server.get(token, "/_matrix/client/v3/account/whoami").await?.ok()?;
        assert_ne!(me["is_guest"], true);
        server.post(token, "/_matrix/client/v3/createRoom", json!({})).await?.ok()?;
    }
    let login = json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user_id }, "password": "secret" });
    server.post("", "/_matrix/client/v3/login", login).await?.ok()?;
    assert_eq!(server.post("", REGISTER, wish(json!(name))).await?.errcode(), "M_FORBIDDEN");
    Ok(())
}
