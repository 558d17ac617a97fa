//! Rooms of other servers that a service's users are invited to, and are not in.

use serde_json::{Value, json};

use super::{BRIDGE, registration};
use crate::{
    api::tests::homes::Home,
    config::Config,
    store::{AppserviceSn, Durability, StoreError},
    testing::FakeNetwork,
};

const GHOST: &str = "@_irc_bob:two.example";

/// What the service is owed of a room, oldest first: membership and sender.
async fn owed(home: &Home, service: AppserviceSn, room: &str) -> Vec<(String, String)> {
    let owed = home.home.parts.store.read().await.unwrap().appservice_events(service, 100).await.unwrap();
    let events = owed.into_iter().filter_map(|owed| serde_json::from_str::<Value>(&owed.json?).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events
        .filter(|event| event["room_id"] == room && event["event_id"].is_string())
        .map(|event| (text(&event["content"]["membership"]), text(&event["sender"])))
        .collect()
}

#[tokio::test]
async fn a_service_hears_how_an_invite_ends() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bridge.yaml");
    std::fs::write(&file, registration(""))?;
    let network = FakeNetwork::default();
    let one = Home::new("one.example", &network).await;
    let two = Home::with("two.example", &network, Config { appservices: vec![file], ..Config::default() }).await;
    let alice = one.person("alice").await;
    let wish = json!({ "type": "m.login.application_service", "username": "_irc_bob", "inhibit_login": true });
    two.client.post(BRIDGE, "/_matrix/client/v3/register", wish).await?.ok()?;
    let service = two
        .home
        .parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, |tx| Box::pin(async move { tx.make_appservice("bridge").await }))
        .await?;
    let pair = |membership: &str, sender: &str| (membership.to_owned(), sender.to_owned());
    let invited = pair("invite", &alice.user_id);

    let room = alice.make_room(json!({ "invite": [GHOST] })).await?;
    assert_eq!(owed(&two, service, &room).await, std::slice::from_ref(&invited));
    alice.post(&format!("v3/rooms/{room}/kick"), json!({ "user_id": GHOST })).await?;
    let withdrawn = pair("leave", &alice.user_id);
    alice
        .until("the withdrawn invite", async || {
            owed(&two, service, &room).await == [invited.clone(), withdrawn.clone()]
        })
        .await;

    alice.post(&format!("v3/rooms/{room}/invite"), json!({ "user_id": GHOST })).await?;
    let leave = format!("/_matrix/client/v3/rooms/{room}/leave?user_id={GHOST}");
    two.client.post(BRIDGE, &leave, json!({})).await?.ok()?;
    assert_eq!(owed(&two, service, &room).await, [invited.clone(), withdrawn, invited, pair("leave", GHOST)]);
    alice.sees(&room, GHOST, "leave").await;
    Ok(())
}
