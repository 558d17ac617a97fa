//! Delayed events: sent when their time comes, restarted, cancelled, kept through a restart of the server.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::homes::{Home, Person};
use crate::{api::testing::Server, testing::FakeNetwork};

const BASE: &str = "unstable/org.matrix.msc4140/delayed_events";

async fn delayed(person: &Person<'_>, path: &str, delay: i64, content: Value) -> anyhow::Result<String> {
    let answer = person.put(&format!("{path}?org.matrix.msc4140.delay={delay}"), content).await?;
    assert!(answer["event_id"].is_null());
    Ok(answer["delay_id"].as_str().unwrap().to_owned())
}

async fn messages(person: &Person<'_>, room: &str) -> Vec<String> {
    let page = person.get(&format!("v3/rooms/{room}/messages?dir=f&limit=100")).await.unwrap();
    let bodies = page["chunk"].as_array().unwrap().iter();
    bodies.filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
}

fn text(body: &str) -> Value {
    json!({"msgtype": "m.text", "body": body})
}

#[tokio::test]
async fn an_event_is_sent_when_its_time_has_come_and_not_before() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let versions = alice.get("versions").await?;
    assert_eq!(versions["unstable_features"]["org.matrix.msc4140"], true);
    let room = alice.make_room(json!({})).await?;
    let send = format!("v3/rooms/{room}/send/m.room.message");
    let later = delayed(&alice, &format!("{send}/1"), 3_600_000, text("later")).await?;
    // A repeated request is the same event.
    assert_eq!(delayed(&alice, &format!("{send}/1"), 3_600_000, text("later")).await?, later);
    delayed(&alice, &format!("{send}/2"), 100, text("soon")).await?;
    delayed(&alice, &format!("v3/rooms/{room}/state/m.room.topic"), 50, json!({"topic": "delayed"})).await?;
    alice.until("the message", async || messages(&alice, &room).await == ["soon"]).await;
    alice
        .until("the topic", async || {
            alice
                .get(&format!("v3/rooms/{room}/state/m.room.topic"))
                .await
                .is_ok_and(|topic| topic["topic"] == "delayed")
        })
        .await;
    let waiting = alice.get(BASE).await?;
    assert_eq!(waiting["delayed_events"].as_array().unwrap().len(), 1);
    let event = &waiting["delayed_events"][0];
    assert_eq!((&event["delay_id"], &event["room_id"]), (&json!(later), &json!(room)));
    assert_eq!((&event["content"]["body"], &event["delay"]), (&json!("later"), &json!(3_600_000)));
    assert!(event["state_key"].is_null() && event["running_since"].is_i64());
    Ok(())
}

#[tokio::test]
async fn waiting_events_are_sent_at_once_cancelled_or_begin_anew() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let send = format!("v3/rooms/{room}/send/m.room.message");
    let action = |action: &str| json!({"action": action});
    let first = format!("{BASE}/{}", delayed(&alice, &format!("{send}/1"), 3_600_000, text("first")).await?);
    let lost = (404, "M_NOT_FOUND".to_owned());
    assert_eq!(bob.refused_post(&first, action("send")).await?, lost, "somebody else's");
    alice.post(&first, action("send")).await?;
    assert_eq!(messages(&alice, &room).await, ["first"]);
    alice.post(&first, action("send")).await?;
    for again in ["cancel", "restart"] {
        assert_eq!(alice.refused_post(&first, action(again)).await?, (409, "M_UNKNOWN".to_owned()), "{again}");
    }
    assert_eq!(messages(&alice, &room).await, ["first"], "once");
    let second = format!("{BASE}/{}", delayed(&alice, &format!("{send}/2"), 3_600_000, text("second")).await?);
    let since = alice.get(BASE).await?["delayed_events"][0]["running_since"].as_i64().unwrap();
    alice
        .until("another millisecond", async || {
            alice.post(&second, action("restart")).await.unwrap();
            alice.get(BASE).await.unwrap()["delayed_events"][0]["running_since"].as_i64().unwrap() > since
        })
        .await;
    alice.post(&second, action("cancel")).await?;
    assert_eq!(alice.get(BASE).await?, json!({"delayed_events": []}));
    assert_eq!(messages(&alice, &room).await, ["first"]);
    assert_eq!(alice.refused_post(&first, action("explode")).await?, (400, "M_INVALID_PARAM".to_owned()));
    assert_eq!(alice.refused_post(&first, json!({})).await?, (400, "M_MISSING_PARAM".to_owned()));
    Ok(())
}

#[tokio::test]
async fn whoever_knows_the_id_acts_by_the_path_of_an_action() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let send = format!("v3/rooms/{room}/send/m.room.message");
    let first = delayed(&alice, &format!("{send}/1"), 3_600_000, text("first")).await?;
    let act = async |token: &str, base: &str, id: &str, action: &str| {
        home.client.post(token, &format!("/_matrix/client/{base}/{id}/{action}"), json!({})).await
    };
    let stable = "v1/delayed_events";
    assert_eq!(act("", BASE, &first, "explode").await?.errcode(), "M_UNRECOGNIZED");
    assert_eq!(act("", BASE, "guessed", "send").await?.errcode(), "M_NOT_FOUND");
    assert_eq!(act("", BASE, &first, "restart").await?.ok()?, json!({}));
    assert_eq!(act(&bob.token, stable, &first, "restart").await?.ok()?, json!({}));
    assert_eq!(act("", stable, &first, "send").await?.ok()?, json!({}));
    assert_eq!(messages(&alice, &room).await, ["first"]);
    let second = delayed(&alice, &format!("{send}/2"), 3_600_000, text("second")).await?;
    for _ in 0..2 {
        assert_eq!(act("", stable, &second, "cancel").await?.ok()?, json!({}));
    }
    assert_eq!(act("", stable, &second, "send").await?.status, 409);
    assert_eq!(alice.get(BASE).await?, json!({"delayed_events": []}));
    Ok(())
}

#[tokio::test]
async fn state_that_somebody_else_sets_meanwhile_cancels() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let levels = json!({"state_default": 0, "events": {}});
    let room = alice.make_room(json!({"preset": "public_chat", "power_level_content_override": levels})).await?;
    bob.join(&room, "one.example").await?;
    let path = format!("v3/rooms/{room}/state/org.example.call/key");
    delayed(&alice, &path, 3_600_000, json!({"gone": true})).await?;
    alice.put(&path, json!({"here": 1})).await?;
    bob.put(&format!("v3/rooms/{room}/state/org.example.call/other"), json!({"here": 1})).await?;
    assert_eq!(alice.get(BASE).await?["delayed_events"].as_array().unwrap().len(), 1, "one's own does not");
    bob.put(&path, json!({"here": 2})).await?;
    assert_eq!(alice.get(BASE).await?, json!({"delayed_events": []}));
    Ok(())
}

#[tokio::test]
async fn what_the_room_refuses_is_dropped_and_bad_delays_are_refused() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let send = format!("v3/rooms/{room}/send/m.room.message/1?org.matrix.msc4140.delay");
    let forbidden = (403, "M_FORBIDDEN".to_owned());
    assert_eq!(bob.refused_put(&format!("{send}=1000"), text("x")).await?, forbidden);
    bob.join(&room, "one.example").await?;
    let path = format!("v3/rooms/{room}/state/m.room.topic");
    let id = delayed(&bob, &path, 3_600_000, json!({"topic": "not mine"})).await?;
    assert_eq!(bob.refused_post(&format!("{BASE}/{id}"), json!({"action": "send"})).await?, forbidden);
    assert_eq!(bob.get(BASE).await?["delayed_events"][0]["delay_id"], *id, "it may be allowed by then");
    let id = delayed(&bob, &path, 1, json!({"topic": "not mine"})).await?;
    let told = format!("v1/delayed_events/{id}");
    bob.until("the refusal", async || bob.get(&told).await.unwrap()["error"]["errcode"] == "M_FORBIDDEN").await;
    for delay in ["-1", "soon", "1.5", "", "99999999999999999999999"] {
        let refused = alice.refused_put(&format!("{send}={delay}"), text("x")).await?;
        assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()), "{delay}");
    }
    let long = format!("/_matrix/client/{send}=86400001");
    let answer = home.client.put(&alice.token, &long, text("x")).await?;
    assert_eq!((answer.status.as_u16(), answer.errcode()), (400, "M_UNKNOWN".to_owned()));
    assert_eq!(answer.json()["org.matrix.msc4140.errcode"], "M_MAX_DELAY_EXCEEDED");
    assert_eq!(answer.json()["org.matrix.msc4140.max_delay"], 86_400_000);
    for n in 0..100 {
        delayed(&alice, &format!("v3/rooms/{room}/send/m.room.message/n{n}"), 3_600_000, text("x")).await?;
    }
    let answer = home.client.put(&alice.token, &format!("/_matrix/client/{send}=1000"), text("x")).await?;
    assert_eq!(answer.json()["org.matrix.msc4140.errcode"], "M_MAX_DELAYED_EVENTS_EXCEEDED");
    Ok(())
}

#[tokio::test]
async fn what_waited_while_the_server_was_off_is_sent_at_its_next_start() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let room = alice.make_room(json!({})).await?;
    let path = format!("v3/rooms/{room}/send/m.room.message/1");
    home.stop();
    delayed(&alice, &path, 1, text("goodbye")).await?;
    assert_eq!(messages(&alice, &room).await, Vec::<String>::new());
    // A server started anew knows of it from the database alone.
    let again = crate::api::parts::Parts::new(home.foundation());
    let stop = CancellationToken::new();
    tokio::spawn(again.rooms.clone().run_delayed(stop.clone()));
    let client = Server::over(again);
    let page = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=1");
    alice
        .until("the message", async || {
            let page = client.get(&alice.token, &page).await.unwrap().json();
            page["chunk"][0]["content"]["body"] == "goodbye"
        })
        .await;
    stop.cancel();
    Ok(())
}

#[tokio::test]
async fn what_became_of_an_event_is_told_to_its_sender() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    let send = format!("v3/rooms/{room}/send/m.room.message/1");
    let id = delayed(&alice, &send, 3_600_000, text("later")).await?;
    let path = format!("v1/delayed_events/{id}");
    let waiting = alice.get(&path).await?;
    assert_eq!((&waiting["type"], &waiting["delay"]), (&json!("m.room.message"), &json!(3_600_000)));
    assert!(waiting["event_id"].is_null() && waiting["origin_server_ts"].is_null());
    alice.post(&format!("{path}/send"), json!({})).await?;
    let sent = alice.get(&path).await?;
    let event_id = sent["event_id"].as_str().unwrap();
    assert!(sent["origin_server_ts"].is_i64() && sent["error"].is_null());
    // The same request once more is the same event, though it was sent long ago.
    assert_eq!(delayed(&alice, &send, 3_600_000, text("later")).await?, id);
    assert_eq!(messages(&alice, &room).await, ["later"]);
    let event = format!("v3/rooms/{room}/event/{event_id}");
    let unsigned = alice.get(&event).await?["unsigned"].clone();
    assert_eq!((&unsigned["org.matrix.msc4140.delay_id"], &unsigned["transaction_id"]), (&json!(id), &Value::Null));
    assert!(bob.get(&event).await?["unsigned"]["org.matrix.msc4140.delay_id"].is_null());
    let lost = (404, "M_NOT_FOUND".to_owned());
    assert_eq!(bob.refused_get(&path).await?, lost);
    assert_eq!(alice.refused_get("v1/delayed_events/none").await?, lost);
    assert_eq!(home.client.get("", &format!("/_matrix/client/{path}")).await?.errcode(), "M_MISSING_TOKEN");
    Ok(())
}

#[tokio::test]
async fn a_suspended_account_does_not_speak_through_what_it_delayed() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let room = alice.make_room(json!({})).await?;
    let id = delayed(&alice, &format!("v3/rooms/{room}/send/m.room.message/1"), 3_600_000, text("x")).await?;
    let new = json!({"name": "root", "password": "secret", "admin": true});
    let root = home.client.post("", "/_hearth/v1/users", new).await?.ok()?["access_token"].as_str().unwrap().to_owned();
    let path = format!("/_matrix/client/v1/admin/suspend/{}", alice.user_id);
    home.client.put(&root, &path, json!({"suspended": true})).await?.ok()?;
    let act = format!("{BASE}/{id}");
    assert_eq!(alice.refused_post(&act, json!({"action": "send"})).await?, (403, "M_USER_SUSPENDED".to_owned()));
    let by_path = home.client.post("", &format!("/_matrix/client/{act}/send"), json!({})).await?;
    assert_eq!(by_path.status, 403);
    assert_eq!(messages(&alice, &room).await, Vec::<String>::new());
    alice.post(&act, json!({"action": "cancel"})).await?;
    Ok(())
}

#[tokio::test]
async fn an_event_is_scheduled_by_an_endpoint_of_its_own() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    let room = alice.make_room(json!({})).await?;
    let path = |kind: &str, txn: &str| format!("v3/rooms/{room}/delayed_event/{kind}/{txn}");
    let wish = json!({"delay": 3_600_000, "content": text("later")});
    let made = alice.put(&path("m.room.message", "1"), wish.clone()).await?;
    assert_eq!(alice.put(&path("m.room.message", "1"), wish).await?, made, "a repeated request is the same event");
    let topic = json!({"delay": 1, "state_key": "", "content": {"topic": "in time"}});
    alice.put(&path("m.room.topic", "2"), topic).await?;
    alice
        .until("the topic", async || {
            let topic = alice.get(&format!("v3/rooms/{room}/state/m.room.topic")).await;
            topic.is_ok_and(|topic| topic["topic"] == "in time")
        })
        .await;
    let listed = alice.get("v1/delayed_events").await?;
    assert_eq!(listed["delayed_events"][0]["delay_id"], made["delay_id"]);
    for (wish, errcode) in [
        (json!({"delay": 0, "content": {}}), "M_INVALID_PARAM"),
        (json!({"delay": -1, "content": {}}), "M_BAD_JSON"),
        (json!({"content": {}}), "M_BAD_JSON"),
        (json!({"delay": 1}), "M_BAD_JSON"),
        (json!({"delay": 1, "content": []}), "M_BAD_JSON"),
        (json!({"delay": 1, "content": {"a": 1.5}}), "M_BAD_JSON"),
        (json!({"delay": 86_400_001, "content": {}}), "M_MAX_DELAY_EXCEEDED"),
    ] {
        let refused = alice.refused_put(&path("m.room.message", "3"), wish.clone()).await?;
        assert_eq!(refused, (400, errcode.to_owned()), "{wish}");
    }
    Ok(())
}
