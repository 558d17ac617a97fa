//! Peers of version 0: no parties, no selecting, no rejecting, no renegotiation.

use serde_json::{Value, json};

use super::world::{ALICE, BOB, World, ms};
use crate::{
    call::Person,
    change::{Cause, Change, Refusal, Side},
    engine::{Command, LocalMedia, Report},
};

const OLD: &str = "@old:example.org";
const SDP: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:old\r\na=candidate:1\r\n";

/// An old app answers Alice, and its engine meets hers.
fn answered_by(version: Value) -> World {
    let mut world = World::of(&["@alice:example.org"]);
    let key = world.try_place(ALICE, Some(OLD.try_into().unwrap()), LocalMedia::voice()).unwrap();
    world.run(ms(2000));
    let answer = json!({"type": "answer", "sdp": SDP});
    world.write(OLD, "m.call.answer", json!({"call_id": key.call_id, "version": version, "answer": answer}));
    world.run(ms(500));
    world.report(ALICE, Report::Connected);
    assert!(world.sessions[ALICE].connected());
    world
}

#[test]
fn an_old_app_answers_and_hangs_up() {
    for version in [json!(0), json!("0")] {
        let mut world = answered_by(version);
        assert!(world.sessions[ALICE].sent_of("m.call.select_answer").is_empty());
        let key = world.call_of(ALICE);
        world.write(OLD, "m.call.hangup", json!({"call_id": key.call_id, "version": 0}));
        world.run(ms(500));
        assert_eq!(world.sessions[ALICE].ended(), Some(Cause::HungUp { by: Side::Them }));
        world.ends();
    }
}

#[test]
fn an_old_app_declines_by_hanging_up() {
    let mut world = World::of(&["@alice:example.org"]);
    let key = world.try_place(ALICE, Some(OLD.try_into().unwrap()), LocalMedia::voice()).unwrap();
    world.run(ms(2000));
    world.write(OLD, "m.call.hangup", json!({"call_id": key.call_id, "version": 0}));
    world.run(ms(500));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Declined { by: Side::Them }));
    world.ends();
}

#[test]
fn what_an_old_app_cannot_do_is_refused_and_hold_stays_our_own() {
    let mut world = answered_by(json!(0));
    world.person(ALICE, Person::Camera(true));
    world.person(ALICE, Person::Share(true));
    world.person(ALICE, Person::Hold(true));
    world.person(ALICE, Person::Mute(true));
    world.run(ms(500));
    let refused = Change::Refused(Refusal::TheirAppCannot);
    assert_eq!(world.sessions[ALICE].changes().into_iter().filter(|change| **change == refused).count(), 2);
    let engine = world.sessions[ALICE].engines.values().next().unwrap();
    assert!(engine.media.on_hold && !engine.media.microphone && !engine.media.camera);
    assert!(!world.sessions[ALICE].sent_types().contains(&"negotiate"));
    assert!(!world.sessions[ALICE].sent_types().contains(&"sdp_stream_metadata_changed"));
    world.report(ALICE, Report::Failed);
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::ConnectionLost));
    world.ends();
}

fn invited() -> World {
    let mut world = World::of(&["@alice:example.org", "@bob:example.org", "@bob:example.org"]);
    let offer = json!({"type": "offer", "sdp": SDP});
    world.write(OLD, "m.call.invite", json!({"call_id": "old", "version": 0, "lifetime": 60000, "offer": offer}));
    world.run(ms(1000));
    assert!(world.sessions[BOB].rang());
    world
}

#[test]
fn an_old_apps_call_is_answered_in_its_version() {
    let mut world = invited();
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(5000));
    let answer = world.sessions[BOB].sent_of("m.call.answer")[0].clone();
    assert_eq!(answer["version"], 0);
    let ends =
        world.sessions[BOB].sent_of("m.call.candidates").iter().any(|c| c.to_string().contains("\"candidate\":\"\""));
    assert!(!ends, "version 0 has no end of candidates");
    assert_eq!(world.sessions[2].ended(), Some(Cause::AnsweredElsewhere));
    let more = json!([{"candidate": "candidate:2", "sdpMid": "0", "sdpMLineIndex": 0}]);
    world.write(OLD, "m.call.candidates", json!({"call_id": "old", "version": 0, "candidates": more}));
    world.run(ms(500));
    let engine = world.sessions[BOB].engines.values().next().unwrap();
    assert!(matches!(engine.commands.last(), Some(Command::AddCandidates(_))));
    world.ends();
}

#[test]
fn an_old_apps_call_is_declined_by_hanging_up_and_stops_everywhere() {
    let mut world = invited();
    world.person(BOB, Person::Decline);
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].sent_types(), ["hangup"]);
    assert_eq!(world.sessions[2].ended(), Some(Cause::DeclinedElsewhere));
    world.ends();
}
