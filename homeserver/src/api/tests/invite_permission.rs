//! Users who take no invites.

use serde_json::json;

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

async fn allow(person: &Person<'_>, allowed: bool) -> anyhow::Result<()> {
    let content = if allowed { json!({}) } else { json!({"default_action": "block"}) };
    person.put(&format!("v3/user/{}/account_data/m.invite_permission_config", person.user_id), content).await?;
    Ok(())
}

#[tokio::test]
async fn a_blocked_invite_is_refused_wherever_it_comes_from() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob, carol) = (one.person("alice").await, one.person("bob").await, two.person("carol").await);
    let room = alice.make_room(json!({})).await?;
    let blocked = (403, "M_INVITE_BLOCKED".to_owned());
    for person in [&bob, &carol] {
        allow(person, false).await?;
        let body = json!({"user_id": person.user_id});
        let path = format!("v3/rooms/{room}/invite");
        assert_eq!(alice.refused_post(&path, body.clone()).await?, blocked);
        let state = format!("v3/rooms/{room}/state/m.room.member/{}", person.user_id);
        assert_eq!(alice.refused_put(&state, json!({"membership": "invite"})).await?, blocked);
        assert_eq!(alice.membership(&room, &person.user_id).await, None);
        allow(person, true).await?;
        alice.put(&state, json!({"membership": "invite", "reason": "come"})).await?;
        let member = alice.get(&state).await?;
        assert_eq!((&member["membership"], &member["reason"]), (&json!("invite"), &json!("come")));
        person.until("the invite", async || !person.sync().await.unwrap()["rooms"]["invite"][&room].is_null()).await;
        person.post(&format!("v3/join/{room}"), json!({})).await?;
    }
    // A room is not made with somebody here who would not come.
    allow(&bob, false).await?;
    assert_eq!(alice.refused_post("v3/createRoom", json!({"invite": [bob.user_id]})).await?, blocked);
    assert_eq!(alice.get("v3/joined_rooms").await?["joined_rooms"].as_array().unwrap().len(), 1);
    Ok(())
}

#[tokio::test]
async fn older_invites_disappear_from_syncs_until_they_are_wanted_again() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"invite": ["@bob:one.example"]})).await?;
    let list = json!({"lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 1, "required_state": []}}});
    let sliding = async || bob.post("unstable/org.matrix.simplified_msc3575/sync", list.clone()).await;
    assert!(!bob.sync().await?["rooms"]["invite"][&room].is_null());
    assert!(!sliding().await?["rooms"][&room].is_null());
    allow(&bob, false).await?;
    assert!(bob.sync().await?["rooms"]["invite"][&room].is_null());
    let shown = sliding().await?;
    assert_eq!((&shown["rooms"][&room], &shown["lists"]["all"]["count"]), (&json!(null), &json!(0)));
    let subscribed = json!({"room_subscriptions": {room.clone(): {"timeline_limit": 1, "required_state": []}}});
    let shown = bob.post("unstable/org.matrix.simplified_msc3575/sync", subscribed).await?;
    assert!(shown["rooms"][&room].is_null());
    allow(&bob, true).await?;
    assert!(!bob.sync().await?["rooms"]["invite"][&room].is_null());
    Ok(())
}
