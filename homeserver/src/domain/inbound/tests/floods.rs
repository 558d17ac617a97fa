//! Servers that send and answer more than anybody can use: it is bounded, logged once, and nobody else waits for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::StatusCode;
use ruma::{OwnedRoomId, RoomVersionId};
use serde_json::{Value, json};

use crate::{
    store::Membership,
    testing::{FakeNetwork, Held, signed_bytes},
};

use super::{
    liar::{Craft, Crafted, Liar, nobody_has, shared_room},
    logged::Logged,
    running::{Running, running},
    send, transaction,
};

/// A room of `one`, with a liar and somebody honest in it.
async fn all_three(network: &FakeNetwork) -> (Running, Liar, Liar, OwnedRoomId) {
    let (one, evil) = (running("one.example", network).await, Liar::new("evil.example", network).await);
    let honest = Liar::new("honest.example", network).await;
    let room_id = shared_room(&one, &evil, RoomVersionId::V11).await;
    honest.running.join(&room_id, &one).await.unwrap();
    one.sees(&room_id, &honest.running.user, Membership::Join).await;
    evil.running.sees(&room_id, &honest.running.user, Membership::Join).await;
    (one, evil, honest, room_id)
}

/// Events after `first`, each made of the one before.
fn chain(evil: &Liar, first: Crafted, count: i64, next: impl Fn(&mut Value, &Crafted)) -> Vec<Crafted> {
    let mut all = vec![first];
    for n in 1..count {
        let last = &all[all.len() - 1];
        let mut event = last.json.clone();
        event["origin_server_ts"] = json!(event["origin_server_ts"].as_i64().unwrap() + 1);
        event["depth"] = json!(event["depth"].as_i64().unwrap() + 1);
        event["content"]["n"] = json!(n);
        next(&mut event, last);
        all.push(evil.signs(event, &RoomVersionId::V11));
    }
    all
}

fn jsons(events: &[Crafted]) -> Vec<&Value> {
    events.iter().map(|event| &event.json).collect()
}

#[tokio::test]
async fn a_past_without_an_end_is_followed_for_a_while_and_nobody_waits_for_it() {
    let network = FakeNetwork::default();
    let (one, evil, honest, room_id) = all_three(&network).await;
    let first = evil.craft(&room_id, Craft::message(&"long ago ".repeat(5500), &[nobody_has()])).await;
    let all = chain(&evil, first, 500, |event, last| event["prev_events"] = json!([last.event_id]));
    let before = one.timeline(&room_id).await.len();
    let places: HashMap<String, usize> =
        all.iter().enumerate().map(|(n, event)| (event.event_id.to_string(), n)).collect();
    let (served, texts) = (Arc::new(places), Arc::new(all.iter().map(|e| e.json.clone()).collect::<Vec<_>>()));
    let past = move |upto: usize| texts[upto.saturating_sub(99)..=upto].iter().rev().cloned().collect::<Vec<_>>();
    let (know, told) = (Arc::clone(&served), past.clone());
    evil.lies_by("/get_missing_events/", move |_, body| {
        let latest = body["latest_events"][0].as_str().and_then(|id| know.get(id)).copied().unwrap_or_default();
        json!({"events": told(latest.saturating_sub(1))}).to_string()
    });
    evil.lies_by("/backfill/", move |uri, _| {
        let asked = url::Url::parse("http://x").unwrap().join(uri).unwrap();
        let from =
            asked.query_pairs().find_map(|(name, id)| (name == "v").then(|| served.get(&*id).copied()).flatten());
        json!({"origin": "evil.example", "origin_server_ts": 5, "pdus": past(from.unwrap_or_default())}).to_string()
    });
    let state: Vec<String> = evil.state_without(&room_id, &[]).await.iter().map(ToString::to_string).collect();
    evil.lies("/state_ids/", json!({"pdu_ids": state, "auth_chain_ids": []}));
    evil.lies("/event_auth/", json!({"auth_chain": []}));
    let last = all.last().unwrap();
    let (logged, _guard) = Logged::begin();
    evil.sends(&one, &[last]).await;
    let hello = honest.running.say(&room_id, "hello").await;
    one.has(&hello).await;
    let there = one.home.parts.store.read().await.unwrap().event(&last.event_id).await.unwrap();
    assert!(there.is_none_or(|event| event.position.is_none()), "the greeting came while the past was read");

    let patience = Duration::from_secs(100);
    one.until_within(patience, "the end of the chain", async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        db.staged_rooms(i64::MAX).await.unwrap().is_empty()
    })
    .await;
    let new = one.timeline(&room_id).await.len() - before;
    assert!((1..=402).contains(&new), "{new}");
    let asked = network.requests_to(evil.running.home.name(), "/backfill/");
    assert!(asked <= 60, "{asked}");
    let said = logged.lines();
    assert!(said.len() == 1 && said[0].contains("begins with a hole"), "{said:#?}");
}

#[tokio::test]
async fn a_bomb_of_auth_events_is_taken_apart_beside_everything_else() {
    let network = FakeNetwork::default();
    let (one, evil, honest, room_id) = all_three(&network).await;
    let me = evil.running.user.user_id.to_string();
    let ends = evil.ends(&room_id).await;
    let profile = json!({"membership": "join", "displayname": "Eve"});
    let first = evil.craft(&room_id, Craft::state("m.room.member", &me, profile, &ends)).await;
    let member = evil.running.state(&room_id, "m.room.member", &me).await.unwrap().to_string();
    // Each rests on the one before, as the first rests on the join.
    let bomb = chain(&evil, first, 3000, |event, last| {
        let before = &last.json["prev_events"][0];
        for id in event["auth_events"].as_array_mut().unwrap() {
            if *id == json!(member) || id == before {
                *id = json!(last.event_id);
            }
        }
        event["prev_events"] = json!([last.event_id]);
    });
    evil.lies("/event_auth/", json!({"auth_chain": jsons(&bomb)}));
    let mut resting = Craft::message("the fuse", &ends);
    resting.auth_events.push(bomb.last().unwrap().event_id.clone());
    let fuse = evil.craft(&room_id, resting).await;
    let (logged, _guard) = Logged::begin();
    evil.sends(&one, &[&fuse]).await;
    let hello = honest.running.say(&room_id, "hello").await;
    one.has(&hello).await;
    one.until_within(Duration::from_secs(100), "the end of the bomb", async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        db.staged_rooms(i64::MAX).await.unwrap().is_empty()
    })
    .await;
    let after = honest.running.say(&room_id, "still here").await;
    one.has(&after).await;
    // So many are not too many, and none of them is wrong.
    assert_eq!(logged.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn one_servers_missing_past_keeps_nobody_elses_event_waiting() {
    let network = FakeNetwork::default();
    let (one, evil, honest, room_id) = all_three(&network).await;
    let gate = network.hold(evil.running.home.name(), "/get_missing_events/", Held::Request);
    let waiting = evil.craft(&room_id, Craft::message("wait for me", &[nobody_has()])).await;
    evil.sends(&one, &[&waiting]).await;
    gate.reached().await;
    let hello = honest.running.say(&room_id, "hello").await;
    one.has(&hello).await;
    // Also where something must be fetched from the honest one.
    honest.running.falls_silent().await;
    let missed = honest.running.say(&room_id, "missed").await;
    let last = honest.running.say(&room_id, "and found").await;
    honest.sends(&one, &[&honest.stored(&last).await]).await;
    one.has(&missed).await;
    one.has(&last).await;
    gate.open();
}

#[tokio::test]
async fn what_is_too_large_or_too_deep_is_refused_by_itself() {
    let network = FakeNetwork::default();
    let (one, evil, _honest, room_id) = all_three(&network).await;
    let ends = evil.ends(&room_id).await;
    let good = evil.craft(&room_id, Craft::message("of ordinary size", &ends)).await;
    let mut large = good.clone();
    large.json["content"]["body"] = json!("x".repeat(100_000));
    let (logged, guard) = Logged::begin();
    let answer = evil.sends(&one, &[&large, &large, &large]).await;
    let said = logged.lines_with("were refused");
    assert!(said.len() == 1 && said[0].contains("count=3"), "{said:?}");
    drop(guard);
    let errors: Vec<&Value> = answer.as_object().unwrap().values().collect();
    assert!(errors.len() == 1 && errors[0]["error"].as_str().unwrap().contains("larger"), "{answer}");
    // One that is large by what nobody signs for.
    let mut padded = good.clone();
    padded.json["unsigned"] = json!({"padding": "x".repeat(100_000)});
    assert!(evil.sends(&one, &[&padded]).await[good.event_id.as_str()]["error"].is_string());
    assert_eq!(evil.sends(&one, &[&large, &good]).await[good.event_id.as_str()], json!({}));
    one.has(&good.event_id).await;

    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = format!(r#"{{"origin":"evil.example","origin_server_ts":5,"pdus":[{{"content":{deep}}}]}}"#);
    let path = "/_matrix/federation/v1/send/deep";
    let (request, _) = signed_bytes(&evil.running.home, one.home.name(), "PUT", path, body.into());
    let (status, answer) = send(&network, one.home.name(), request).await;
    assert!(status.is_client_error(), "{status} {answer}");

    // The same in what is fetched: it is left out, said once, and what was asked for is taken.
    let missing = evil.craft(&room_id, Craft::message("missing", std::slice::from_ref(&good.event_id))).await;
    let newest = evil.craft(&room_id, Craft::message("newest", std::slice::from_ref(&missing.event_id))).await;
    let (text, big) = (missing.json.to_string(), large.json.to_string());
    let junk = format!(r#"{{"events":[{{"content":{deep}}},7,null,{big},{big},{text}]}}"#);
    evil.lies_by("/get_missing_events/", move |_, _| junk.clone());
    let (logged, _guard) = Logged::begin();
    evil.sends(&one, &[&newest]).await;
    one.has(&newest.event_id).await;
    let with_missing = one.timeline(&room_id).await;
    assert!(with_missing.ends_with(&[missing.event_id, newest.event_id]));
    let said = logged.lines_with("were ignored");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("ignored=2"), "{said:?}");
}

#[tokio::test]
async fn thousands_of_edus_are_slowed_down_and_only_their_senders() {
    let network = FakeNetwork::default();
    let (one, evil, honest, room_id) = all_three(&network).await;
    let typing = |server: &str, count: usize| -> Value {
        let edu = json!({"edu_type": "m.typing", "content": {"room_id": room_id, "user_id": format!("@user:{server}"), "typing": true}});
        json!({"origin": server, "origin_server_ts": 5, "pdus": [], "edus": vec![edu; count]})
    };
    let path = |n: usize| format!("/_matrix/federation/v1/send/edus{n}");
    let (status, _) = evil.asks(&one, "PUT", &path(0), Some(&typing("evil.example", 10_000))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (mut taken, mut refused) = (0, 0);
    let (logged, guard) = Logged::begin();
    for n in 1..100 {
        let (status, answer) = evil.asks(&one, "PUT", &path(n), Some(&typing("evil.example", 100))).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer["retry_after_ms"].as_u64().unwrap() > 0, "{answer}");
            refused += 1;
            if refused == 3 {
                break;
            }
        } else {
            assert_eq!(status, StatusCode::OK, "{answer}");
            taken += 1;
        }
    }
    assert_eq!((refused, logged.lines_with("more than is taken").len()), (3, 1));
    drop(guard);
    assert!((10..60).contains(&taken), "{taken}");
    let (status, _) = honest.asks(&one, "PUT", &path(0), Some(&typing("honest.example", 100))).await;
    assert_eq!(status, StatusCode::OK);
    let hello = honest.running.say(&room_id, "hello").await;
    one.has(&hello).await;
}

#[tokio::test]
async fn a_replayed_transaction_and_a_replayed_event_change_nothing() {
    let network = FakeNetwork::default();
    let (one, evil, _honest, room_id) = all_three(&network).await;
    let ends = evil.ends(&room_id).await;
    let message = evil.craft(&room_id, Craft::message("once", &ends)).await;
    let body = transaction(evil.running.home.name(), std::slice::from_ref(&message.json), 0);
    let path = "/_matrix/federation/v1/send/again";
    let first = evil.asks(&one, "PUT", path, Some(&body)).await;
    assert_eq!(first.0, StatusCode::OK);
    one.has(&message.event_id).await;
    let timeline = one.timeline(&room_id).await;
    for _ in 0..3 {
        assert_eq!(evil.asks(&one, "PUT", path, Some(&body)).await, first);
        evil.sends(&one, &[&message, &message]).await;
    }
    let last = evil.craft(&room_id, Craft::message("the last", std::slice::from_ref(&message.event_id))).await;
    evil.sends(&one, &[&last]).await;
    one.has(&last.event_id).await;
    assert_eq!(one.timeline(&room_id).await, [timeline, vec![last.event_id]].concat());
}

#[tokio::test]
async fn events_in_anothers_name_or_with_another_content_are_not_believed() {
    let network = FakeNetwork::default();
    let (one, evil, honest, room_id) = all_three(&network).await;
    let ends = evil.ends(&room_id).await;
    let message = evil.craft(&room_id, Craft::message("mine", &ends)).await;
    // Its own signature under an event of somebody else, with and without a word of theirs.
    let mut forged = message.json.clone();
    forged["sender"] = json!(honest.running.user.user_id);
    let forged = evil.signs(forged, &RoomVersionId::V11);
    let mut renamed = forged.clone();
    renamed.json["signatures"]["honest.example"] = renamed.json["signatures"]["evil.example"].clone();
    let answer = evil.sends(&one, &[&forged]).await;
    assert!(answer[forged.event_id.as_str()]["error"].is_string(), "{answer}");
    // The key that the other names is one that nobody knows yet: its server is asked, and knows nothing of it.
    evil.sends(&one, &[&renamed]).await;
    // What was signed was another content: the event is taken, the content is not.
    let mut changed = message.clone();
    changed.json["content"]["body"] = json!("something else");
    evil.sends(&one, &[&changed]).await;
    one.has(&message.event_id).await;
    let stored = one.home.parts.store.read().await.unwrap().event(&message.event_id).await.unwrap().unwrap();
    let stored: Value = serde_json::from_str(&stored.json).unwrap();
    assert_eq!(stored["content"], json!({}));
    // With the hash made to fit, it is no event of theirs at all.
    let mut rehashed = evil.craft(&room_id, Craft::message("another", &ends)).await;
    rehashed.json["hashes"]["sha256"] = json!("A".repeat(43));
    let answer = evil.sends(&one, &[&rehashed]).await;
    assert!(answer.as_object().unwrap().values().all(|result| result["error"].is_string()), "{answer}");
    one.until("the end of the doubts", async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        db.staged_rooms(one.home.parts.clock.now_ms()).await.unwrap().is_empty()
    })
    .await;
    assert!(one.home.parts.store.read().await.unwrap().event(&forged.event_id).await.unwrap().is_none());
}
