//! What is owed arrives: in order, once, after failures and restarts too.

use std::{sync::atomic::Ordering, time::Duration};

use http::StatusCode;
use ruma::{room_id, server_name, user_id};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Sender;
use crate::{
    store::{Durability, Membership, ServerSn, StoreError},
    testing::{FakeNetwork, Taker, TestHome, always},
};

async fn owe(home: &TestHome, edus: &[(&str, &str)], to_device: &[&str]) -> ServerSn {
    let edus: Vec<_> = edus.iter().map(|(key, edu)| ((*key).to_owned(), (*edu).to_owned())).collect();
    let to_device: Vec<_> = to_device.iter().map(|edu| (*edu).to_owned()).collect();
    home.parts
        .store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move {
                let server = tx.make_server_sn(server_name!("two.example")).await?;
                for (key, edu) in edus {
                    tx.owe_edu(server, &key, &edu).await?;
                }
                for edu in to_device {
                    tx.owe_to_device(server, &edu).await?;
                }
                Ok(server)
            })
        })
        .await
        .unwrap()
}

fn run(home: &TestHome) -> (Sender, CancellationToken) {
    let parts = &home.parts;
    let sender = Sender::new(parts.federation.clone(), parts.store.clone(), parts.clock.clone(), home.notifier.clone());
    let stop = CancellationToken::new();
    tokio::spawn(sender.clone().run(stop.clone()));
    (sender, stop)
}

const TYPING: &str = r#"{"edu_type":"m.typing","content":{"n":1}}"#;
const TYPING_AGAIN: &str = r#"{"edu_type":"m.typing","content":{"n":2}}"#;
const KEY: &str = r#"{"edu_type":"m.direct_to_device","content":{"n":3}}"#;

#[tokio::test]
async fn to_device_goes_first_and_newer_edus_replace_older_ones() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    network.attach(server_name!("two.example"), taker.router());
    let server = owe(&one, &[("typing", TYPING), ("typing", TYPING_AGAIN)], &[KEY]).await;
    let (_, stop) = run(&one);
    let taken = taker.wait_for(1).await;
    assert_eq!(
        taken[0].1["edus"],
        json!([serde_json::from_str::<Value>(KEY).unwrap(), serde_json::from_str::<Value>(TYPING_AGAIN).unwrap()])
    );
    assert_eq!(taken[0].1["origin"], "one.example");

    owe(&one, &[("typing", TYPING_AGAIN)], &[]).await;
    let taken = taker.wait_for(2).await;
    assert_ne!(taken[0].0, taken[1].0);
    stop.cancel();
    let mut db = one.parts.store.read().await.unwrap();
    assert!(db.outbox_batch(server, 50, 100, 0).await.unwrap().edus.len() <= 1);
}

#[tokio::test]
async fn a_failed_transaction_comes_again_under_its_own_id_when_the_server_is_heard_from() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    taker.answers.lock().unwrap().push(StatusCode::INTERNAL_SERVER_ERROR);
    network.attach(server_name!("two.example"), taker.router());
    let server = owe(&one, &[], &[KEY]).await;
    let (_, stop) = run(&one);
    taker.wait_for(1).await;
    let destinations = &one.parts.federation.destinations;
    while destinations.retry_at(server_name!("two.example")).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    destinations.heard_from(server_name!("two.example"), server).await.unwrap();
    let taken = taker.wait_for(2).await;
    assert_eq!(taken[0].0, taken[1].0);
    assert_eq!(taken[0].1["edus"], taken[1].1["edus"]);
    stop.cancel();
}

#[tokio::test]
async fn one_thing_that_is_refused_does_not_stand_in_the_way() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    *taker.answers.lock().unwrap() = vec![StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::BAD_REQUEST];
    network.attach(server_name!("two.example"), taker.router());
    owe(&one, &[("typing", TYPING)], &[KEY]).await;
    let (_, stop) = run(&one);
    // Both together are refused, the first alone is refused and dropped, the second alone is taken.
    let mut shares = vec![];
    for (_, body) in taker.wait_for(3).await {
        shares.push(body["edus"].as_array().unwrap().len());
    }
    assert_eq!(shares.first(), Some(&2));
    assert_eq!(shares.last(), Some(&1));
    stop.cancel();
}

#[tokio::test]
async fn hello_brings_a_waiting_outbox_back() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    network.attach(server_name!("two.example"), taker.router());
    network.set_down(server_name!("two.example"), true);
    owe(&one, &[], &[KEY]).await;
    let (sender, stop) = run(&one);
    while one.parts.federation.destinations.retry_at(server_name!("two.example")).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    network.set_down(server_name!("two.example"), false);
    sender.say_hello();
    assert_eq!(taker.wait_for(1).await.len(), 1);
    stop.cancel();
}

/// Joins a user of the other server to a room that we are in.
async fn share_a_room(home: &TestHome) {
    home.parts
        .store
        .write::<_, StoreError, _>(Durability::Full, |tx| {
            Box::pin(async move {
                for user in [user_id!("@a:one.example"), user_id!("@b:two.example")] {
                    tx.put_test_member(room_id!("!room:one.example"), user, Membership::Join).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_hello_is_a_transaction_of_its_own_only_when_nothing_is_owed() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    network.attach(server_name!("two.example"), taker.router());
    share_a_room(&one).await;
    owe(&one, &[], &[KEY]).await;
    let gate = network.hold(server_name!("two.example"), "/send/", crate::testing::Held::Request);
    let (sender, stop) = run(&one);
    gate.reached().await;
    // While a transaction is on its way there is no second one.
    sender.say_hello();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(network.requests(server_name!("two.example")), 1);
    gate.open();
    assert_eq!(taker.wait_for(1).await[0].1["edus"].as_array().unwrap().len(), 1);

    sender.drain(Duration::from_secs(5)).await;
    network.attach(server_name!("two.example"), taker.router());
    sender.say_hello();
    let greeting = taker.wait_for(2).await.pop().unwrap();
    assert!(greeting.0.starts_with("hello-"), "{}", greeting.0);
    assert_eq!(greeting.1["pdus"], json!([]));
    stop.cancel();
}

#[tokio::test]
async fn typing_of_last_night_is_not_sent_in_the_morning() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    network.attach(server_name!("two.example"), taker.router());
    one.parts
        .store
        .write::<_, StoreError, _>(Durability::Full, |tx| {
            Box::pin(async move {
                let server = tx.make_server_sn(server_name!("two.example")).await?;
                tx.owe_passing_edu(server, "typing", TYPING, Duration::from_secs(60)).await
            })
        })
        .await
        .unwrap();
    one.ahead.store(8 * 3600 * 1000, Ordering::SeqCst);
    let server = owe(&one, &[], &[KEY]).await;
    let (_, stop) = run(&one);
    let taken = taker.wait_for(1).await;
    assert_eq!(taken[0].1["edus"], json!([serde_json::from_str::<Value>(KEY).unwrap()]));
    stop.cancel();
    let mut db = one.parts.store.read().await.unwrap();
    assert!(db.outbox_batch(server, 50, 100, 0).await.unwrap().edus.is_empty(), "it is forgotten");
}

#[tokio::test]
async fn a_message_to_a_device_that_is_refused_comes_again_on_other_days() {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    let refuse = |times| taker.answers.lock().unwrap().extend(std::iter::repeat_n(StatusCode::BAD_REQUEST, times));
    network.attach(server_name!("two.example"), taker.router());
    for day in 0..3 {
        refuse(1);
        let server = owe(&one, &[], if day == 0 { &[KEY] } else { &[] }).await;
        let (sender, stop) = run(&one);
        taker.wait_for(day + 1).await;
        sender.drain(Duration::from_secs(5)).await;
        let now = one.parts.clock.now_ms();
        let mut db = one.parts.store.read().await.unwrap();
        assert!(db.outbox_batch(server, 50, 100, now).await.unwrap().is_empty());
        let kept = db.outbox_batch(server, 50, 100, now + DAY_MS).await.unwrap().to_device.len();
        assert_eq!(kept, usize::from(day < 2), "on day {day}");
        stop.cancel();
        one.ahead.fetch_add(DAY_MS + 1000, Ordering::SeqCst);
    }
    assert_eq!(taker.taken.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_proxy_that_is_out_of_order_costs_nothing() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let (router, _) = always(StatusCode::BAD_REQUEST, json!({"errcode": "M_UNKNOWN", "error": "confused"}));
    network.attach(server_name!("two.example"), router);
    let server = owe(&one, &[("typing", TYPING)], &[KEY]).await;
    let (_, stop) = run(&one);
    while one.parts.federation.destinations.retry_at(server_name!("two.example")).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    let mut db = one.parts.store.read().await.unwrap();
    assert_eq!(db.outbox_batch(server, 50, 100, i64::MAX).await.unwrap().to_device.len(), 1);
}

#[tokio::test]
async fn nothing_is_begun_between_a_sleep_and_the_waking() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let taker = Taker::default();
    network.attach(server_name!("two.example"), taker.router());
    let (sender, stop) = run(&one);
    sender.hold();
    owe(&one, &[("typing", TYPING)], &[KEY]).await;
    // Long enough for what goes out at once otherwise.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(taker.taken.lock().unwrap().len(), 0);
    sender.say_hello();
    let taken = taker.wait_for(1).await;
    assert_eq!(taken[0].1["edus"].as_array().unwrap().len(), 2);
    stop.cancel();
}
