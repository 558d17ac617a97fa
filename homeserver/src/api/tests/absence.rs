//! A server that was away finds what happened meanwhile, though nobody sends it.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

async fn say(person: &Person<'_>, room_id: &str, text: &str) {
    let path = format!("v3/rooms/{room_id}/send/m.room.message/{text}");
    person.put(&path, json!({"msgtype": "m.text", "body": text})).await.unwrap();
}

/// The bodies of a room's messages, oldest first.
async fn heard(person: &Person<'_>, room_id: &str) -> Vec<String> {
    let page = person.get(&format!("v3/rooms/{room_id}/messages?dir=b&limit=100")).await.unwrap();
    let events = page["chunk"].as_array().unwrap().iter().rev();
    events.filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_was_said_while_we_were_away_is_asked_for() {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b) = (one.person("a").await, two.person("b").await);
    let mut rooms = Vec::new();
    for _ in 0..3 {
        let room_id = a.make_room(json!({"preset": "public_chat"})).await.unwrap();
        b.join(&room_id, one.name()).await.unwrap();
        a.sees(&room_id, &b.user_id, "join").await;
        rooms.push(room_id);
    }
    // It answers, but sends nothing by itself.
    one.stop();
    let said: Vec<String> = (0..8).map(|n| format!("night-{n}")).collect();
    for room_id in &rooms {
        for text in &said {
            say(&a, room_id, text).await;
        }
    }
    a.put(&format!("v3/rooms/{}/state/m.room.topic/", rooms[0]), json!({"topic": "morning"})).await.unwrap();
    two.home.parts.inbound.pull().await.unwrap();
    for room_id in &rooms {
        b.until("what was said", async || heard(&b, room_id).await == said).await;
    }
    b.until("the topic", async || {
        let topic = b.get(&format!("v3/rooms/{}/state/m.room.topic/", rooms[0])).await;
        topic.is_ok_and(|topic: Value| topic["topic"] == "morning")
    })
    .await;
}

#[tokio::test]
async fn a_server_that_put_us_out_or_is_gone_does_not_hold_the_others_up() {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let three = Home::new("three.example", &network).await;
    let (a, b, c) = (one.person("a").await, two.person("b").await, three.person("c").await);
    let dead = c.make_room(json!({"preset": "public_chat"})).await.unwrap();
    b.join(&dead, three.name()).await.unwrap();
    let lively = a.make_room(json!({"preset": "public_chat"})).await.unwrap();
    b.join(&lively, one.name()).await.unwrap();
    a.sees(&lively, &b.user_id, "join").await;
    one.stop();
    network.set_down(three.home.name(), true);
    say(&a, &lively, "hello").await;
    two.home.parts.inbound.pull().await.unwrap();
    b.until("the message", async || heard(&b, &lively).await == ["hello"]).await;
}

#[tokio::test]
async fn copies_that_cannot_reach_each_other_hear_by_a_third() {
    let network = FakeNetwork::default();
    let (one, two, three) = (Home::of_key(&network).await, Home::of_key(&network).await, Home::of_key(&network).await);
    let (a, b, c) = (one.person("a").await, two.person("b").await, three.person("c").await);
    let room_id = a.make_room(json!({"preset": "public_chat"})).await.unwrap();
    for person in [&b, &c] {
        person.join(&room_id, one.name()).await.unwrap();
    }
    for person in [&a, &b] {
        person.sees(&room_id, &c.user_id, "join").await;
    }
    network.part(one.home.name(), two.home.name());
    say(&a, &room_id, "around").await;
    b.until("what only the third was sent", async || heard(&b, &room_id).await == ["around"]).await;

    network.set_down(two.home.name(), true);
    say(&a, &room_id, "later").await;
    c.until("the message", async || heard(&c, &room_id).await == ["around", "later"]).await;
    one.stop();
    network.set_down(two.home.name(), false);
    two.sender.say_hello();
    b.until("what was said meanwhile", async || heard(&b, &room_id).await == ["around", "later"]).await;
}
