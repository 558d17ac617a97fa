//! A service acts as its users, on their devices, at times of its own.

use serde_json::{Value, json};

use super::{BRIDGE, Bridged, GHOST, GHOST_QUERY, refusal, refused, registration};

#[tokio::test]
async fn a_service_is_its_own_user_or_one_of_its_namespaces() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let whoami = async |query: &str| bridged.bridge_get(&format!("account/whoami?{query}")).await;
    assert_eq!(whoami("").await?.ok()?, json!({ "user_id": "@_irc_bot:one.example" }));
    assert_eq!(refusal(&whoami(GHOST_QUERY).await?), refused(403, "M_FORBIDDEN"));
    bridged.ghost().await?;
    assert_eq!(whoami(GHOST_QUERY).await?.ok()?["user_id"], GHOST);
    assert_eq!(whoami("user_id=%40_irc_bob%3Aone.example").await?.ok()?["user_id"], GHOST);
    bridged.server.user("alice").await?;
    for (query, status, errcode) in [
        ("user_id=@alice:one.example", 403, "M_FORBIDDEN"),
        ("user_id=@_irc_bob:two.example", 403, "M_FORBIDDEN"),
        ("user_id=bob", 400, "M_INVALID_PARAM"),
        ("user_id=", 400, "M_INVALID_PARAM"),
    ] {
        assert_eq!(refusal(&whoami(query).await?), refused(status, errcode), "{query}");
    }
    // A name that others may have too: whoever has it is spoken for all the same.
    bridged.server.user("puppet").await?;
    assert_eq!(whoami("user_id=@puppet:one.example").await?.ok()?["user_id"], "@puppet:one.example");
    // What is no service's token is none here either, and an ordinary one is not turned by the query.
    let alice = bridged.server.user("carol").await?;
    let plain = bridged.server.get(&alice, &format!("/_matrix/client/v3/account/whoami?{GHOST_QUERY}")).await?;
    assert_eq!(plain.ok()?["user_id"], "@carol:one.example");
    Ok(())
}

#[tokio::test]
async fn a_service_makes_devices_acts_on_them_and_deletes_them() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    bridged.ghost().await?;
    let device = format!("devices/DESK?{GHOST_QUERY}");
    let made = bridged.bridge_put(&device, json!({ "display_name": "Desk" })).await?;
    assert_eq!((made.status.as_u16(), made.json()), (201, json!({})));
    bridged.bridge_put(&device, json!({ "display_name": "Table" })).await?.ok()?;
    assert_eq!(bridged.bridge_get(&device).await?.ok()?["display_name"], "Table");
    let alice = bridged.server.user("alice").await?;
    let unknown = bridged.server.put(&alice, "/_matrix/client/v3/devices/DESK", json!({})).await?;
    assert_eq!(refusal(&unknown), refused(404, "M_NOT_FOUND"));

    for name in ["device_id", "org.matrix.msc3202.device_id"] {
        let whoami = bridged.bridge_get(&format!("account/whoami?{GHOST_QUERY}&{name}=DESK")).await?.ok()?;
        assert_eq!(whoami["device_id"], "DESK");
    }
    let unknown = bridged.bridge_get(&format!("account/whoami?{GHOST_QUERY}&device_id=SOFA")).await?;
    assert_eq!(refusal(&unknown), refused(400, "M_UNKNOWN_DEVICE"));
    let of_the_bot = bridged.bridge_get("account/whoami?device_id=DESK").await?;
    assert_eq!(refusal(&of_the_bot), refused(400, "M_UNKNOWN_DEVICE"));
    let nowhere = bridged.bridge_post(&format!("keys/upload?{GHOST_QUERY}"), json!({})).await?;
    assert_eq!(refusal(&nowhere), refused(400, "M_MISSING_PARAM"));
    bridged.bridge_post(&format!("keys/upload?{GHOST_QUERY}&device_id=DESK"), json!({})).await?.ok()?;

    bridged.server.delete(BRIDGE, &format!("/_matrix/client/v3/{device}"), json!({})).await?.ok()?;
    assert_eq!(refusal(&bridged.bridge_get(&device).await?), refused(404, "M_NOT_FOUND"));
    bridged.bridge_put(&device, json!({})).await?;
    bridged.bridge_post(&format!("delete_devices?{GHOST_QUERY}"), json!({ "devices": ["DESK"] })).await?.ok()?;
    assert_eq!(refusal(&bridged.bridge_get(&device).await?), refused(404, "M_NOT_FOUND"));
    Ok(())
}

#[tokio::test]
async fn messages_to_devices_are_sent_once_without_a_device_too() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    bridged.ghost().await?;
    let alice = bridged.server.user("alice").await?;
    let messages = json!({ "messages": { "@alice:one.example": { "*": { "hello": 1 } } } });
    for _ in 0..2 {
        bridged.bridge_put(&format!("sendToDevice/test.hello/1?{GHOST_QUERY}"), messages.clone()).await?.ok()?;
    }
    let sync = bridged.server.get(&alice, "/_matrix/client/v3/sync").await?.ok()?;
    assert_eq!(sync["to_device"]["events"].as_array().unwrap().len(), 1, "{sync}");
    Ok(())
}

#[tokio::test]
async fn a_service_gives_events_their_time_and_nobody_else_does() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    let time = async |event: &Value| {
        let path = format!("/_matrix/client/v3/rooms/{room}/event/{}", event["event_id"].as_str().unwrap());
        anyhow::Ok(bridged.server.get(&alice, &path).await?.ok()?["origin_server_ts"].as_i64().unwrap())
    };
    let old = bridged.say(BRIDGE, &room, "old", &format!("{GHOST_QUERY}&ts=1234567")).await?;
    assert_eq!(time(&old).await?, 1_234_567);
    let now = bridged.say(BRIDGE, &room, "now", GHOST_QUERY).await?;
    assert_eq!(time(&now).await?, 1_700_000_000_000);
    let hers = bridged.say(&alice, &room, "hers", "ts=1234567").await?;
    assert_eq!(time(&hers).await?, 1_700_000_000_000);
    let state = format!("rooms/{room}/state/m.room.member/{GHOST}?{GHOST_QUERY}&ts=7654321");
    let renamed = bridged.bridge_put(&state, json!({ "membership": "join", "displayname": "Bob" })).await?.ok()?;
    assert_eq!(time(&renamed).await?, 7_654_321);
    for wrong in ["x", "-1", "1.5", "99999999999999999999"] {
        let path = format!("rooms/{room}/send/m.room.message/w{wrong}?{GHOST_QUERY}&ts={wrong}");
        let answer = bridged.bridge_put(&path, json!({ "msgtype": "m.text", "body": "no" })).await?;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn only_who_is_limited_is_slowed_down() -> anyhow::Result<()> {
    let search = json!({ "search_term": "a" });
    let bridged = Bridged::with(&registration("rate_limited: false"), true).await?;
    bridged.ghost().await?;
    for _ in 0..70 {
        bridged.bridge_post(&format!("user_directory/search?{GHOST_QUERY}"), search.clone()).await?.ok()?;
    }
    let limited = Bridged::with(&registration("rate_limited: true"), true).await?;
    limited.ghost().await?;
    let mut statuses = Vec::new();
    for _ in 0..70 {
        let answer = limited.bridge_post(&format!("user_directory/search?{GHOST_QUERY}"), search.clone()).await?;
        statuses.push(answer.status.as_u16());
        // The service's own user is never limited.
        limited.bridge_post("user_directory/search", search.clone()).await?.ok()?;
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    Ok(())
}
