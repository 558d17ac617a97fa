//! Two and three servers share rooms: joining, inviting, messages both ways, absence, history.

use ruma::{CanonicalJsonObject, RoomVersionId, events::TimelineEventType};

use crate::{
    domain::rooms::{NewRoom, RoomsError, create::Preset},
    store::{Membership, Position},
    testing::{FakeNetwork, Held},
};

use super::running::running;

#[tokio::test]
async fn a_public_room_is_joined_and_talked_in_both_ways() {
    for version in [RoomVersionId::V12, RoomVersionId::V11, RoomVersionId::V6] {
        let network = FakeNetwork::default();
        let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
        let room_id = one.make_room(Preset::PublicChat, version).await;
        one.say(&room_id, "before").await;
        two.join(&room_id, &one).await.unwrap();
        one.sees(&room_id, &two.user, Membership::Join).await;
        two.sees(&room_id, &one.user, Membership::Join).await;
        let hello = one.say(&room_id, "hello").await;
        two.has(&hello).await;
        let answer = two.say(&room_id, "hello yourself").await;
        one.has(&answer).await;
    }
}

#[tokio::test]
async fn an_invite_reaches_the_user_and_can_be_accepted_or_refused() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let room_id = one.make_room(Preset::PrivateChat, RoomVersionId::V12).await;
    assert!(matches!(two.join(&room_id, &one).await, Err(RoomsError::Forbidden(_))));
    let rooms = &one.home.parts.rooms;
    rooms.invite(&one.user, &room_id, &two.user.user_id, None, true).await.unwrap();
    assert_eq!(two.own_view(&room_id).await, Some(Membership::Invite));
    two.home.parts.rooms.leave(&two.user, &room_id, None).await.unwrap();
    assert_eq!(two.own_view(&room_id).await, Some(Membership::Leave));
    one.sees(&room_id, &two.user, Membership::Leave).await;

    rooms.invite(&one.user, &room_id, &two.user.user_id, None, true).await.unwrap();
    // Whom to ask is known from the invite.
    two.home.parts.rooms.join(&two.user, &room_id, &[], None, CanonicalJsonObject::new()).await.unwrap();
    one.sees(&room_id, &two.user, Membership::Join).await;
    let hello = two.say(&room_id, "here I am").await;
    one.has(&hello).await;
}

#[tokio::test]
async fn what_was_said_while_a_server_was_away_arrives_when_it_is_back() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V12).await;
    two.join(&room_id, &one).await.unwrap();
    network.set_down(two.home.name(), true);
    let mut last = one.say(&room_id, "are you there").await;
    for n in 0..60 {
        last = one.say(&room_id, &format!("message {n}")).await;
    }
    network.set_down(two.home.name(), false);
    // It speaks first: anything signed brings the other's outbox back.
    let answer = two.say(&room_id, "I was asleep").await;
    one.has(&answer).await;
    two.has(&last).await;
}

#[tokio::test]
async fn three_servers_see_each_others_messages_and_the_leaving_of_one() {
    let network = FakeNetwork::default();
    let one = running("one.example", &network).await;
    let two = running("two.example", &network).await;
    let three = running("three.example", &network).await;
    let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V12).await;
    two.join(&room_id, &one).await.unwrap();
    three.join(&room_id, &two).await.unwrap();
    one.sees(&room_id, &three.user, Membership::Join).await;
    let from_three = three.say(&room_id, "hello all").await;
    one.has(&from_three).await;
    two.has(&from_three).await;
    two.home.parts.rooms.leave(&two.user, &room_id, None).await.unwrap();
    one.sees(&room_id, &two.user, Membership::Leave).await;
    three.sees(&room_id, &two.user, Membership::Leave).await;
}

#[tokio::test]
async fn history_from_before_the_join_is_fetched() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V12).await;
    let old = one.say(&room_id, "long ago").await;
    two.join(&room_id, &one).await.unwrap();
    assert!(two.home.parts.rooms.backfill(&room_id, 50).await.unwrap() > 0);
    two.has(&old).await;
}

#[tokio::test]
async fn a_knock_is_answered_with_an_invite() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let knocking = (
        TimelineEventType::RoomJoinRules,
        String::new(),
        serde_json::from_value(serde_json::json!({"join_rule": "knock"})).unwrap(),
    );
    let room = NewRoom { initial_state: vec![knocking], ..NewRoom::default() };
    let room_id = one.home.parts.rooms.create(&one.user, room).await.unwrap();
    let via = [one.home.name().to_owned()];
    two.home.parts.rooms.knock(&two.user, &room_id, &via, Some("please".to_owned())).await.unwrap();
    assert_eq!(two.own_view(&room_id).await, Some(Membership::Knock));
    one.sees(&room_id, &two.user, Membership::Knock).await;
    one.home.parts.rooms.invite(&one.user, &room_id, &two.user.user_id, None, false).await.unwrap();
    two.join(&room_id, &one).await.unwrap();
    one.sees(&room_id, &two.user, Membership::Join).await;
}

#[tokio::test]
async fn what_is_said_while_somebody_joins_reaches_them() {
    // Beside the join, which rests on what stood before; and after it, when its answer has not come home yet.
    for held in [Held::Request, Held::Answer] {
        let network = FakeNetwork::default();
        let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
        let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V12).await;
        let gate = network.hold(one.home.name(), "/send_join/", held);
        let joining = {
            let (room_id, via) = (room_id.clone(), vec![one.home.name().to_owned()]);
            let (rooms, user) = (two.home.parts.rooms.clone(), two.user.clone());
            tokio::spawn(async move { rooms.join(&user, &room_id, &via, None, CanonicalJsonObject::new()).await })
        };
        gate.reached().await;
        let meanwhile = one.say(&room_id, "are you coming?").await;
        if held == Held::Answer {
            let asked = network.requests(two.home.name());
            one.until("the message on its way", async || network.requests(two.home.name()) > asked).await;
        }
        gate.open();
        joining.await.unwrap().unwrap();
        two.has(&meanwhile).await;
        // Nothing from before the join came along as new.
        let mut db = two.home.parts.store.read().await.unwrap();
        let room = db.room_sn(&room_id).await.unwrap().unwrap();
        let new = db.timeline_forwards(room, Position(0), Position(i64::MAX), 100).await.unwrap();
        assert_eq!(new.len(), 2, "the join and the message: {new:?}");
        drop(db);
        let after = two.say(&room_id, "here I am").await;
        one.has(&after).await;
    }
}
