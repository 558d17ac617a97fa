//! `/v3/sync`.

use std::time::Duration;

use ruma::{CanonicalJsonObject, api::client::filter::FilterDefinition, presence::PresenceState};
use serde_json::{Value, json};

use super::{Home, bodies, types, viewer};
use crate::{
    domain::{rooms::LocalUser, sync::Query},
    store::{Durability, StoreError},
};

struct Asking {
    filter: Value,
    since: Option<String>,
    state_after: bool,
    full_state: bool,
    timeout: Duration,
}

fn asking(since: Option<&Value>) -> Asking {
    let since = since.map(|since| since["next_batch"].as_str().unwrap().to_owned());
    Asking { filter: json!({}), since, state_after: true, full_state: false, timeout: Duration::ZERO }
}

async fn ask(home: &Home, user: &LocalUser, asking: Asking) -> anyhow::Result<Value> {
    let query = Query {
        filter: serde_json::from_value::<FilterDefinition>(asking.filter)?,
        since: asking.since.map(|since| since.parse()).transpose()?,
        full_state: asking.full_state,
        timeout: asking.timeout,
        state_after: asking.state_after,
        set_presence: PresenceState::Offline,
    };
    let response = home.sync.v3(&viewer(user), &query).await?;
    Ok(json!({
        "next_batch": response.next_batch,
        "rooms": response.rooms,
        "account_data": response.account_data,
        "to_device": response.to_device,
        "device_lists": response.device_lists,
    }))
}

async fn sync(home: &Home, user: &LocalUser, since: Option<&Value>) -> anyhow::Result<Value> {
    ask(home, user, asking(since)).await
}

#[tokio::test]
async fn each_sync_adds_what_is_new() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    let first = sync(&home, &home.bob, None).await?;
    let section = &first["rooms"]["join"][room.as_str()];
    assert_eq!(section["summary"]["m.joined_member_count"], 2);
    assert!(types(&section["state_after"]["events"]).contains(&"m.room.create".to_owned()));
    assert_eq!(types(&first["account_data"]["events"]), ["m.push_rules"]);

    assert_eq!(sync(&home, &home.bob, Some(&first)).await?["rooms"], json!({}));
    home.say(&home.alice, &room, "hello").await?;
    home.set_name(&room, "Garden").await?;
    let second = sync(&home, &home.bob, Some(&first)).await?;
    let section = &second["rooms"]["join"][room.as_str()];
    assert_eq!(types(&section["timeline"]["events"]), ["m.room.message", "m.room.name"]);
    assert!(section["timeline"]["limited"].is_null());
    assert_eq!(section["state_after"]["events"][0]["content"]["name"], "Garden");
    assert_eq!(section["unread_notifications"]["notification_count"], 1);
    assert!(section["summary"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_limited_timeline_has_the_state_of_the_gap() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    let first = sync(&home, &home.bob, None).await?;
    home.set_name(&room, "Garden").await?;
    for n in 0..5 {
        home.say(&home.alice, &room, &n.to_string()).await?;
    }
    for state_after in [true, false] {
        let filter = json!({ "room": { "timeline": { "limit": 2 } } });
        let answer = ask(&home, &home.bob, Asking { filter, state_after, ..asking(Some(&first)) }).await?;
        let section = &answer["rooms"]["join"][room.as_str()];
        assert_eq!(bodies(&section["timeline"]["events"]), ["3", "4"]);
        assert_eq!(section["timeline"]["limited"], true);
        let state = if state_after { &section["state_after"] } else { &section["state"] };
        assert_eq!(state["events"][0]["content"]["name"], "Garden");
    }
    // With the change inside the timeline, `state` holds what stood before it and `state_after` what stands after.
    home.set_name(&room, "Attic").await?;
    let filter = json!({ "room": { "timeline": { "limit": 1 } } });
    for (state_after, name) in [(true, "Attic"), (false, "Garden")] {
        let answer =
            ask(&home, &home.bob, Asking { filter: filter.clone(), state_after, ..asking(Some(&first)) }).await?;
        let section = &answer["rooms"]["join"][room.as_str()];
        let state = if state_after { &section["state_after"] } else { &section["state"] };
        assert_eq!(state["events"][0]["content"]["name"], name);
    }
    Ok(())
}

#[tokio::test]
async fn lazy_members_are_those_who_wrote() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    home.say(&home.alice, &room, "hello").await?;
    let filter = json!({ "room": { "timeline": { "limit": 1 }, "state": { "lazy_load_members": true } } });
    let first = ask(&home, &home.bob, Asking { filter: filter.clone(), ..asking(None) }).await?;
    let members = |answer: &Value| {
        let events = answer["rooms"]["join"][room.as_str()]["state_after"]["events"].as_array().unwrap().clone();
        let mut keys: Vec<String> = events
            .iter()
            .filter(|event| event["type"] == "m.room.member")
            .map(|event| event["state_key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(members(&first), ["@alice:one.example", "@bob:one.example"]);
    home.say(&home.alice, &room, "again").await?;
    let second = ask(&home, &home.bob, Asking { filter, ..asking(Some(&first)) }).await?;
    assert_eq!(members(&second), ["@alice:one.example"]);
    Ok(())
}

#[tokio::test]
async fn rooms_move_between_the_sections() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let start = sync(&home, &home.bob, None).await?;
    let room = home.room("Kitchen").await?;
    home.rooms.invite(&home.alice, &room, &home.bob.user_id, None, false).await?;
    let invited = sync(&home, &home.bob, Some(&start)).await?;
    let events = &invited["rooms"]["invite"][room.as_str()]["invite_state"]["events"];
    assert!(types(events).contains(&"m.room.member".to_owned()));
    home.rooms.join(&home.bob, &room, &[], None, CanonicalJsonObject::new()).await?;
    let joined = sync(&home, &home.bob, Some(&invited)).await?;
    assert!(
        types(&joined["rooms"]["join"][room.as_str()]["state_after"]["events"]).contains(&"m.room.create".to_owned())
    );
    home.say(&home.alice, &room, "seen").await?;
    home.rooms.leave(&home.bob, &room, None).await?;
    home.say(&home.alice, &room, "unseen").await?;
    let left = sync(&home, &home.bob, Some(&joined)).await?;
    let section = &left["rooms"]["leave"][room.as_str()];
    assert_eq!(bodies(&section["timeline"]["events"]), ["seen"]);
    assert!(left["rooms"]["join"].is_null());
    assert_eq!(sync(&home, &home.bob, Some(&left)).await?["rooms"], json!({}));
    let filter = json!({ "room": { "include_leave": true } });
    let archive = ask(&home, &home.bob, Asking { filter, ..asking(None) }).await?;
    assert!(bodies(&archive["rooms"]["leave"][room.as_str()]["timeline"]["events"]).contains(&"seen".to_owned()));
    Ok(())
}

#[tokio::test]
async fn reading_clears_the_counts_and_shows_the_receipt() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    let event = home.say(&home.alice, &room, "bob, look").await?;
    let first = sync(&home, &home.bob, None).await?;
    let unread = &first["rooms"]["join"][room.as_str()]["unread_notifications"];
    assert_eq!((&unread["notification_count"], &unread["highlight_count"]), (&json!(1), &json!(0)));
    home.read(&home.bob, &room, &event).await?;
    home.typing(&home.alice, &room, 20).await?;
    let second = sync(&home, &home.bob, Some(&first)).await?;
    let section = &second["rooms"]["join"][room.as_str()];
    assert_eq!(section["unread_notifications"]["notification_count"], 0);
    assert_eq!(types(&section["ephemeral"]["events"]), ["m.receipt", "m.typing"]);
    // An older event does not take the receipt back.
    home.say(&home.alice, &room, "newer").await?;
    let third = sync(&home, &home.bob, Some(&second)).await?;
    home.read(&home.bob, &room, &event).await?;
    assert_eq!(sync(&home, &home.bob, Some(&third)).await?["rooms"], json!({}));
    Ok(())
}

#[tokio::test]
async fn a_wait_ends_with_the_first_news_and_not_before() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let room = home.shared_room("Kitchen").await?;
    let other = home.room("Cellar").await?;
    let first = sync(&home, &home.bob, None).await?;
    let wait = Asking { timeout: Duration::from_secs(20), ..asking(Some(&first)) };
    let (answer, said) = tokio::join!(ask(&home, &home.bob, wait), async {
        home.say(&home.alice, &other, "not for bob").await?;
        home.say(&home.alice, &room, "for bob").await
    });
    said?;
    assert_eq!(bodies(&answer?["rooms"]["join"][room.as_str()]["timeline"]["events"]), ["for bob"]);
    Ok(())
}

#[tokio::test]
async fn messages_to_a_device_stay_until_they_are_acknowledged() -> anyhow::Result<()> {
    let home = Home::new().await?;
    let (bob, alice) = (home.bob.user, home.alice.user);
    home.store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move { tx.put_to_device(bob, "DEVICE".into(), alice, "m.test", "{}").await })
        })
        .await?;
    let first = sync(&home, &home.bob, None).await?;
    assert_eq!(types(&first["to_device"]["events"]), ["m.test"]);
    let again = sync(&home, &home.bob, None).await?;
    assert_eq!(types(&again["to_device"]["events"]), ["m.test"]);
    let next = sync(&home, &home.bob, Some(&again)).await?;
    assert_eq!(next["to_device"], json!({}));
    assert_eq!(sync(&home, &home.bob, None).await?["to_device"], json!({}));
    Ok(())
}
