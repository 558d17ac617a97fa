//! Simplified sliding sync.

use std::time::Duration;

use ruma::{
    CanonicalJsonObject,
    api::{IncomingRequest, OutgoingResponse, client::sync::sync_events::v5::Request},
};
use serde_json::{Value, json};

use super::{Home, bodies, types, viewer};
use crate::domain::{rooms::LocalUser, sync::SyncError};

fn request(pos: Option<&str>, timeout: Duration, body: &Value) -> anyhow::Result<Request> {
    let mut uri = format!(
        "https://one.example/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout={}",
        timeout.as_millis()
    );
    if let Some(pos) = pos {
        uri = format!("{uri}&pos={pos}");
    }
    let request = http::Request::post(uri).body(serde_json::to_vec(body)?)?;
    Ok(Request::try_from_http_request(request, &[] as &[&str])?)
}

async fn ask(home: &Home, user: &LocalUser, pos: Option<&Value>, body: &Value) -> Result<Value, SyncError> {
    let pos = pos.map(|answer| answer["pos"].as_str().unwrap());
    let request = request(pos, Duration::ZERO, body).unwrap();
    Ok(json(home.sync.sliding(&viewer(user), &request).await?))
}

fn json(response: ruma::api::client::sync::sync_events::v5::Response) -> Value {
    let response = response.try_into_http_response::<Vec<u8>>().unwrap();
    serde_json::from_slice(response.body()).unwrap()
}

/// The SDK's room list.
fn room_list(range: [u32; 2]) -> Value {
    json!({
        "conn_id": "room-list",
        "lists": { "all_rooms": {
            "ranges": [range],
            "timeline_limit": 1,
            "required_state": [["m.room.name", ""], ["m.room.member", "$ME"], ["m.room.member", "$LAZY"]],
        } },
        "extensions": {
            "account_data": { "enabled": true },
            "receipts": { "enabled": true, "rooms": ["*"] },
            "typing": { "enabled": true },
        },
    })
}

#[tokio::test]
async fn a_list_shows_the_newest_rooms_and_grows() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let (one, two) = (home.room("One").await?, home.room("Two").await?);
    let first = ask(&home, &home.alice, None, &room_list([0, 0])).await?;
    assert_eq!(first["lists"]["all_rooms"]["count"], 2);
    assert_eq!(first["rooms"].as_object().unwrap().keys().collect::<Vec<_>>(), [two.as_str()]);
    let room = &first["rooms"][two.as_str()];
    assert_eq!((&room["initial"], &room["name"], &room["joined_count"]), (&json!(true), &json!("Two"), &json!(1)));
    assert_eq!(types(&room["required_state"]), ["m.room.member", "m.room.name"]);
    assert_eq!(room["timeline"].as_array().unwrap().len(), 1);
    assert_eq!(room["limited"], true);
    assert_eq!(types(&first["extensions"]["account_data"]["global"]), ["m.push_rules"]);

    let second = ask(&home, &home.alice, Some(&first), &room_list([0, 9])).await?;
    assert_eq!(second["rooms"].as_object().unwrap().keys().collect::<Vec<_>>(), [one.as_str()]);
    let quiet = ask(&home, &home.alice, Some(&second), &room_list([0, 9])).await?;
    assert!(quiet["rooms"].is_null());
    assert_eq!(quiet["pos"], second["pos"]);

    home.say(&home.alice, &one, "up").await?;
    let third = ask(&home, &home.alice, Some(&second), &room_list([0, 0])).await?;
    let room = &third["rooms"][one.as_str()];
    assert_eq!(bodies(&room["timeline"]), ["up"]);
    assert!(room["initial"].is_null() && room["limited"].is_null());
    assert_eq!(room["num_live"], 1);
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for_and_an_old_position_is_not_known() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.room("One").await?;
    let list = room_list([0, 9]);
    let first = ask(&home, &home.alice, None, &list).await?;
    home.say(&home.alice, &room, "a").await?;
    let lost = ask(&home, &home.alice, Some(&first), &list).await?;
    let again = ask(&home, &home.alice, Some(&first), &list).await?;
    assert_eq!(bodies(&again["rooms"][room.as_str()]["timeline"]), ["a"]);
    assert!(matches!(ask(&home, &home.alice, Some(&lost), &list).await, Err(SyncError::UnknownPos)));
    home.say(&home.alice, &room, "b").await?;
    let next = ask(&home, &home.alice, Some(&again), &list).await?;
    assert_eq!(bodies(&next["rooms"][room.as_str()]["timeline"]), ["b"]);
    assert!(matches!(ask(&home, &home.alice, Some(&first), &list).await, Err(SyncError::UnknownPos)));
    // Another connection of the same device does not disturb this one.
    let other = json!({ "conn_id": "encryption", "extensions": { "e2ee": { "enabled": true }, "to_device": { "enabled": true } } });
    let answer = ask(&home, &home.alice, None, &other).await?;
    assert_eq!(answer["extensions"]["e2ee"]["device_one_time_keys_count"]["signed_curve25519"], 0);
    assert!(answer["extensions"]["to_device"]["next_batch"].is_string());
    assert_eq!(ask(&home, &home.alice, Some(&answer), &other).await?["pos"], answer["pos"]);
    ask(&home, &home.alice, Some(&next), &list).await?;
    Ok(())
}

#[tokio::test]
async fn a_subscription_asks_for_more_of_a_room() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.room("One").await?;
    for n in 0..4 {
        home.say(&home.alice, &room, &n.to_string()).await?;
    }
    let mut list = room_list([0, 9]);
    let first = ask(&home, &home.alice, None, &list).await?;
    assert_eq!(bodies(&first["rooms"][room.as_str()]["timeline"]), ["3"]);
    list["room_subscriptions"] =
        json!({ room.as_str(): { "timeline_limit": 3, "required_state": [["m.room.create", ""]] } });
    let second = ask(&home, &home.alice, Some(&first), &list).await?;
    let section = &second["rooms"][room.as_str()];
    assert_eq!(bodies(&section["timeline"]), ["1", "2", "3"]);
    assert_eq!(section["limited"], true);
    assert!(types(&section["required_state"]).contains(&"m.room.create".to_owned()));
    assert!(!types(&section["required_state"]).contains(&"m.room.name".to_owned()));
    assert!(ask(&home, &home.alice, Some(&second), &list).await?["rooms"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_room_out_of_sight_comes_back_with_what_it_missed() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let (one, two) = (home.room("One").await?, home.room("Two").await?);
    let first = ask(&home, &home.alice, None, &room_list([0, 9])).await?;
    // Only the newest room is in sight.
    home.say(&home.alice, &two, "top").await?;
    let second = ask(&home, &home.alice, Some(&first), &room_list([0, 0])).await?;
    assert!(second["rooms"][one.as_str()].is_null());
    home.set_name(&one, "First").await?;
    let third = ask(&home, &home.alice, Some(&second), &room_list([0, 0])).await?;
    assert!(third["rooms"].is_null());
    let fourth = ask(&home, &home.alice, Some(&third), &room_list([0, 9])).await?;
    let section = &fourth["rooms"][one.as_str()];
    assert!(section["initial"].is_null());
    assert_eq!(section["name"], "First");
    // The writer's member event comes along.
    assert_eq!(types(&section["required_state"]), ["m.room.member", "m.room.name"]);
    Ok(())
}

#[tokio::test]
async fn invites_joins_and_leaves_are_told() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let list = room_list([0, 9]);
    let start = ask(&home, &home.bob, None, &list).await?;
    let room = home.room("Kitchen").await?;
    home.rooms.invite(&home.alice, &room, &home.bob.user_id, None, false).await?;
    let invited = ask(&home, &home.bob, Some(&start), &list).await?;
    let section = &invited["rooms"][room.as_str()];
    assert!(types(&section["invite_state"]).contains(&"m.room.member".to_owned()));
    assert_eq!(section["name"], "Kitchen");
    assert!(section["timeline"].is_null());

    home.rooms.join(&home.bob, &room, &[], None, CanonicalJsonObject::new()).await?;
    let joined = ask(&home, &home.bob, Some(&invited), &list).await?;
    let section = &joined["rooms"][room.as_str()];
    assert_eq!(section["initial"], true);
    assert!(section["invite_state"].is_null());
    assert_eq!(section["joined_count"], 2);

    home.rooms.leave(&home.bob, &room, None).await?;
    home.say(&home.alice, &room, "unseen").await?;
    let left = ask(&home, &home.bob, Some(&joined), &list).await?;
    let section = &left["rooms"][room.as_str()];
    assert_eq!(left["lists"]["all_rooms"]["count"], 0);
    assert_eq!(section["required_state"][0]["content"]["membership"], "leave");
    assert!(bodies(&section["timeline"]).is_empty());
    let gone = ask(&home, &home.bob, Some(&left), &list).await?;
    assert!(gone["rooms"].is_null());
    Ok(())
}

#[tokio::test]
async fn counts_receipts_and_typing_come_as_they_change() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    let list = room_list([0, 9]);
    let first = ask(&home, &home.bob, None, &list).await?;
    let event = home.say(&home.alice, &room, "hi").await?;
    let second = ask(&home, &home.bob, Some(&first), &list).await?;
    assert_eq!(second["rooms"][room.as_str()]["notification_count"], 1);
    home.read(&home.bob, &room, &event).await?;
    home.typing(&home.alice, &room, 20).await?;
    let third = ask(&home, &home.bob, Some(&second), &list).await?;
    assert_eq!(third["rooms"][room.as_str()]["notification_count"], 0);
    let receipt = &third["extensions"]["receipts"]["rooms"][room.as_str()]["content"][event.as_str()];
    assert!(receipt["m.read"]["@bob:one.example"]["ts"].is_number());
    let typing = |answer: &Value| answer["extensions"]["typing"]["rooms"][room.as_str()]["content"]["user_ids"].clone();
    assert_eq!(typing(&third), json!(["@alice:one.example"]));
    home.typing(&home.alice, &room, 0).await?;
    let fourth = ask(&home, &home.bob, Some(&third), &list).await?;
    assert_eq!(typing(&fourth), json!([]));
    assert!(fourth["rooms"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_wait_ends_with_the_first_news() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    let list = room_list([0, 9]);
    let first = ask(&home, &home.bob, None, &list).await?;
    let waiting = request(first["pos"].as_str(), Duration::from_secs(20), &list)?;
    let bob = viewer(&home.bob);
    let (answer, said) = tokio::join!(home.sync.sliding(&bob, &waiting), home.say(&home.alice, &room, "wake"));
    said?;
    assert_eq!(bodies(&json(answer?)["rooms"][room.as_str()]["timeline"]), ["wake"]);
    Ok(())
}
