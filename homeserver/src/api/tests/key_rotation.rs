//! A server that replaces its signing key is believed as before, in what it said and in what it says.

use serde_json::{Value, json};

use super::homes::Home;
use crate::testing::FakeNetwork;

#[tokio::test]
async fn events_of_before_and_after_are_believed_by_old_friends_and_new_ones() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let three = Home::new("three.example", &network).await;
    let (a, b, c) = (one.person("a").await, two.person("b").await, three.person("c").await);
    let room_id = a.make_room(json!({"preset": "public_chat"})).await?;
    b.join(&room_id, one.name()).await?;
    a.sees(&room_id, &b.user_id, "join").await;
    let say = async |text: &str| {
        let path = format!("v3/rooms/{room_id}/send/m.room.message/{text}");
        a.put(&path, json!({"msgtype": "m.text", "body": text})).await
    };
    let hears = async |text: &str| {
        let page = b.get(&format!("v3/rooms/{room_id}/messages?dir=b&limit=5")).await;
        page.is_ok_and(|page: Value| page["chunk"].as_array().unwrap().iter().any(|e| e["content"]["body"] == text))
    };
    say("before").await?;
    b.until("what was said before", async || hears("before").await).await;

    let keyring = &one.home.parts.federation.keyring;
    let old = keyring.own_keys().0.key_id();
    // Nobody asks for keys again within half a minute.
    for home in [&one, &two, &three] {
        home.home.ahead.fetch_add(60_000, std::sync::atomic::Ordering::SeqCst);
    }
    keyring.replace_own_key(std::sync::Arc::new(crypto::ServerIdentity::generate_for_domain()?)).await?;
    let answer: Value = serde_json::from_str(&keyring.own_answer().unwrap().json)?;
    assert!(answer["old_verify_keys"][old.as_str()]["expired_ts"].is_i64(), "{answer}");
    assert!(answer["verify_keys"][old.as_str()].is_null());
    assert_ne!(keyring.own_keys().0.key_id(), old);

    say("after").await?;
    b.until("what was said after", async || hears("after").await).await;
    c.join(&room_id, two.name()).await?;
    c.sees(&room_id, &a.user_id, "join").await;
    Ok(())
}
