//! Rooms of many, joined without their members: read and written at once, nothing wrong said meanwhile, and whole in the end.

use std::time::Duration;

use http::StatusCode;
use ruma::{CanonicalJsonObject, OwnedEventId, OwnedRoomId, RoomVersionId};
use serde_json::json;

use crate::{
    domain::rooms::create::Preset,
    store::{Durability, Membership, StoreError},
    testing::FakeNetwork,
};

use super::{
    liar::{Craft, Liar},
    running::{Running, running},
};

const MANY: usize = 60;

/// A room of `host` with so many member events that a join leaves them out.
async fn room_of_many(host: &Running, version: RoomVersionId) -> OwnedRoomId {
    let room_id = host.make_room(Preset::PublicChat, version).await;
    for n in 0..MANY {
        host.set(&room_id, "m.room.member", &format!("@banned{n}:far.example"), json!({"membership": "ban"})).await;
    }
    room_id
}

/// From now on it tells nobody the state of its rooms.
fn keeps_members(host: &Liar) {
    host.lies("/state_ids/", json!(500));
}

impl Running {
    async fn is_partial(&self, room_id: &OwnedRoomId) -> bool {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        db.is_partial(room).await.unwrap()
    }

    async fn becomes_whole(&self, room_id: &OwnedRoomId) {
        self.until("the members", async || {
            self.home.parts.inbound.retry().await.unwrap();
            !self.is_partial(room_id).await
        })
        .await;
    }

    async fn ends_of(&self, room_id: &OwnedRoomId) -> Vec<OwnedEventId> {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        let ends = db.forward_extremities(room).await.unwrap();
        ends.into_iter().map(|(_, id, _)| id.try_into().unwrap()).collect()
    }

    /// Ids of the room's state now.
    async fn all_state(&self, room_id: &OwnedRoomId) -> Vec<OwnedEventId> {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        let mut ids: Vec<OwnedEventId> =
            db.current_state(room).await.unwrap().into_iter().map(|event| event.event_id).collect();
        ids.sort();
        ids
    }
}

#[tokio::test]
async fn a_room_of_many_is_read_and_written_before_its_members_are_here() {
    for version in [RoomVersionId::V12, RoomVersionId::V11] {
        let network = FakeNetwork::default();
        let (host, two) = (Liar::new("host.example", &network).await, running("two.example", &network).await);
        let three = running("three.example", &network).await;
        let room_id = room_of_many(&host.running, version).await;
        three.join(&room_id, &host.running).await.unwrap();
        host.running.sees(&room_id, &three.user, Membership::Join).await;
        three.becomes_whole(&room_id).await;
        keeps_members(&host);
        three.falls_silent().await;
        network.set_down(three.home.name(), true);

        two.join(&room_id, &host.running).await.unwrap();
        assert!(two.is_partial(&room_id).await);
        // What is said goes to servers of whose people nothing is known yet, and what they say is heard.
        let hello = two.say(&room_id, "hello").await;
        host.running.has(&hello).await;
        let answer = host.running.say(&room_id, "welcome").await;
        two.has(&answer).await;
        let mut db = two.home.parts.store.read().await.unwrap();
        let room = db.room_by_id(&room_id).await.unwrap().unwrap();
        let mut servers = Vec::new();
        for server in db.joined_servers(room.sn).await.unwrap() {
            servers.push(db.server_name(server).await.unwrap().to_string());
        }
        servers.sort();
        assert_eq!(servers, ["host.example", "three.example", "two.example"]);
        drop(db);

        // Who asks for the members waits; who wants to come in beside is sent elsewhere.
        let rooms = two.home.parts.rooms.clone();
        let asked =
            tokio::time::timeout(Duration::from_millis(200), rooms.members_at(two.user.user, &room, None)).await;
        assert!(asked.is_err(), "members were told that are not here");
        let user = &host.running.user.user_id;
        let path = format!("/_matrix/federation/v1/make_join/{room_id}/{user}?ver=12&ver=11");
        assert_eq!(host.asks(&two, "GET", &path, None).await.0, StatusCode::NOT_FOUND);
        let path = format!("/_matrix/federation/v1/state_ids/{room_id}?event_id={hello}");
        assert_eq!(host.asks(&two, "GET", &path, None).await.0, StatusCode::NOT_FOUND);

        host.repents();
        two.becomes_whole(&room_id).await;
        let members = rooms.members_at(two.user.user, &room, None).await.unwrap();
        assert_eq!(members.len(), MANY + 3);
        assert_eq!(two.all_state(&room_id).await, host.running.all_state(&room_id).await);
        assert!(rooms.arriving().borrow().is_empty());
        let after = two.say(&room_id, "now I know you all").await;
        host.running.has(&after).await;
        let path = format!("/_matrix/federation/v1/state_ids/{room_id}?event_id={after}");
        let (status, told) = host.asks(&two, "GET", &path, None).await;
        assert_eq!(
            (status, told["pdu_ids"].as_array().unwrap().len()),
            (StatusCode::OK, host.running.all_state(&room_id).await.len())
        );
    }
}

#[tokio::test]
async fn what_somebody_said_who_was_banned_is_taken_back_when_that_is_known() {
    let network = FakeNetwork::default();
    let (host, two) = (Liar::new("host.example", &network).await, running("two.example", &network).await);
    let evil = Liar::new("evil.example", &network).await;
    let room_id = room_of_many(&host.running, RoomVersionId::V11).await;
    evil.running.join(&room_id, &host.running).await.unwrap();
    evil.running.becomes_whole(&room_id).await;
    let joined = evil.running.state(&room_id, "m.room.member", evil.running.user.user_id.as_str()).await.unwrap();
    let joined = evil.stored(&joined).await;
    host.running.sees(&room_id, &evil.running.user, Membership::Join).await;
    let ban = json!({"membership": "ban"});
    host.running.set(&room_id, "m.room.member", evil.running.user.user_id.as_str(), ban).await;
    keeps_members(&host);
    two.join(&room_id, &host.running).await.unwrap();
    // The host might have named the server of who is banned.
    let server = evil.running.home.name().to_owned();
    two.home
        .parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, {
            let room_id = room_id.clone();
            move |tx| {
                Box::pin(async move {
                    let room = tx.room_by_id(&room_id).await?.unwrap();
                    let partial = tx.partial_room(room.sn).await?.unwrap();
                    tx.begin_partial(room.sn, &partial.via, partial.join, &[partial.via.clone(), server]).await
                })
            }
        })
        .await
        .unwrap();
    let ends = two.ends_of(&room_id).await;
    let craft = Craft { auth_events: vec![joined.event_id], ..Craft::message("I was never banned", &ends) };
    let lie = evil.craft(&room_id, craft).await;
    evil.lies("/event_auth/", json!({"auth_chain": [joined.json]}));
    evil.sends(&two, &[&lie]).await;
    two.has(&lie.event_id).await;
    let answer = host.running.say(&room_id, "beside it").await;
    two.has(&answer).await;
    host.repents();
    two.becomes_whole(&room_id).await;
    let timeline = two.timeline(&room_id).await;
    assert!(!timeline.contains(&lie.event_id) && timeline.contains(&answer), "{timeline:?}");
    assert_eq!(two.all_state(&room_id).await, host.running.all_state(&room_id).await);
    assert!(!two.ends_of(&room_id).await.contains(&lie.event_id));
    let hello = two.say(&room_id, "good that you are gone").await;
    host.running.has(&hello).await;
}

#[tokio::test]
async fn a_state_that_cannot_be_is_asked_of_somebody_else() {
    let network = FakeNetwork::default();
    let (host, two) = (Liar::new("host.example", &network).await, running("two.example", &network).await);
    let three = running("three.example", &network).await;
    let room_id = room_of_many(&host.running, RoomVersionId::V11).await;
    three.join(&room_id, &host.running).await.unwrap();
    three.becomes_whole(&room_id).await;
    // Everybody is banned, says the host, or: there is nothing at all.
    let state: Vec<String> = host
        .state_without(&room_id, &["m.room.create", "m.room.join_rules"])
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    for told in [json!([]), json!(state)] {
        host.lies("/state_ids/", json!({"pdu_ids": told, "auth_chain_ids": []}));
        two.join(&room_id, &host.running).await.unwrap();
        two.becomes_whole(&room_id).await;
        assert_eq!(two.all_state(&room_id).await, host.running.all_state(&room_id).await);
        host.repents();
        two.home.parts.rooms.leave(&two.user, &room_id, None).await.unwrap();
        host.running.sees(&room_id, &two.user, Membership::Leave).await;
    }
}

#[tokio::test]
async fn who_leaves_before_the_members_are_here_waits_for_nobody() {
    let network = FakeNetwork::default();
    let (host, two) = (Liar::new("host.example", &network).await, running("two.example", &network).await);
    let room_id = room_of_many(&host.running, RoomVersionId::V12).await;
    keeps_members(&host);
    two.join(&room_id, &host.running).await.unwrap();
    two.home.parts.rooms.leave(&two.user, &room_id, None).await.unwrap();
    host.running.sees(&room_id, &two.user, Membership::Leave).await;
    two.becomes_whole(&room_id).await;
    host.repents();
    // And comes back, to a room that is whole soon.
    two.join(&room_id, &host.running).await.unwrap();
    two.becomes_whole(&room_id).await;
    host.running.sees(&room_id, &two.user, Membership::Join).await;
    assert_eq!(two.all_state(&room_id).await, host.running.all_state(&room_id).await);
}

#[tokio::test]
async fn two_who_talk_to_each_other_know_each_other_at_once() {
    let network = FakeNetwork::default();
    let (host, two) = (Liar::new("host.example", &network).await, running("two.example", &network).await);
    let room_id = room_of_many(&host.running, RoomVersionId::V12).await;
    keeps_members(&host);
    let rooms = &host.running.home.parts.rooms;
    rooms.invite(&host.running.user, &room_id, &two.user.user_id, None, true).await.unwrap();
    two.home.parts.rooms.join(&two.user, &room_id, &[], None, CanonicalJsonObject::new()).await.unwrap();
    assert!(!two.is_partial(&room_id).await);
}
