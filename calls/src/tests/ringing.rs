//! What rings, what does not, and what is old.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    answering::talking,
    world::{ALICE, BOB, World, ms, room},
};
use crate::{
    call::Person,
    calls::{Output, RoomEvent, Verdict},
    change::{Cause, Change, Side, Silence},
    engine::LocalMedia,
};

pub const EVE: &str = "@eve:example.org";

pub fn invite(call_id: &str) -> Value {
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:eve\r\n";
    json!({"call_id": call_id, "party_id": "EVE", "version": "1", "lifetime": 60000,
        "offer": {"type": "offer", "sdp": sdp}})
}

fn hangup(call_id: &str) -> Value {
    json!({"call_id": call_id, "party_id": "EVE", "version": "1", "reason": "user_hangup"})
}

#[test]
fn an_old_invite_does_not_ring_whatever_the_clocks_say() {
    for (age, rings) in [(0, true), (30, true), (56, true), (58, false), (61, false), (86_400, false)] {
        let mut world = World::two();
        world.write_aged(EVE, "m.call.invite", invite("c"), Duration::from_secs(age));
        world.run(ms(500));
        assert_eq!(world.sessions[BOB].rang(), rings, "{age} s");
        assert_eq!(world.sessions[BOB].shown.is_empty(), !rings);
        world.ends();
    }
}

#[test]
fn a_young_invite_rings_only_as_long_as_it_is_valid() {
    let mut world = World::two();
    world.write_aged(EVE, "m.call.invite", invite("c"), Duration::from_secs(50));
    world.run(Duration::from_secs(9));
    assert_eq!(world.sessions[BOB].ended(), None);
    world.run(Duration::from_secs(2));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Missed));
    world.ends();
}

#[test]
fn nothing_rings_before_the_whole_sync_is_read() {
    let mut world = World::two();
    world.sessions[BOB].offline = true;
    world.write(EVE, "m.call.invite", invite("c"));
    world.run(ms(1000));
    world.write(EVE, "m.call.hangup", hangup("c"));
    world.run(ms(1000));
    world.sessions[BOB].offline = false;
    world.run(ms(1000));
    assert!(!world.sessions[BOB].rang() && world.sessions[BOB].shown.is_empty());
    world.ends();
}

#[test]
fn a_hangup_that_overtakes_its_invite_is_heeded() {
    let mut world = World::two();
    world.write(EVE, "m.call.hangup", hangup("c"));
    world.run(ms(1000));
    world.write(EVE, "m.call.invite", invite("c"));
    world.run(ms(1000));
    assert!(!world.sessions[BOB].rang());
    world.ends();
}

#[test]
fn a_stranger_cannot_hang_up_before_the_invite() {
    let mut world = World::two();
    world.write("@mallory:example.org", "m.call.hangup", hangup("c"));
    world.run(ms(100));
    world.write(EVE, "m.call.invite", invite("c"));
    world.run(ms(1000));
    assert!(world.sessions[BOB].rang());
    world.ends();
}

#[test]
fn an_invite_for_someone_else_does_not_ring() {
    let mut world = World::two();
    let mut content = invite("c");
    content["invitee"] = json!("@alice:example.org");
    world.write(EVE, "m.call.invite", content);
    world.run(ms(500));
    assert!(world.sessions[ALICE].rang() && world.sessions[BOB].shown.is_empty());
    world.ends();
}

#[test]
fn a_call_in_a_public_room_is_shown_without_ringing_and_can_be_accepted() {
    let mut world = World::two();
    world.sessions[BOB].policy = Verdict::Silent(Silence::PublicRoom);
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    assert!(matches!(world.sessions[BOB].changes()[..], [Change::Silenced { why: Silence::PublicRoom, .. }]));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    assert!(world.sessions[ALICE].connected());
    world.ends();
}

#[test]
fn a_second_call_knocks_softly_and_accepting_it_holds_the_first() {
    let mut world = talking(LocalMedia::voice());
    let first = world.call_of(BOB);
    let mut content = invite("second");
    content["invitee"] = json!("@bob:example.org");
    world.write(EVE, "m.call.invite", content);
    world.run(ms(500));
    let last = world.sessions[BOB].shown.last().cloned().unwrap();
    let (second, Change::Ringing { in_call: true, .. }) = last else { panic!("{last:?}") };
    world.person_in(BOB, &second, Person::Accept(LocalMedia::voice()));
    world.run(ms(1000));
    assert!(world.sessions[BOB].calls.get(&first).unwrap().media().on_hold);
    assert!(world.sessions[ALICE].shown.iter().any(|(_, change)| *change == Change::HeldByThem(true)));
    assert!(world.sessions[BOB].calls.get(&second).unwrap().is_active());
    world.ends();
}

#[test]
fn who_wishes_to_be_busy_in_a_call_says_so() {
    let mut world = World::of(&["@alice:example.org", "@bob:example.org", "@eve:example.org"]);
    world.sessions[BOB].policy = Verdict::SayBusy;
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    world.try_place(2, Some("@bob:example.org".try_into().unwrap()), LocalMedia::voice()).unwrap();
    world.run(ms(2000));
    assert_eq!(world.sessions[2].ended(), Some(Cause::Busy { by: Side::Them }));
    assert!(world.sessions[BOB].connected());
    assert_eq!(world.sessions[BOB].sent_of("m.call.reject").len(), 1);
    world.ends();
}

#[test]
fn who_calls_again_replaces_the_earlier_call() {
    let mut world = World::two();
    world.write(EVE, "m.call.invite", invite("first"));
    world.run(ms(500));
    world.write(EVE, "m.call.invite", invite("second"));
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Missed));
    assert_eq!(world.call_of(BOB).call_id.as_str(), "second");
    world.ends();
}

#[test]
fn a_doubled_invite_rings_once_even_after_the_call_is_over() {
    let mut world = World::two();
    for _ in 0..3 {
        world.write(EVE, "m.call.invite", invite("c"));
        world.run(ms(500));
    }
    assert_eq!(world.sessions[BOB].shown.len(), 1);
    world.person(BOB, Person::Decline);
    world.write(EVE, "m.call.invite", invite("c"));
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].shown.len(), 2);
    world.ends();
}

#[test]
fn the_same_call_id_in_another_room_is_another_call() {
    let mut world = World::two();
    world.write(EVE, "m.call.invite", invite("c"));
    world.run(ms(500));
    let event = RoomEvent {
        room: "!other:example.org".try_into().unwrap(),
        sender: EVE.try_into().unwrap(),
        event_id: None,
        event_type: "m.call.hangup".to_owned(),
        content: hangup("c"),
        age: ms(0),
    };
    let outputs = world.sessions[BOB].calls.sync(vec![event], &Verdict::Ring, world.now);
    assert!(outputs.is_empty());
    assert_eq!(world.call_of(BOB).room, room());
    world.ends();
}

#[test]
fn a_broken_invite_is_said_once_and_rings_nowhere() {
    let mut world = World::two();
    let mut content = invite("c");
    content["offer"]["sdp"] = json!("v=0 but nothing else");
    for _ in 0..2 {
        world.write(EVE, "m.call.invite", content.clone());
    }
    world.write(EVE, "m.call.hangup", hangup("c"));
    world.run(ms(500));
    assert!(world.sessions[BOB].shown.is_empty());
    assert!(matches!(world.sessions[BOB].notices[..], [Output::BrokenInvite { .. }]));
    world.ends();
}

#[test]
fn a_matrix_rtc_call_is_said_to_be_one_that_this_app_cannot_join() {
    let mut world = World::two();
    world.write(EVE, "org.matrix.msc4075.rtc.notification", json!({"lifetime": 30000, "notification_type": "ring"}));
    world.write(EVE, "m.rtc.member", json!({}));
    world.run(ms(500));
    assert!(matches!(world.sessions[BOB].notices[..], [Output::CannotJoin { .. }]));
    assert!(!world.sessions[BOB].rang());
    world.ends();
}
