//! Hold, video, sharing, mute: a call that changes while it stands.

use serde_json::json;

use super::{
    answering::talking,
    world::{ALICE, BOB, World, ms},
};
use crate::{
    call::Person,
    change::{Change, Device, Refusal},
    device::NoPicture,
    engine::{Command, LocalMedia, Report},
    limits::NEGOTIATION_LIFETIME,
};

fn count(world: &World, who: usize, wanted: &Change) -> usize {
    world.sessions[who].shown.iter().filter(|(_, change)| change == wanted).count()
}

fn commands(world: &World, who: usize) -> &[Command] {
    &world.sessions[who].engines.values().next_back().unwrap().commands
}

#[test]
fn holding_and_resuming_is_seen_on_the_other_side() {
    let mut world = talking(LocalMedia::voice());
    for (who, other) in [(ALICE, BOB), (BOB, ALICE)] {
        world.person(who, Person::Hold(true));
        world.run(ms(500));
        assert_eq!(count(&world, other, &Change::HeldByThem(true)), 1);
        assert_eq!(count(&world, who, &Change::HeldByThem(true)), usize::from(who == BOB));
        world.person(who, Person::Hold(false));
        world.run(ms(500));
        assert_eq!(count(&world, other, &Change::HeldByThem(false)), 1);
    }
    let negotiated = [ALICE, BOB].map(|who| world.sessions[who].sent_of("m.call.negotiate").len());
    assert_eq!(negotiated, [4, 4]);
    world.ends();
}

#[test]
fn both_hold_and_both_resume() {
    let mut world = talking(LocalMedia::voice());
    world.person(ALICE, Person::Hold(true));
    world.run(ms(500));
    world.person(BOB, Person::Hold(true));
    world.run(ms(500));
    assert_eq!(count(&world, ALICE, &Change::HeldByThem(true)), 1);
    world.person(ALICE, Person::Hold(false));
    world.run(ms(500));
    world.person(BOB, Person::Hold(false));
    world.run(ms(500));
    for who in [ALICE, BOB] {
        assert_eq!(count(&world, who, &Change::HeldByThem(false)), 1, "{:?}", world.sessions[who].changes());
    }
    world.ends();
}

#[test]
fn adding_video_negotiates_once_and_turning_it_off_and_on_only_tells() {
    let mut world = talking(LocalMedia::voice());
    world.person(ALICE, Person::Camera(true));
    world.run(ms(500));
    for on in [false, true] {
        world.person(ALICE, Person::Camera(on));
        world.run(ms(500));
    }
    assert_eq!(world.sessions[ALICE].sent_of("m.call.negotiate").len(), 1);
    let told = world.sessions[ALICE].sent_of("m.call.sdp_stream_metadata_changed");
    assert_eq!(told.len(), 2);
    assert!(told[0].to_string().contains("\"video_muted\":true"));
    let seen: Vec<bool> = world.sessions[BOB]
        .shown
        .iter()
        .filter_map(|(_, change)| match change {
            Change::Theirs(streams) => streams.values().next().map(|stream| !stream.video_muted),
            _ => None,
        })
        .collect();
    assert_eq!(seen, [false, true, false, true]);
    world.ends();
}

#[test]
fn two_offers_at_once_end_with_both_wishes_fulfilled() {
    let mut world = talking(LocalMedia::voice());
    world.person(ALICE, Person::Hold(true));
    world.person(BOB, Person::Camera(true));
    world.run(ms(2000));
    assert!(!commands(&world, ALICE).contains(&Command::Rollback));
    assert!(commands(&world, BOB).contains(&Command::Rollback));
    assert_eq!(count(&world, BOB, &Change::HeldByThem(true)), 1);
    let offers = |who: usize| {
        world.sessions[who].sent_of("m.call.negotiate").iter().filter(|c| c["description"]["type"] == "offer").count()
    };
    assert_eq!((offers(ALICE), offers(BOB)), (1, 2));
    let video = world.sessions[BOB].sent_of("m.call.negotiate").into_iter().next_back().unwrap();
    assert!(video["description"]["sdp"].as_str().unwrap().contains("m=video"));
    world.ends();
}

#[test]
fn wishes_during_a_negotiation_wait_for_its_end() {
    let mut world = talking(LocalMedia::voice());
    world.person(ALICE, Person::Hold(true));
    world.person(ALICE, Person::Hold(false));
    world.person(ALICE, Person::Hold(true));
    world.run(ms(2000));
    assert!(world.sessions[ALICE].sent_of("m.call.negotiate").len() <= 2);
    assert_eq!(count(&world, BOB, &Change::HeldByThem(true)), 1);
    world.ends();
}

#[test]
fn an_offer_without_answer_fails_and_the_call_goes_on() {
    let mut world = talking(LocalMedia::voice());
    world.sessions[BOB].offline = true;
    world.person(ALICE, Person::Hold(true));
    world.run(NEGOTIATION_LIFETIME + ms(1000));
    assert_eq!(count(&world, ALICE, &Change::NegotiationFailed), 1);
    assert_eq!(commands(&world, ALICE).last(), Some(&Command::Rollback));
    // Too old by the time it is read.
    world.sessions[BOB].offline = false;
    world.run(ms(500));
    assert_eq!(count(&world, BOB, &Change::HeldByThem(true)), 0);
    world.person(ALICE, Person::Hold(false));
    world.run(ms(500));
    assert!(world.sessions[ALICE].connected());
    world.ends();
}

#[test]
fn an_offer_that_the_engine_refuses_gets_no_answer_and_harms_nothing() {
    let mut world = talking(LocalMedia::voice());
    world.sessions[BOB].engines.values_mut().next().unwrap().traits.refuses_descriptions = true;
    world.person(ALICE, Person::Hold(true));
    world.run(ms(500));
    assert_eq!(count(&world, BOB, &Change::NegotiationFailed), 1);
    assert!(world.sessions[BOB].connected() && world.sessions[BOB].sent_of("m.call.negotiate").is_empty());
    world.ends();
}

#[test]
fn the_screen_is_a_second_stream() {
    let mut world = talking(LocalMedia::voice());
    world.person(ALICE, Person::Share(true));
    world.run(ms(500));
    let key = world.call_of(BOB);
    assert_eq!(world.sessions[BOB].calls.get(&key).unwrap().their_streams().unwrap().len(), 2);
    world.report(ALICE, Report::NoPicture { device: Device::Screen, why: NoPicture::Cancelled });
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].calls.get(&key).unwrap().their_streams().unwrap().len(), 1);
    // Who ended it in the desktop's own way need not be told.
    let told = world.sessions[ALICE].changes();
    assert!(!told.iter().any(|change| matches!(change, Change::NoPicture(..))), "{told:?}");
    world.ends();
}

#[test]
fn wishes_before_there_is_a_call_are_refused() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(1000));
    world.person(ALICE, Person::Hold(true));
    world.person(ALICE, Person::Share(true));
    assert_eq!(count(&world, ALICE, &Change::Refused(Refusal::TooEarly)), 2);
    // A camera is no such wish: it is offered as soon as someone answers.
    world.person(ALICE, Person::Camera(true));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    assert_eq!(world.sessions[ALICE].sent_of("m.call.negotiate").len(), 1);
    world.ends();
}

#[test]
fn negotiations_of_strangers_and_other_sessions_are_not_heard() {
    let mut world = World::of(&["@alice:example.org", "@bob:example.org", "@eve:example.org"]);
    let key = world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    assert!(world.sessions[2].shown.is_empty(), "the invite names Bob");
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    let party = world.sessions[BOB].sent_of("m.call.answer")[0]["party_id"].clone();
    let before = commands(&world, ALICE).len();
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=inactive\r\n";
    for (user, party) in [("@eve:example.org", party.clone()), ("@bob:example.org", json!("other"))] {
        let base = json!({"call_id": key.call_id, "party_id": party, "version": "1", "lifetime": 60000,
            "description": {"type": "offer", "sdp": sdp}, "candidates": [{"candidate": "c", "sdpMid": "0"}],
            "answer": {"type": "answer", "sdp": sdp}, "sdp_stream_metadata": {}, "selected_party_id": "x"});
        for kind in
            ["negotiate", "candidates", "answer", "reject", "hangup", "sdp_stream_metadata_changed", "select_answer"]
        {
            world.write(user, &format!("m.call.{kind}"), base.clone());
        }
    }
    world.run(ms(1000));
    assert_eq!(commands(&world, ALICE).len(), before);
    assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
    world.ends();
}

#[test]
fn a_storm_of_offers_is_answered_a_bounded_number_of_times() {
    let mut world = talking(LocalMedia::voice());
    let key = world.call_of(ALICE);
    let party = world.sessions[BOB].sent_of("m.call.answer")[0]["party_id"].clone();
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:x\r\na=sendrecv\r\n";
    for _ in 0..2000 {
        let content = json!({"call_id": key.call_id, "party_id": party, "version": "1", "lifetime": 60000,
            "description": {"type": "offer", "sdp": sdp}});
        world.write("@bob:example.org", "m.call.negotiate", content);
    }
    world.run(ms(3000));
    assert!(commands(&world, ALICE).len() < 100);
    world.ends();
}
