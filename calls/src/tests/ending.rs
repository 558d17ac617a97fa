//! Every way a call ends, and the cause that the screen is told.

use serde_json::json;

use super::{
    answering::talking,
    ringing::{EVE, invite},
    world::{ALICE, BOB, World, ms, room},
};
use crate::{
    call::Person,
    change::{Cause, Side},
    engine::{LocalMedia, Report},
    limits::ENGINE_PATIENCE,
};

fn after_hangup(reason: &str, while_it_rings: bool) -> Option<Cause> {
    let mut world = World::two();
    let key = world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    let mut party = json!("any");
    if !while_it_rings {
        world.person(BOB, Person::Accept(LocalMedia::voice()));
        world.run(ms(2000));
        party = world.sessions[BOB].sent_of("m.call.answer")[0]["party_id"].clone();
    }
    let content = json!({"call_id": key.call_id, "party_id": party, "version": "1", "reason": reason});
    world.write("@bob:example.org", "m.call.hangup", content);
    world.run(ms(500));
    let ended = world.sessions[ALICE].ended();
    world.ends();
    ended
}

#[test]
fn each_reason_of_a_hangup_is_a_cause() {
    use Side::Them;
    for (reason, ringing, talking) in [
        ("user_hangup", Cause::Declined { by: Them }, Cause::HungUp { by: Them }),
        ("user_busy", Cause::Busy { by: Them }, Cause::Busy { by: Them }),
        ("user_media_failed", Cause::Microphone { of: Them }, Cause::Microphone { of: Them }),
        ("ice_failed", Cause::NoPath, Cause::NoPath),
        ("ice_timeout", Cause::NoPath, Cause::ConnectionLost),
        ("invite_timeout", Cause::NobodyAnswered, Cause::NobodyAnswered),
        ("unknown_error", Cause::Engine { of: Them }, Cause::Engine { of: Them }),
        ("org.example.whim", Cause::Engine { of: Them }, Cause::Engine { of: Them }),
    ] {
        assert_eq!(after_hangup(reason, true), Some(ringing), "{reason} while it rings");
        assert_eq!(after_hangup(reason, false), Some(talking), "{reason} in a call");
    }
}

#[test]
fn an_engine_that_never_answers_does_not_keep_the_call() {
    let mut world = World::two();
    world.sessions[ALICE].traits.silent = true;
    world.place(ALICE, LocalMedia::voice());
    world.run(ENGINE_PATIENCE + ms(100));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Engine { of: Side::Us }));
    assert!(world.sessions[ALICE].sent.is_empty());
    world.sessions[ALICE].traits.silent = false;
    world.sessions[BOB].traits.silent = true;
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ENGINE_PATIENCE + ms(500));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Engine { of: Side::Us }));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Engine { of: Side::Them }));
    world.ends();
}

#[test]
fn a_description_that_the_engine_refuses_is_the_fault_of_their_app() {
    for refusing in [ALICE, BOB] {
        let mut world = World::two();
        world.sessions[refusing].traits.refuses_descriptions = true;
        world.place(ALICE, LocalMedia::voice());
        world.run(ms(2000));
        world.person(BOB, Person::Accept(LocalMedia::voice()));
        world.run(ms(2000));
        assert_eq!(world.sessions[refusing].ended(), Some(Cause::TheirAppCannot));
        assert_eq!(world.sessions[1 - refusing].ended(), Some(Cause::Engine { of: Side::Them }));
        world.ends();
    }
}

#[test]
fn an_answer_that_cannot_be_read_ends_the_call_as_the_fault_of_their_app() {
    for answer in [json!(null), json!({}), json!({"type": "answer", "sdp": "nonsense"})] {
        let mut world = World::two();
        let key = world.place(ALICE, LocalMedia::voice());
        world.run(ms(2000));
        let content = json!({"call_id": key.call_id, "party_id": "p", "version": "1", "answer": answer});
        world.write("@bob:example.org", "m.call.answer", content);
        world.run(ms(500));
        assert_eq!(world.sessions[ALICE].ended(), Some(Cause::TheirAppCannot));
        assert_eq!(world.sessions[BOB].ended(), Some(Cause::AnsweredElsewhere));
        world.ends();
    }
}

#[test]
fn a_broken_engine_ends_the_call_in_every_state() {
    let mut world = talking(LocalMedia::voice());
    world.report(BOB, Report::Broken);
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Engine { of: Side::Us }));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Engine { of: Side::Them }));
    world.ends();
}

#[test]
fn who_leaves_the_room_leaves_the_call() {
    let mut world = talking(LocalMedia::voice());
    for (user, cause) in [("@bob:example.org", Cause::TheyLeft), ("@alice:example.org", Cause::WeLeft)] {
        let mut calls = talking(LocalMedia::voice());
        let outputs = calls.sessions[ALICE].calls.left(&room(), user.try_into().unwrap(), true, calls.now);
        calls.take(ALICE, outputs);
        assert_eq!(calls.sessions[ALICE].ended(), Some(cause));
        calls.ends();
    }
    let outputs = world.sessions[ALICE].calls.left(&room(), EVE.try_into().unwrap(), false, world.now);
    assert!(outputs.is_empty() && world.sessions[ALICE].connected());
    world.ends();
}

#[test]
fn who_leaves_while_it_rings_is_waited_for_no_longer() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.write(EVE, "m.call.invite", invite("zz"));
    world.run(ms(2000));
    let bob = "@bob:example.org".try_into().unwrap();
    let outputs = world.sessions[ALICE].calls.left(&room(), bob, false, world.now);
    world.take(ALICE, outputs);
    assert!(world.sessions[ALICE].shown.iter().any(|(_, c)| *c == crate::Change::Ended(Cause::TheyLeft)));
    let outputs = world.sessions[BOB].calls.left(&room(), EVE.try_into().unwrap(), false, world.now);
    world.take(BOB, outputs);
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Missed));
    world.ends();
}
