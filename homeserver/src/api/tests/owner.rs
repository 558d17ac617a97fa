//! The owner's people and rooms.

use ruma::RoomId;
use serde_json::json;

use super::homes::Home;
use crate::{api::testing::Server, testing::FakeNetwork};

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

#[tokio::test]
async fn the_owner_has_a_room_repaired_by_those_who_are_in_it() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let away = Home::new("away.example", &network).await;
    let (a, b, c) = (one.person("a").await, two.person("b").await, away.person("c").await);
    let room_id = b.make_room(json!({"preset": "public_chat", "name": "Garden"})).await?;
    a.join(&room_id, two.name()).await?;
    c.join(&room_id, two.name()).await?;
    a.sees(&room_id, &c.user_id, "join").await;
    network.set_down(away.home.name(), true);
    one.home.loses_state(&RoomId::parse(&room_id)?, "m.room.name").await;
    let name = format!("v3/rooms/{room_id}/state/m.room.name/");
    assert_eq!(a.refused_get(&name).await?, (404, "M_NOT_FOUND".to_owned()));

    let repair = format!("/_hearth/v1/rooms/{room_id}/repair");
    let repaired = one.client.post("", &repair, json!({})).await?.ok()?;
    let changed = json!([{"type": "m.room.name", "state_key": ""}]);
    let told =
        json!({"servers": ["two.example"], "failed": ["away.example"], "out_of_time": false, "changed": changed});
    assert_eq!(repaired, told);
    assert_eq!(a.get(&name).await?["name"], "Garden");
    // Syncs say so too.
    let synced = a.sync().await?;
    let state = synced["rooms"]["join"][&room_id].to_string();
    assert!(state.contains("Garden"), "{state}");

    network.set_down(two.home.name(), true);
    let alone = one.client.post("", &repair, json!({})).await?;
    assert_eq!(alone.status, 502, "{}", alone.json());
    assert!(alone.json()["error"].as_str().unwrap().contains("none of the 2 other servers"), "{}", alone.json());
    let unknown = one.client.post("", "/_hearth/v1/rooms/!nowhere:one.example/repair", json!({})).await?;
    assert_eq!(unknown.status, 404);
    Ok(())
}
