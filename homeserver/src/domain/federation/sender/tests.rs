//! What is owed arrives: in order, once, after failures and restarts too.

use std::time::Duration;

use http::StatusCode;
use ruma::server_name;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Sender;
use crate::{
    store::{Durability, ServerSn, StoreError},
    testing::{FakeNetwork, Taker, TestHome},
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
    assert!(db.outbox_batch(server, 50, 100).await.unwrap().edus.len() <= 1);
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
