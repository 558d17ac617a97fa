//! Rooms whose graphs have many ends, and who may tie them together.

use ruma::{OwnedEventId, RoomVersionId};
use serde_json::json;

use crate::{domain::rooms::create::Preset, testing::FakeNetwork};

use super::{
    liar::{Craft, Liar, shared_room},
    running::running,
};

#[tokio::test]
async fn many_ends_of_a_graph_are_tied_together() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = shared_room(&one, &evil, RoomVersionId::V12).await;
    let ends = evil.ends(&room_id).await;
    evil.running.falls_silent().await;
    let mut forks = Vec::new();
    for n in 0..30 {
        forks.push(evil.craft(&room_id, Craft::message(&format!("fork {n}"), &ends)).await);
    }
    evil.sends(&one, &forks.iter().collect::<Vec<_>>()).await;
    one.has(&forks[29].event_id).await;
    one.home.ahead.fetch_add(10_000, std::sync::atomic::Ordering::SeqCst);
    let last = evil.craft(&room_id, Craft::message("one more", &ends)).await;
    evil.sends(&one, &[&last]).await;
    one.until("few ends", async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        let room = db.room_sn(&room_id).await.unwrap().unwrap();
        db.forward_extremities(room).await.unwrap().len() < 13
    })
    .await;
}

#[tokio::test]
async fn where_nobody_of_ours_may_send_the_ends_are_let_be_for_a_while() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = evil.running.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    one.join(&room_id, &evil.running).await.unwrap();
    let (hers, ours) = (&evil.running.user.user_id, &one.user.user_id);
    let silenced = json!({"users": {hers.as_str(): 100}, "events_default": 50});
    let silenced = evil.running.set(&room_id, "m.room.power_levels", "", silenced).await;
    one.has(&silenced).await;
    evil.running.falls_silent().await;
    let sends = async |texts: &[&str], ends: &[OwnedEventId]| {
        let mut events = Vec::new();
        for text in texts {
            events.push(evil.craft(&room_id, Craft::message(text, ends)).await);
        }
        evil.sends(&one, &events.iter().collect::<Vec<_>>()).await;
        for event in &events {
            one.has(&event.event_id).await;
        }
    };
    let count = async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        let room = db.room_sn(&room_id).await.unwrap().unwrap();
        db.forward_extremities(room).await.unwrap().len()
    };
    let ends = evil.ends(&room_id).await;
    let texts: Vec<String> = (0..30).map(|n| format!("fork {n}")).collect();
    sends(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &ends).await;
    assert!(count().await > 25);

    // We may again, and that is found out when the pause is over.
    let levels = json!({"users": {hers.as_str(): 100, ours.as_str(): 50}, "events_default": 50});
    let allowed = evil.craft(&room_id, Craft::state("m.room.power_levels", "", levels, &ends)).await;
    evil.sends(&one, &[&allowed]).await;
    one.has(&allowed.event_id).await;
    one.home.ahead.fetch_add(300_000, std::sync::atomic::Ordering::SeqCst);
    sends(&["after five minutes", "and once more"], &ends).await;
    assert!(count().await > 25);
    one.home.ahead.fetch_add(301_000, std::sync::atomic::Ordering::SeqCst);
    sends(&["after ten minutes"], &ends).await;
    // One event names twenty of them.
    one.until("fewer ends", async || count().await < 20).await;
}
