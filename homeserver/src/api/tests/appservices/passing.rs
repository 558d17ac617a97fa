//! What passes: typing, receipts, presence, messages to devices, keys.

use serde_json::json;

use super::{BRIDGE, Bridged, GHOST, GHOST_QUERY, registration};

#[tokio::test]
async fn typing_receipts_and_presence_come_where_they_are_asked_for() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    let elsewhere = bridged.make_room(&alice, json!({})).await?;
    let said = bridged.say(BRIDGE, &room, "words", GHOST_QUERY).await?;
    let event = said["event_id"].as_str().unwrap();
    let client = |path: String| format!("/_matrix/client/v3/{path}");
    for room in [&elsewhere, &room] {
        let typing = client(format!("rooms/{room}/typing/@alice:one.example"));
        bridged.server.put(&alice, &typing, json!({ "typing": true, "timeout": 60000 })).await?.ok()?;
    }
    let receipt = |kind: &str| client(format!("rooms/{room}/receipt/{kind}/{event}"));
    bridged.server.post(&alice, &receipt("m.read.private"), json!({})).await?.ok()?;
    bridged.server.post(&alice, &receipt("m.read"), json!({})).await?.ok()?;
    let status = json!({ "presence": "online", "status_msg": "here" });
    bridged.server.put(&alice, &client("presence/@alice:one.example/status".to_owned()), status).await?.ok()?;

    let typing = bridged.bridge.gets("ephemeral", |event| event["type"] == "m.typing").await;
    assert_eq!(typing["room_id"], room);
    assert_eq!(typing["content"]["user_ids"], json!(["@alice:one.example"]));
    let read = bridged.bridge.gets("ephemeral", |event| event["type"] == "m.receipt").await;
    assert_eq!(read["room_id"], room);
    assert!(read["content"][event]["m.read"]["@alice:one.example"]["ts"].is_u64(), "{read}");
    let presence = bridged.bridge.gets("ephemeral", |event| event["content"]["status_msg"] == "here").await;
    assert_eq!((&presence["type"], &presence["sender"]), (&json!("m.presence"), &json!("@alice:one.example")));
    let all = bridged.bridge.sent("ephemeral");
    assert!(all.iter().all(|event| event["room_id"] != elsewhere), "{all:?}");
    assert!(!json!(all).to_string().contains("m.read.private"), "{all:?}");

    // A private receipt of the service's own user is told.
    let own = format!("rooms/{room}/receipt/m.read.private/{event}?{GHOST_QUERY}");
    bridged.bridge_post(&own, json!({})).await?.ok()?;
    bridged.bridge.gets("ephemeral", |data| data["content"][event]["m.read.private"][GHOST].is_object()).await;
    Ok(())
}

#[tokio::test]
async fn nothing_that_passes_comes_where_it_is_not_asked_for() -> anyhow::Result<()> {
    let bridged = Bridged::with(&registration(""), false).await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    let typing = format!("/_matrix/client/v3/rooms/{room}/typing/@alice:one.example");
    bridged.server.put(&alice, &typing, json!({ "typing": true, "timeout": 60000 })).await?.ok()?;
    bridged.say(&alice, &room, "after", "").await?;
    bridged.bridge.gets("events", |event| event["content"]["body"] == "after").await;
    assert!(bridged.bridge.sent("ephemeral").is_empty());
    Ok(())
}

#[tokio::test]
async fn messages_and_keys_of_its_users_devices_come_with_transactions() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    bridged.shared_room(&alice).await?;
    bridged.bridge_put(&format!("devices/DESK?{GHOST_QUERY}"), json!({})).await?;
    let messages = json!({ "messages": { GHOST: { "DESK": { "hello": 1 } } } });
    let path = "/_matrix/client/v3/sendToDevice/test.hello/1";
    bridged.server.put(&alice, path, messages).await?.ok()?;
    let message = bridged.bridge.gets("de.sorunome.msc2409.to_device", |_| true).await;
    assert_eq!(
        message,
        json!({
            "type": "test.hello", "sender": "@alice:one.example", "content": { "hello": 1 },
            "to_user_id": GHOST, "to_device_id": "DESK",
        })
    );
    let counts = bridged
        .bridge
        .seen()
        .into_iter()
        .find_map(|seen| seen.body["org.matrix.msc3202.device_one_time_keys_count"][GHOST].get("DESK").cloned());
    assert!(counts.unwrap()["signed_curve25519"].is_number());
    // The service has taken it: no sync gives it again.
    let synced = async || {
        let sync = bridged.bridge_get(&format!("sync?{GHOST_QUERY}&device_id=DESK")).await?.ok()?;
        anyhow::Ok(sync["to_device"]["events"].as_array().map_or(0, Vec::len))
    };
    let wait = async {
        while synced().await.unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await?;
    assert_eq!(bridged.bridge.sent("de.sorunome.msc2409.to_device").len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_service_hears_whose_keys_its_users_see_and_see_no_more() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.shared_room(&alice).await?;
    let lists = async |field: &str, user: &str| {
        bridged
            .bridge
            .until(|bridge| {
                let told = |list: &serde_json::Value| list.as_array().is_some_and(|list| list.contains(&json!(user)));
                bridge.seen().into_iter().find(|seen| told(&seen.body["org.matrix.msc3202.device_lists"][field]))
            })
            .await
    };
    lists("changed", "@alice:one.example").await;
    bridged.server.post(&alice, &format!("/_matrix/client/v3/rooms/{room}/leave"), json!({})).await?.ok()?;
    let seen = lists("left", "@alice:one.example").await;
    assert_eq!(seen.body["org.matrix.msc3202.device_lists"]["changed"], json!([]));
    Ok(())
}
