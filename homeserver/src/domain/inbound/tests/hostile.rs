//! Servers that mean harm: nothing they send or answer changes what a correct server would hold.

use http::StatusCode;
use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId};
use serde_json::{Value, json};

use crate::{domain::rooms::create::Preset, store::Membership, testing::FakeNetwork};

use super::{
    liar::{Craft, Liar, nobody_has, shared_room},
    running::running,
    send, signed,
};

fn ids(ids: &[OwnedEventId]) -> Value {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_state_told_beside_parents_that_we_know_takes_nothing_away() {
    for version in [RoomVersionId::V12, RoomVersionId::V11] {
        let network = FakeNetwork::default();
        let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
        let room_id = shared_room(&one, &evil, version).await;
        let name = one.set(&room_id, "m.room.name", "", json!({"name": "Garden"})).await;
        let ban = one.set(&room_id, "m.room.member", "@spam:evil.example", json!({"membership": "ban"})).await;
        evil.running.has(&ban).await;

        // Its event names all that we have and one thing more, which only its own state goes with.
        let mut prev_events = evil.ends(&room_id).await;
        prev_events.push(nobody_has());
        let state = evil.state_without(&room_id, &["m.room.name", "m.room.server_acl"]).await;
        let state: Vec<OwnedEventId> = state.into_iter().filter(|id| *id != ban).collect();
        evil.lies("/get_missing_events/", json!({"events": []}));
        evil.lies("/state_ids/", json!({"pdu_ids": ids(&state), "auth_chain_ids": []}));
        let message = evil.craft(&room_id, Craft::message("trust me", &prev_events)).await;
        evil.sends(&one, &[&message]).await;
        one.has(&message.event_id).await;
        assert_eq!(one.state(&room_id, "m.room.name", "").await, Some(name));
        assert_eq!(one.state(&room_id, "m.room.member", "@spam:evil.example").await, Some(ban));

        // The same with nothing of ours named at all.
        let message = evil.craft(&room_id, Craft::message("still", &[nobody_has()])).await;
        evil.sends(&one, &[&message]).await;
        one.has(&message.event_id).await;
        assert!(one.state(&room_id, "m.room.name", "").await.is_some());
        assert!(one.state(&room_id, "m.room.member", "@spam:evil.example").await.is_some());
    }
}

#[tokio::test]
async fn state_of_another_room_has_no_say() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = shared_room(&one, &evil, RoomVersionId::V11).await;
    let own = evil.running.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    one.join(&own, &evil.running).await.unwrap();
    let levels = one.state(&room_id, "m.room.power_levels", "").await;
    let theirs = evil.running.state(&own, "m.room.power_levels", "").await.unwrap();
    let mut state = evil.state_without(&room_id, &["m.room.power_levels"]).await;
    state.push(theirs);
    evil.lies("/get_missing_events/", json!({"events": []}));
    evil.lies("/state_ids/", json!({"pdu_ids": ids(&state), "auth_chain_ids": []}));
    let message = evil.craft(&room_id, Craft::message("I rule", &[nobody_has()])).await;
    evil.sends(&one, &[&message]).await;
    one.has(&message.event_id).await;
    assert_eq!(one.state(&room_id, "m.room.power_levels", "").await, levels);
}

#[tokio::test]
async fn an_event_belongs_to_its_room_whoever_named_it_first() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let here = shared_room(&one, &evil, RoomVersionId::V12).await;
    let there = shared_room(&one, &evil, RoomVersionId::V12).await;
    let secret = evil.craft(&there, Craft::message("for the other room", &evil.ends(&there).await)).await;

    let mut prev_events = evil.ends(&here).await;
    prev_events.push(secret.event_id.clone());
    let state = evil.state_without(&here, &[]).await;
    evil.lies("/get_missing_events/", json!({"events": []}));
    evil.lies("/state_ids/", json!({"pdu_ids": ids(&state), "auth_chain_ids": []}));
    let namer = evil.craft(&here, Craft::message("look over there", &prev_events)).await;
    evil.sends(&one, &[&namer]).await;
    one.has(&namer.event_id).await;

    evil.sends(&one, &[&secret]).await;
    one.has(&secret.event_id).await;
    let mut db = one.home.parts.store.read().await.unwrap();
    let room = db.room_sn(&there).await.unwrap().unwrap();
    assert_eq!(db.event(&secret.event_id).await.unwrap().unwrap().room, room);
    let ends: Vec<String> = db.forward_extremities(room).await.unwrap().into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(ends, [secret.event_id.to_string()], "and the graph goes on from it");
    let other = db.room_sn(&here).await.unwrap().unwrap();
    assert_eq!(db.backward_extremities(other).await.unwrap(), []);
    drop(db);

    // Known by now, it is nobody's parent elsewhere.
    let late = evil.craft(&here, Craft::message("again", std::slice::from_ref(&secret.event_id))).await;
    let after = evil.craft(&here, Craft::message("after", std::slice::from_ref(&namer.event_id))).await;
    evil.sends(&one, &[&late, &after]).await;
    one.has(&after.event_id).await;
    assert!(one.home.parts.store.read().await.unwrap().event(&late.event_id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_false_invite_does_not_fix_the_version_of_a_room() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let evil = Liar::new("evil.example", &network).await;
    let room_id = two.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    let invites = async |version: RoomVersionId| {
        let invite = evil.invite(&room_id, &version, &one.user.user_id).await;
        let path = format!("/_matrix/federation/v2/invite/{room_id}/{}", invite.event_id);
        let body = json!({"room_version": version, "event": invite.json, "invite_room_state": []});
        evil.asks(&one, "PUT", &path, Some(&body)).await
    };
    invites(RoomVersionId::V6).await;
    one.join(&room_id, &two).await.unwrap();
    two.sees(&room_id, &one.user, Membership::Join).await;
    let hello = two.say(&room_id, "welcome").await;
    one.has(&hello).await;
    let row = one.home.parts.store.read().await.unwrap().room_by_id(&room_id).await.unwrap().unwrap();
    assert_eq!(row.version, RoomVersionId::V11);

    // What we know of a room that we were in is not for strangers to say.
    one.home.parts.rooms.leave(&one.user, &room_id, None).await.unwrap();
    let (status, answer) = invites(RoomVersionId::V6).await;
    assert_eq!((status, answer["errcode"].as_str()), (StatusCode::BAD_REQUEST, Some("M_INVALID_PARAM")));
}

#[tokio::test]
async fn what_came_as_something_that_others_rest_on_takes_its_place_when_it_is_sent() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = shared_room(&one, &evil, RoomVersionId::V11).await;
    let ends = evil.ends(&room_id).await;
    let me = evil.running.user.user_id.clone();
    let profile = json!({"membership": "join", "displayname": "Eve"});
    let renamed = evil.craft(&room_id, Craft::state("m.room.member", me.as_str(), profile, &ends)).await;
    let message = evil.craft(&room_id, Craft::message("to be suppressed", &ends)).await;
    let mut resting = Craft::message("resting on it", &ends);
    resting.auth_events.push(renamed.event_id.clone());
    let resting = evil.craft(&room_id, resting).await;

    evil.lies("/event_auth/", json!({"auth_chain": [renamed.json, message.json]}));
    evil.sends(&one, &[&resting]).await;
    // By the state before it, it is another member event that it should rest on; all the same both are stored now.
    one.until("the event and what it rests on", async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        let renamed = db.event(&renamed.event_id).await.unwrap();
        db.event(&resting.event_id).await.unwrap().is_some() && renamed.is_some_and(|event| event.position.is_none())
    })
    .await;
    let mut db = one.home.parts.store.read().await.unwrap();
    assert!(db.event(&message.event_id).await.unwrap().is_none(), "a message is nothing that others rest on");
    drop(db);
    evil.sends(&one, &[&renamed, &message]).await;
    one.has(&renamed.event_id).await;
    one.has(&message.event_id).await;
}

#[tokio::test]
async fn a_copy_with_a_bad_signature_does_not_take_the_place_of_the_event() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let honest = Liar::new("honest.example", &network).await;
    let room_id = shared_room(&one, &evil, RoomVersionId::V11).await;
    honest.running.join(&room_id, &one).await.unwrap();
    one.sees(&room_id, &honest.running.user, Membership::Join).await;

    let message = honest.craft(&room_id, Craft::message("mine", &honest.ends(&room_id).await)).await;
    let mut copy = message.clone();
    let key = honest.running.home.identity.key_id().to_string();
    copy.json["signatures"] = json!({"honest.example": {key: "A".repeat(86)}});
    let answer = evil.sends(&one, &[&copy]).await;
    assert!(answer[message.event_id.as_str()]["error"].is_string(), "{answer}");
    assert_eq!(honest.sends(&one, &[&message]).await, json!({message.event_id.to_string(): {}}));
    one.has(&message.event_id).await;
}

#[tokio::test]
async fn strangers_to_a_room_bring_nothing_into_it() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let evil = Liar::new("evil.example", &network).await;
    let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    two.join(&room_id, &one).await.unwrap();
    // Its own view of the room, made from an honest answer and then left again, so that it can write what looks right.
    evil.running.join(&room_id, &one).await.unwrap();
    let other = one.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    two.join(&other, &one).await.unwrap();
    let honest = Liar::new("honest.example", &network).await;
    honest.running.join(&other, &one).await.unwrap();
    one.sees(&other, &honest.running.user, Membership::Join).await;

    // An event of somebody else of a room that it is not in is not even looked at.
    let relayed = honest.craft(&other, Craft::message("relayed", &honest.ends(&other).await)).await;
    let answer = evil.sends(&one, &[&relayed]).await;
    assert_eq!(answer[relayed.event_id.as_str()]["error"], "Your server is not in the room");
    // Its own waits for a join, which does not come, and leaves nothing behind.
    let user = evil.running.user.user_id.clone();
    let mut own = relayed.json.clone();
    own["sender"] = json!(user);
    let own = evil.signs(own, &RoomVersionId::V11);
    evil.sends(&one, &[&own]).await;
    one.until("the end of patience", async || {
        one.home.ahead.fetch_add(120_000, std::sync::atomic::Ordering::SeqCst);
        one.home.parts.inbound.retry().await.unwrap();
        one.home.parts.store.read().await.unwrap().staged_rooms(i64::MAX).await.unwrap().is_empty()
    })
    .await;
    assert!(one.home.parts.store.read().await.unwrap().event(&own.event_id).await.unwrap().is_none());
    // The honest one is taken all the same.
    honest.sends(&one, &[&relayed]).await;
    one.has(&relayed.event_id).await;
}

#[tokio::test]
async fn what_waits_for_a_sleeping_server_is_taken_when_it_wakes() {
    let network = FakeNetwork::default();
    let (one, two) = (running("one.example", &network).await, running("two.example", &network).await);
    let three = running("three.example", &network).await;
    let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    two.join(&room_id, &one).await.unwrap();
    // The joining server knows the keys of the one that is away, which never spoke to it.
    let create = two.state(&room_id, "m.room.create", "").await.unwrap();
    let create = two.home.parts.store.read().await.unwrap().event(&create).await.unwrap().unwrap().json;
    let rules = RoomVersionId::V11.rules().unwrap();
    three.home.parts.federation.keyring.prepare(&rules, &[serde_json::from_str(&create).unwrap()], &[]).await;
    network.set_down(one.home.name(), true);
    three.join(&room_id, &two).await.unwrap();
    let hello = two.say(&room_id, "hello three").await;
    // Whoever signed the join is away by now, and nobody else's word counts for its key.
    network.set_down(three.home.name(), true);
    network.set_down(one.home.name(), false);
    let back = one.say(&room_id, "back again").await;
    two.has(&back).await;
    one.until("a staged event that failed", async || {
        let mut db = one.home.parts.store.read().await.unwrap();
        !db.staged_rooms(i64::MAX).await.unwrap().is_empty()
            && db.staged_rooms(one.home.parts.clock.now_ms()).await.unwrap().is_empty()
    })
    .await;
    // Others are not held up.
    network.set_down(three.home.name(), false);
    one.home.ahead.fetch_add(60_000, std::sync::atomic::Ordering::SeqCst);
    one.home.parts.inbound.retry().await.unwrap();
    one.sees(&room_id, &three.user, Membership::Join).await;
    one.has(&hello).await;
}

#[tokio::test]
async fn the_state_beside_an_invite_is_of_its_room_and_signed() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let invites = async |room_id: &OwnedRoomId, version: &str, state: Value| {
        let known = RoomVersionId::try_from(version).ok().filter(|version| version.rules().is_some());
        let invite = evil.invite(room_id, &known.unwrap_or(RoomVersionId::V11), &one.user.user_id).await;
        let path = format!("/_matrix/federation/v2/invite/{room_id}/{}", invite.event_id);
        let body = json!({"room_version": version, "event": invite.json, "invite_room_state": state});
        let (status, answer) = evil.asks(&one, "PUT", &path, Some(&body)).await;
        (status, answer["errcode"].as_str().map(ToOwned::to_owned), answer)
    };
    let refused = |answer: (StatusCode, Option<String>, Value)| {
        assert_eq!((answer.0, answer.1.as_deref()), (StatusCode::BAD_REQUEST, Some("M_INVALID_PARAM")), "{}", answer.2);
    };
    let new = evil.running.make_room(Preset::PrivateChat, RoomVersionId::V12).await;
    let other = evil.running.make_room(Preset::PrivateChat, RoomVersionId::V12).await;
    let create = evil.stored_state(&new, "m.room.create").await;
    let rules = evil.stored_state(&new, "m.room.join_rules").await;
    refused(invites(&new, "12", json!([])).await);
    refused(invites(&new, "12", json!([rules])).await);
    refused(invites(&new, "12", json!([evil.stored_state(&other, "m.room.create").await])).await);
    refused(invites(&new, "12", json!([create, evil.stored_state(&other, "m.room.join_rules").await])).await);
    let mut forged = rules.clone();
    forged["content"] = json!({"join_rule": "public"});
    forged["depth"] = json!(77);
    refused(invites(&new, "12", json!([create, forged])).await);
    assert_eq!(one.own_view(&new).await, None);
    assert_eq!(invites(&new, "12", json!([create, rules])).await.0, StatusCode::OK);
    assert_eq!(one.own_view(&new).await, Some(Membership::Invite));

    // Older versions are forgiven what older servers send, but not a false version, and not what is of another room.
    let old = evil.running.make_room(Preset::PrivateChat, RoomVersionId::V11).await;
    let create = evil.stored_state(&old, "m.room.create").await;
    refused(invites(&old, "10", json!([create])).await);
    let stripped =
        json!({"type": "m.room.name", "state_key": "", "sender": "@user:evil.example", "content": {"name": "Old"}});
    let strange = evil.stored_state(&other, "m.room.join_rules").await;
    assert_eq!(invites(&old, "11", json!([stripped, strange])).await.0, StatusCode::OK);
    let mut db = one.home.parts.store.read().await.unwrap();
    let room = db.room_sn(&old).await.unwrap().unwrap();
    let shown = db.local_membership(one.user.user, room).await.unwrap().unwrap().stripped_state.unwrap();
    assert!(shown.contains("\"Old\"") && !shown.contains("m.room.join_rules"), "{shown}");
    drop(db);

    let (status, code, answer) = invites(&old, "org.example.unknown", json!([])).await;
    assert_eq!((status, code.as_deref()), (StatusCode::BAD_REQUEST, Some("M_INCOMPATIBLE_ROOM_VERSION")));
    assert_eq!(answer["room_version"], "org.example.unknown");
}

#[tokio::test]
async fn a_join_that_its_voucher_did_not_sign_is_none() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = evil.running.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    let user = &one.user.user_id;
    let path = format!("/_matrix/federation/v1/make_join/{room_id}/{user}?ver=11");
    let (status, mut template) =
        send(&network, evil.running.home.name(), signed(&one.home, evil.running.home.name(), "GET", &path, None)).await;
    assert_eq!(status, StatusCode::OK, "{template}");
    template["event"]["content"]["join_authorised_via_users_server"] = json!("@user:evil.example");
    evil.lies("/make_join/", template);
    let state = evil.stored_states(&room_id).await;
    evil.lies(
        "/send_join/",
        json!({"origin": "evil.example", "state": state, "auth_chain": [], "members_omitted": false}),
    );
    assert!(one.join(&room_id, &evil.running).await.is_err());
    assert_eq!(one.own_view(&room_id).await, None);
}

#[tokio::test]
async fn who_joins_without_its_members_is_told_whom_the_room_is_called_after() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let names = |answer: &Value| -> Vec<String> {
        let state = answer["state"].as_array().unwrap();
        let members = state.iter().filter(|event| event["type"] == "m.room.member");
        members.map(|event| event["state_key"].as_str().unwrap().to_owned()).collect()
    };
    for named in [false, true] {
        let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V11).await;
        for n in 0..60 {
            one.set(&room_id, "m.room.member", &format!("@banned{n}:far.example"), json!({"membership": "ban"})).await;
        }
        if named {
            one.set(&room_id, "m.room.name", "", json!({"name": "Garden"})).await;
        }
        let (status, answer) = evil.joins(&one, &room_id, true).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["members_omitted"], true);
        assert_eq!(answer["servers_in_room"], json!(["one.example", "evil.example"]));
        let heroes = if named { vec![] } else { vec![one.user.user_id.to_string()] };
        assert_eq!(names(&answer), heroes);
        let chain = answer["auth_chain"].as_array().unwrap();
        let creator = chain.iter().any(|event| event["state_key"] == json!(one.user.user_id));
        assert!(creator || !named, "what the rest rests on is there all the same");
    }
    let room_id = one.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    let (_, answer) = evil.joins(&one, &room_id, true).await;
    assert_ne!(answer["members_omitted"], true, "of so few nothing is left out");
}
