//! What was missed for long: fetched in its order, or a hole that is shown as one and filled later, in its place.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId};
use serde_json::{Value, json};

use crate::{
    domain::rooms::{Page, create::Preset},
    store::{Durability, Position, StoreError},
    testing::FakeNetwork,
};

use super::{
    liar::{Liar, shared_room},
    running::{Running, running},
};

/// The other server talks, and nothing of it comes through but the last.
async fn missed(one: &Running, evil: &Liar, room_id: &OwnedRoomId, count: usize) -> Vec<OwnedEventId> {
    evil.running.falls_silent();
    let mut said = Vec::new();
    for n in 0..count {
        said.push(evil.running.say(room_id, &format!("message {n}")).await);
    }
    let last = said.last().unwrap();
    evil.sends(one, &[&evil.stored(last).await]).await;
    one.has(last).await;
    said
}

async fn fill(one: &Running, room_id: &OwnedRoomId, limit: i64) {
    let room = one.home.parts.store.read().await.unwrap().room_by_id(room_id).await.unwrap().unwrap();
    one.home.parts.rooms.fill_history(&room, &Page { from: None, to: None, backwards: true, limit }).await.unwrap();
}

#[tokio::test]
async fn a_night_of_messages_comes_in_its_order() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = shared_room(&one, &evil, RoomVersionId::V12).await;
    let before = one.timeline(&room_id).await;
    let said = missed(&one, &evil, &room_id, 150).await;
    assert_eq!(one.timeline(&room_id).await, [before, said].concat());
    assert_eq!(one.gap(&room_id, Position(0)).await, None);
    let answer = one.say(&room_id, "good morning").await;
    assert_eq!(one.timeline(&room_id).await.last(), Some(&answer));
}

#[tokio::test]
async fn what_nobody_gives_leaves_a_hole_that_is_filled_in_its_place() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = shared_room(&one, &evil, RoomVersionId::V11).await;
    let before = one.timeline(&room_id).await;
    evil.lies("/get_missing_events/", json!({"events": []}));
    evil.lies("/backfill/", Value::Null);
    let said = missed(&one, &evil, &room_id, 150).await;
    let after = one.say(&room_id, "what did I miss?").await;
    let gap = one.gap(&room_id, Position(0)).await.unwrap();
    let last = said.last().unwrap();
    let hers = one.home.parts.store.read().await.unwrap().event(last).await.unwrap().unwrap();
    assert_eq!(hers.position, Some(gap), "sync says that something is missing before it");
    let with_hole = [before.clone(), vec![last.clone(), after.clone()]].concat();
    assert_eq!(one.timeline(&room_id).await, with_hole);

    // A page over the hole asks for it; in vain at first, and then not again at once.
    fill(&one, &room_id, 50).await;
    let asked = network.requests(evil.running.home.name());
    fill(&one, &room_id, 50).await;
    assert_eq!(network.requests(evil.running.home.name()), asked);
    evil.repents();
    one.home.ahead.fetch_add(120_000, std::sync::atomic::Ordering::SeqCst);
    // A page that ends before the hole asks for nothing.
    fill(&one, &room_id, 1).await;
    assert_eq!(one.timeline(&room_id).await, with_hole);
    fill(&one, &room_id, 500).await;
    assert_eq!(one.timeline(&room_id).await, [before, said, vec![after]].concat());
    assert_eq!(one.gap(&room_id, Position(0)).await, None);
}

#[tokio::test]
async fn what_was_said_while_we_were_out_goes_between() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let room_id = two.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    one.join(&room_id, &two).await.unwrap();
    let heard = two.say(&room_id, "heard").await;
    one.has(&heard).await;
    one.home.parts.rooms.leave(&one.user, &room_id, None).await.unwrap();
    let left = one.timeline(&room_id).await;
    two.until("our leaving", async || two.timeline(&room_id).await.ends_with(&left[left.len() - 1..])).await;
    let unheard = two.say(&room_id, "unheard").await;
    one.join(&room_id, &two).await.unwrap();
    let joined = one.timeline(&room_id).await.pop().unwrap();
    assert!(one.gap(&room_id, Position(0)).await.is_some());
    fill(&one, &room_id, 4).await;
    let now = one.timeline(&room_id).await;
    let from = now.iter().position(|id| *id == left[0]).unwrap();
    assert_eq!(now[from..], [left, vec![unheard, joined]].concat());
}

#[tokio::test]
async fn a_broken_state_is_repaired_from_other_servers() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let room_id = two.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    let name = two.set(&room_id, "m.room.name", "", json!({"name": "Garden"})).await;
    one.join(&room_id, &two).await.unwrap();
    let repair = async || one.home.parts.inbound.repair(&room_id).await.unwrap();
    assert!(repair().await.changed.is_empty());

    // The name is lost here, as if a state had once come with a hole.
    let mut db = one.home.parts.store.read().await.unwrap();
    let room = db.room_by_id(&room_id).await.unwrap().unwrap();
    let key = db.key_sn("m.room.name", "").await.unwrap().unwrap();
    drop(db);
    one.home
        .parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move {
                let position = tx.next_position();
                tx.change_current_state(room.sn, position, key, None).await?;
                let broken = tx.state_with(room.sn, room.snapshot, &BTreeMap::from([(key, None)])).await?;
                tx.set_room_snapshot(room.sn, broken).await?;
                for (end, ..) in tx.forward_extremities(room.sn).await? {
                    tx.set_state_before(end, broken).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(one.state(&room_id, "m.room.name", "").await, None);
    let repaired = repair().await;
    assert_eq!(repaired.servers, vec![two.home.name().to_owned()]);
    assert_eq!(repaired.changed, [("m.room.name".to_owned(), String::new())]);
    assert_eq!(one.state(&room_id, "m.room.name", "").await, Some(name.clone()));
    // It stays so when the room goes on.
    let hello = two.say(&room_id, "hello").await;
    one.has(&hello).await;
    assert_eq!(one.state(&room_id, "m.room.name", "").await, Some(name));
}
