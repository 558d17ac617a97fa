//! Push gateways: what they are told, in which order, how often, and when no more.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, routing::post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api::testing::Server,
    domain::push::Pushers,
    testing::{FakeNetwork, TestHome},
};

/// A push gateway that checks each request against the Push Gateway API.
#[derive(Clone, Default)]
struct Gateway {
    told: Arc<Mutex<Vec<Value>>>,
    /// The status that it answers with; 0 is 200.
    status: Arc<AtomicU16>,
    rejected: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    fn router(&self) -> Router {
        let gateway = self.clone();
        let take = move |headers: HeaderMap, Json(body): Json<Value>| async move {
            assert_eq!(headers["content-type"], "application/json");
            check(&body);
            gateway.told.lock().unwrap().push(body["notification"].clone());
            let status = match gateway.status.load(Ordering::SeqCst) {
                0 => StatusCode::OK,
                status => StatusCode::from_u16(status).unwrap(),
            };
            (status, Json(json!({ "rejected": *gateway.rejected.lock().unwrap() })))
        };
        Router::new().route("/_matrix/push/v1/notify", post(take))
    }

    async fn wait_for(&self, count: usize) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let told = self.told.lock().unwrap().clone();
            if told.len() >= count {
                return told;
            }
            assert!(tokio::time::Instant::now() < deadline, "only {told:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The types and required fields of the specification.
fn check(body: &Value) {
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["notification"]);
    let told = &body["notification"];
    for (name, value) in told.as_object().unwrap() {
        let fits = match name.as_str() {
            "event_id" => value.as_str().is_some_and(|id| id.starts_with('$')),
            "room_id" => value.as_str().is_some_and(|id| id.starts_with('!')),
            "sender" => value.as_str().is_some_and(|id| id.starts_with('@')),
            "type" | "sender_display_name" | "room_name" | "room_alias" => value.is_string(),
            "user_is_target" => value.is_boolean(),
            "prio" => value == "high" || value == "low",
            "content" => value.is_object(),
            "counts" => value.as_object().unwrap().iter().all(|(name, count)| {
                let alone = told.get("event_id").is_none();
                ["unread", "missed_calls"].contains(&name.as_str()) && count.as_u64().is_some_and(|n| n > 0 || alone)
            }),
            "devices" => value.as_array().unwrap().iter().all(|device| {
                device["app_id"].is_string()
                    && device["pushkey"].is_string()
                    && device["pushkey_ts"].as_u64().is_some_and(|ts| ts > 1_600_000_000 && ts < 10_000_000_000)
                    && device["data"].get("url").is_none()
            }),
            _ => false,
        };
        assert!(fits, "{name}: {value}");
    }
    assert!(told["devices"].as_array().is_some_and(|devices| devices.len() == 1));
    assert_eq!(told.get("event_id").is_some(), told.get("room_id").is_some());
}

/// Alice, who is told of what Bob says.
struct Story {
    home: TestHome,
    server: Server,
    alice: String,
    bob: String,
    room: String,
    gateway: Gateway,
}

impl Story {
    async fn begin(format: Option<&str>) -> anyhow::Result<Self> {
        let home = TestHome::new("one.example", &FakeNetwork::default()).await;
        let server = Server::over(home.parts.clone());
        let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
        let name = "/_matrix/client/v3/profile/@bob:one.example/displayname";
        server.put(&bob, name, json!({ "displayname": "Bob" })).await?.ok()?;
        let gateway = Gateway::default();
        home.web.attach("push.example", gateway.router());
        let body = json!({ "preset": "public_chat", "name": "Tea" });
        let made = server.post(&alice, "/_matrix/client/v3/createRoom", body).await?.ok()?;
        let room = made["room_id"].as_str().unwrap().to_owned();
        server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
        let mut data = json!({ "url": "https://push.example/_matrix/push/v1/notify", "brand": "tea" });
        if let Some(format) = format {
            data["format"] = format.into();
        }
        let pusher = json!({
            "pushkey": "key", "app_id": "org.example.app", "kind": "http", "app_display_name": "App",
            "device_display_name": "Phone", "lang": "en", "data": data,
        });
        server.post(&alice, "/_matrix/client/v3/pushers/set", pusher).await?.ok()?;
        Ok(Self { home, server, alice, bob, room, gateway })
    }

    /// Starts the pushers, as a start of the server does.
    fn run(&self) -> CancellationToken {
        let (parts, stop) = (&self.home.parts, CancellationToken::new());
        let web = Arc::new(self.home.web.clone());
        let pushers = Pushers::new(parts.store.clone(), parts.clock.clone(), self.home.notifier.clone(), web);
        tokio::spawn(pushers.run(stop.clone()));
        stop
    }

    async fn say(&self, txn: &str, content: Value) -> anyhow::Result<String> {
        self.send("m.room.message", txn, content).await
    }

    async fn send(&self, kind: &str, txn: &str, content: Value) -> anyhow::Result<String> {
        let path = format!("/_matrix/client/v3/rooms/{}/send/{kind}/{txn}", self.room);
        let sent = self.server.put(&self.bob, &path, content).await?.ok()?;
        Ok(sent["event_id"].as_str().unwrap().to_owned())
    }

    async fn read(&self, event: &str) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/receipt/m.read/{event}", self.room);
        self.server.post(&self.alice, &path, json!({})).await?.ok()?;
        Ok(())
    }

    async fn pushers(&self) -> anyhow::Result<usize> {
        let pushers = self.server.get(&self.alice, "/_matrix/client/v3/pushers").await?.ok()?;
        Ok(pushers["pushers"].as_array().unwrap().len())
    }
}

fn text(body: &str) -> Value {
    json!({ "msgtype": "m.text", "body": body })
}

#[tokio::test]
async fn a_gateway_is_told_of_each_event_in_order_and_of_counts() -> anyhow::Result<()> {
    let story = Story::begin(None).await?;
    story.run();
    let first = story.say("1", text("hello")).await?;
    let second = story.say("2", text("alice: tea?")).await?;
    let told = story.gateway.wait_for(2).await;
    assert_eq!(told[0]["event_id"], *first);
    assert_eq!(told[0]["room_id"], *story.room);
    assert_eq!(told[0]["type"], "m.room.message");
    assert_eq!(told[0]["sender"], "@bob:one.example");
    assert_eq!(told[0]["sender_display_name"], "Bob");
    assert_eq!(told[0]["room_name"], "Tea");
    assert_eq!(told[0]["content"], text("hello"));
    assert_eq!(told[0]["devices"][0]["data"], json!({ "brand": "tea" }));
    assert_eq!(told[1]["event_id"], *second);
    assert_eq!(told[1]["counts"], json!({ "unread": 2 }));

    // What was read leaves the badge; nothing is told twice.
    story.read(&second).await?;
    let told = story.gateway.wait_for(3).await;
    assert_eq!(told[2]["counts"], json!({ "unread": 0 }));
    assert_eq!(told[2].get("event_id"), None);
    let third = story.say("3", text("bye")).await?;
    let told = story.gateway.wait_for(4).await;
    assert_eq!((told[3]["event_id"].as_str(), &told[3]["counts"]), (Some(third.as_str()), &json!({ "unread": 1 })));
    Ok(())
}

#[tokio::test]
async fn an_app_that_wants_only_ids_learns_no_more() -> anyhow::Result<()> {
    let story = Story::begin(Some("event_id_only")).await?;
    story.run();
    let event = story.send("m.room.encrypted", "1", json!({ "algorithm": "m.megolm.v1.aes-sha2" })).await?;
    let told = story.gateway.wait_for(1).await;
    let device = &told[0]["devices"][0];
    let expected = json!({
        "event_id": event, "room_id": story.room, "counts": { "unread": 1 },
        "devices": [{
            "app_id": "org.example.app", "pushkey": "key", "pushkey_ts": device["pushkey_ts"],
            "data": { "format": "event_id_only", "brand": "tea" },
        }],
    });
    let mut without = told[0].clone();
    assert_eq!(without.as_object_mut().unwrap().remove("prio").unwrap_or("high".into()), "high");
    assert_eq!(without, expected);
    Ok(())
}

#[tokio::test]
async fn loud_events_are_urgent_and_others_are_not() -> anyhow::Result<()> {
    let story = Story::begin(None).await?;
    // Where two are alone, everything is loud.
    let carol = story.server.user("carol").await?;
    let join = format!("/_matrix/client/v3/rooms/{}/join", story.room);
    story.server.post(&carol, &join, json!({})).await?.ok()?;
    story.run();
    story.say("1", text("hello")).await?;
    let mention = json!({ "msgtype": "m.text", "body": "you", "m.mentions": { "user_ids": ["@alice:one.example"] } });
    story.say("2", mention).await?;
    let told = story.gateway.wait_for(2).await;
    let prio = |n: usize| told[n].get("prio").cloned().unwrap_or("high".into());
    assert_eq!((prio(0), prio(1)), ("low".into(), "high".into()));
    assert_eq!(told[1]["devices"][0]["tweaks"]["highlight"], true);
    assert_eq!(told[1]["devices"][0]["tweaks"]["sound"], "default");
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_fails_is_asked_again_later_over_a_restart_too() -> anyhow::Result<()> {
    let story = Story::begin(None).await?;
    let stop = story.run();
    story.gateway.status.store(503, Ordering::SeqCst);
    let event = story.say("1", text("hello")).await?;
    story.gateway.wait_for(2).await;
    stop.cancel();
    story.gateway.status.store(0, Ordering::SeqCst);
    let before = story.gateway.told.lock().unwrap().len();
    // Long enough that the next run must wait; the clock says when it need not.
    story.home.ahead.fetch_add(3_600_000, Ordering::SeqCst);
    story.run();
    let told = story.gateway.wait_for(before + 1).await;
    assert!(told.iter().all(|told| told["event_id"] == *event));
    let next = story.say("2", text("again")).await?;
    let told = story.gateway.wait_for(before + 2).await;
    assert_eq!(told[before + 1]["event_id"], *next);
    Ok(())
}

#[tokio::test]
async fn what_was_read_meanwhile_or_is_old_is_not_told() -> anyhow::Result<()> {
    let story = Story::begin(None).await?;
    let read = story.say("1", text("read elsewhere")).await?;
    story.read(&read).await?;
    story.say("2", text("yesterday")).await?;
    story.home.ahead.fetch_add(25 * 3_600_000, Ordering::SeqCst);
    let new = story.say("3", text("today")).await?;
    story.run();
    let told = story.gateway.wait_for(1).await;
    assert_eq!(told[0]["event_id"], *new);
    Ok(())
}

#[tokio::test]
async fn a_rejected_push_key_is_removed_and_others_stay() -> anyhow::Result<()> {
    let story = Story::begin(None).await?;
    story.run();
    *story.gateway.rejected.lock().unwrap() = vec!["another".to_owned()];
    story.say("1", text("hello")).await?;
    story.gateway.wait_for(1).await;
    assert_eq!(story.pushers().await?, 1);
    *story.gateway.rejected.lock().unwrap() = vec!["key".to_owned()];
    story.say("2", text("hello")).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while story.pushers().await? > 0 {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "the pusher is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_ended_unanswered_is_a_missed_one() -> anyhow::Result<()> {
    let story = Story::begin(None).await?;
    story.run();
    let rule = json!({ "actions": ["notify"], "conditions": [] });
    story.server.put(&story.alice, "/_matrix/client/v3/pushrules/global/override/all", rule).await?.ok()?;
    let call = json!({ "call_id": "1", "version": 0, "lifetime": 60000, "offer": { "type": "offer", "sdp": "" } });
    story.send("m.call.invite", "1", call).await?;
    let told = story.gateway.wait_for(1).await;
    assert_eq!(told[0]["counts"], json!({ "unread": 1 }));
    story.home.ahead.fetch_add(61_000, Ordering::SeqCst);
    story.say("2", text("you were not there")).await?;
    let mut told = story.gateway.wait_for(2).await;
    if told[1].get("event_id").is_none() {
        // The pusher looked once more before the message came: the badge alone.
        assert_eq!(told[1]["counts"], json!({ "unread": 1, "missed_calls": 1 }));
        told = story.gateway.wait_for(3).await;
    }
    assert_eq!(told.last().unwrap()["counts"], json!({ "unread": 2, "missed_calls": 1 }));
    Ok(())
}

#[tokio::test]
async fn gateways_have_the_one_path_and_are_asked_over_https() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let alice = server.user("alice").await?;
    for url in [
        "http://push.example/_matrix/push/v1/notify",
        "http://127.0.0.1/_matrix/push/v1/notify",
        "https://push.example/",
        "https://push.example/_matrix/push/v1/notify/more",
        "ftp://push.example/_matrix/push/v1/notify",
        "nowhere",
    ] {
        let pusher = json!({
            "pushkey": "key", "app_id": "app", "kind": "http", "app_display_name": "A", "device_display_name": "P",
            "lang": "en", "data": { "url": url },
        });
        let refused = server.post(&alice, "/_matrix/client/v3/pushers/set", pusher).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"), "{url}");
    }
    Ok(())
}
