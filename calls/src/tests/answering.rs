//! A call that is placed and answered.

use std::time::Duration;

use super::world::{ALICE, BOB, World, ms};
use crate::{
    call::Person,
    change::{Cause, Change, Side},
    engine::{Command, LocalMedia},
    limits::INVITE_LIFETIME,
};

/// Alice calls, Bob answers after two seconds, and they talk.
pub fn talking(media: LocalMedia) -> World {
    let mut world = World::two();
    world.place(ALICE, media);
    world.run(ms(2000));
    assert!(world.sessions[BOB].rang());
    world.person(BOB, Person::Accept(media));
    world.run(ms(2000));
    assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
    world
}

#[test]
fn a_call_goes_from_ringing_to_connected_to_hung_up() {
    let mut world = talking(LocalMedia::voice());
    let [alice, bob] = world.sessions.as_slice() else { panic!("two") };
    assert!(matches!(
        alice.changes()[..],
        [
            Change::Placing,
            Change::Ours(LocalMedia { microphone: true, camera: false, .. }),
            Change::Calling { .. },
            Change::Connecting,
            Change::Theirs(_),
            Change::Connected
        ]
    ));
    assert!(matches!(
        bob.changes()[..],
        [
            Change::Ringing { video: false, in_call: false, .. },
            Change::Connecting,
            Change::Ours(LocalMedia { microphone: true, camera: false, .. }),
            Change::Theirs(_),
            Change::Connected
        ]
    ));
    assert_eq!(alice.sent_types(), ["invite", "candidates", "select_answer"]);
    assert_eq!(bob.sent_types()[0], "answer");
    world.person(BOB, Person::HangUp);
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::HungUp { by: Side::Us }));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::HungUp { by: Side::Them }));
    assert_eq!(world.sessions[ALICE].sent_of("m.call.hangup"), Vec::<&serde_json::Value>::new());
    assert_eq!(world.sessions[BOB].sent_of("m.call.hangup")[0]["reason"], "user_hangup");
    world.ends();
}

#[test]
fn the_invite_names_whom_it_calls_and_how_long_it_is_valid() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::video());
    world.run(ms(1000));
    let invite = world.sessions[ALICE].sent_of("m.call.invite")[0].clone();
    assert_eq!(invite["invitee"], "@bob:example.org");
    assert_eq!(invite["version"], "1");
    assert_eq!(invite["lifetime"], 90_000);
    assert_eq!(invite["party_id"], "s0n2");
    let metadata = invite["sdp_stream_metadata"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!(metadata, serde_json::json!({"purpose": "m.usermedia"}));
    assert!(matches!(world.sessions[BOB].changes()[..], [Change::Ringing { video: true, .. }]));
    world.ends();
}

#[test]
fn devices_stay_closed_until_the_person_accepts() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(5000));
    assert!(world.sessions[BOB].rang() && world.sessions[BOB].engines.is_empty());
    world.person(BOB, Person::Decline);
    world.run(ms(500));
    assert!(world.sessions[BOB].engines.is_empty());
    world.ends();
}

#[test]
fn nobody_answers_and_both_sides_say_so() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(INVITE_LIFETIME + Duration::from_secs(2));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::NobodyAnswered));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Missed));
    assert_eq!(world.sessions[ALICE].sent_of("m.call.hangup")[0]["reason"], "invite_timeout");
    world.ends();
}

#[test]
fn a_declined_call_is_rejected_and_the_rejection_selected() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Decline);
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].sent_types(), ["reject"]);
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Declined { by: Side::Us }));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Declined { by: Side::Them }));
    let selected = &world.sessions[ALICE].sent_of("m.call.select_answer")[0]["selected_party_id"];
    assert_eq!(*selected, world.sessions[BOB].sent_of("m.call.reject")[0]["party_id"]);
    world.ends();
}

#[test]
fn the_caller_gives_up_before_the_invite_is_sent_and_nobody_hears_of_it() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.person(ALICE, Person::HangUp);
    world.run(ms(5000));
    assert!(world.sessions[ALICE].sent.is_empty());
    world.ends();
}

#[test]
fn the_caller_gives_up_while_it_rings_and_the_callee_missed_it() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(ALICE, Person::HangUp);
    world.run(ms(500));
    assert_eq!(world.sessions[ALICE].sent_of("m.call.hangup")[0]["reason"], "user_hangup");
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Missed));
    world.ends();
}

#[test]
fn who_accepts_and_hangs_up_before_the_answer_is_sent_rejects() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(10));
    world.person(BOB, Person::HangUp);
    world.run(ms(1000));
    assert_eq!(world.sessions[BOB].sent_types(), ["reject"]);
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Declined { by: Side::Them }));
    world.ends();
}

#[test]
fn muting_while_it_rings_is_said_in_the_invite_or_as_soon_as_there_is_someone_to_tell() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(ALICE, Person::Mute(true));
    world.run(ms(500));
    assert_eq!(world.sessions[ALICE].sent_of("m.call.sdp_stream_metadata_changed").len(), 0);
    world.person(BOB, Person::Accept(LocalMedia { microphone: false, ..LocalMedia::voice() }));
    world.run(ms(1000));
    let told = world.sessions[ALICE].sent_of("m.call.sdp_stream_metadata_changed");
    assert_eq!(told.len(), 1);
    assert!(told[0].to_string().contains("\"audio_muted\":true"));
    assert!(world.sessions[BOB].sent_of("m.call.answer")[0].to_string().contains("\"audio_muted\":true"));
    world.ends();
}

#[test]
fn a_second_accept_or_an_unknown_call_changes_nothing() {
    let mut world = talking(LocalMedia::voice());
    let commands = world.sessions[BOB].engines.values().next().unwrap().commands.len();
    world.person(BOB, Person::Accept(LocalMedia::video()));
    world.person(BOB, Person::Decline);
    world.person(BOB, Person::Dismiss);
    let unknown = crate::CallKey { call_id: "unknown".into(), ..world.call_of(BOB) };
    world.person_in(BOB, &unknown, Person::Accept(LocalMedia::voice()));
    world.run(ms(500));
    let engine = world.sessions[BOB].engines.values().next().unwrap();
    assert_eq!(engine.commands.len(), commands);
    assert!(matches!(engine.commands[0], Command::Open { .. }));
    assert!(world.sessions[BOB].connected());
    world.ends();
}
