//! What was missed for long: fetched in its order, or a hole that is shown as one and filled later, in its place.

use std::time::Duration;

use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId};
use serde_json::{Value, json};

use crate::{
    domain::rooms::{Page, RoomsError, create::Preset},
    store::{Membership, Position},
    testing::{FakeNetwork, Held},
};

use super::{
    liar::{Liar, shared_room},
    running::{Running, running},
};

/// The other server talks, and nothing of it comes through but the last.
async fn missed(one: &Running, evil: &Liar, room_id: &OwnedRoomId, count: usize) -> Vec<OwnedEventId> {
    evil.running.falls_silent().await;
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
    let asked = || network.requests_to(evil.running.home.name(), "/backfill/");
    let before_again = asked();
    fill(&one, &room_id, 50).await;
    assert_eq!(asked(), before_again);
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

    one.home.loses_state(&room_id, "m.room.name").await;
    assert_eq!(one.state(&room_id, "m.room.name", "").await, None);
    let repaired = repair().await;
    assert_eq!((repaired.servers, repaired.out_of_time), (vec![two.home.name().to_owned()], false));
    assert_eq!(repaired.changed, [("m.room.name".to_owned(), String::new())]);
    assert_eq!(one.state(&room_id, "m.room.name", "").await, Some(name.clone()));
    // It stays so when the room goes on.
    let hello = two.say(&room_id, "hello").await;
    one.has(&hello).await;
    assert_eq!(one.state(&room_id, "m.room.name", "").await, Some(name));
}

#[tokio::test]
async fn a_repair_ends_in_time_with_what_was_told() {
    let network = FakeNetwork::default();
    let one = running("one.example", &network).await;
    let (two, three) = (running("two.example", &network).await, running("three.example", &network).await);
    let room_id = two.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    let name = two.set(&room_id, "m.room.name", "", json!({"name": "Garden"})).await;
    one.join(&room_id, &two).await.unwrap();
    three.join(&room_id, &two).await.unwrap();
    one.sees(&room_id, &three.user, Membership::Join).await;
    one.home.loses_state(&room_id, "m.room.name").await;

    // One of them never answers: the repair waits for it until the time is over, and not for what the other has told already.
    let _gate = network.hold(three.home.name(), "/state_ids/", Held::Request);
    let over = async {
        while network.requests_to(two.home.name(), "/state_ids/") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    let repaired = one.home.parts.inbound.repair_until(&room_id, over).await.unwrap();
    assert_eq!(repaired.servers, vec![two.home.name().to_owned()]);
    assert!(repaired.out_of_time);
    assert_eq!(one.state(&room_id, "m.room.name", "").await, Some(name));

    let _gate = network.hold(two.home.name(), "/make_leave/", Held::Request);
    let nothing = one.home.parts.inbound.repair_until(&room_id, async {}).await;
    assert!(matches!(nothing, Err(RoomsError::Unreachable(why)) if why.contains("in time")));
}
