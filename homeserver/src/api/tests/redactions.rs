//! Redacting: one's own, what others said, and what is not there.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

async fn say(person: &Person<'_>, room: &str, body: &str) -> anyhow::Result<String> {
    let content = json!({"msgtype": "m.text", "body": body});
    let sent = person.put(&format!("v3/rooms/{room}/send/m.room.message/{body}"), content).await?;
    Ok(sent["event_id"].as_str().unwrap().to_owned())
}

async fn body(person: &Person<'_>, room: &str, event_id: &str) -> anyhow::Result<Value> {
    Ok(person.get(&format!("v3/rooms/{room}/event/{event_id}")).await?["content"]["body"].clone())
}

#[tokio::test]
async fn others_of_the_same_server_are_not_redacted_without_the_power_to() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (owner, alice, bob) = (home.person("owner").await, home.person("alice").await, home.person("bob").await);
    for version in ["10", "12"] {
        let room = owner.make_room(json!({"preset": "public_chat", "room_version": version})).await?;
        let other = owner.make_room(json!({})).await?;
        let elsewhere = say(&owner, &other, "elsewhere").await?;
        alice.join(&room, "one.example").await?;
        bob.join(&room, "one.example").await?;
        let said = say(&alice, &room, "said").await?;
        let forbidden = (403, "M_FORBIDDEN".to_owned());
        let unknown = (404, "M_NOT_FOUND".to_owned());
        let redact = |event_id: &str, txn: &str| format!("v3/rooms/{room}/redact/{event_id}/{txn}");
        assert_eq!(bob.refused_put(&redact(&said, "1"), json!({})).await?, forbidden);
        let by_sending = format!("v3/rooms/{room}/send/m.room.redaction/2");
        assert_eq!(bob.refused_put(&by_sending, json!({"redacts": said})).await?, forbidden);
        assert_eq!(bob.refused_put(&redact("$not-here-yet", "3"), json!({})).await?, unknown);
        assert_eq!(owner.refused_put(&redact(&elsewhere, "4"), json!({})).await?, unknown);
        assert_eq!(body(&owner, &room, &said).await?, "said");
        assert_eq!(body(&owner, &other, &elsewhere).await?, "elsewhere");
        let own = say(&bob, &room, "own").await?;
        bob.put(&redact(&own, "5"), json!({})).await?;
        owner.put(&redact(&said, "6"), json!({})).await?;
        assert_eq!(body(&owner, &room, &own).await?, Value::Null);
        assert_eq!(body(&bob, &room, &said).await?, Value::Null);
    }
    Ok(())
}

#[tokio::test]
async fn the_owner_of_the_server_redacts_its_users_anywhere_and_nobody_elses() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let new = json!({"name": "root", "password": "secret", "admin": true});
    let token = two.client.post("", "/_hearth/v1/users", new).await?.ok()?["access_token"].as_str().unwrap().to_owned();
    let root = Person { home: &two, user_id: "@root:two.example".to_owned(), token };
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    root.join(&room, "one.example").await?;
    let (hers, his) = (say(&alice, &room, "hers").await?, say(&bob, &room, "his").await?);
    root.until("her message", async || body(&root, &room, &hers).await.is_ok()).await;
    let redact = |event_id: &str| format!("v3/rooms/{room}/redact/{event_id}/{}", &event_id[1..5]);
    assert_eq!(root.refused_put(&redact(&hers), json!({})).await?, (403, "M_FORBIDDEN".to_owned()));
    root.put(&redact(&his), json!({})).await?;
    alice.until("his message gone", async || body(&alice, &room, &his).await.is_ok_and(|body| body.is_null())).await;
    Ok(())
}
