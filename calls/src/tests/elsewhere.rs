//! Several sessions of one person.

use super::world::{ALICE, BOB, BOBS_PHONE, World, ms};
use crate::{
    call::Person,
    change::{Cause, Side, Silence},
    engine::LocalMedia,
};

fn ringing_twice() -> World {
    let mut world = World::three();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    assert!(world.sessions[BOB].rang() && world.sessions[BOBS_PHONE].rang());
    world
}

#[test]
fn answering_on_one_stops_the_other() {
    let mut world = ringing_twice();
    world.person(BOBS_PHONE, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::AnsweredElsewhere));
    assert!(world.sessions[BOB].sent.is_empty());
    assert!(world.sessions[ALICE].connected() && world.sessions[BOBS_PHONE].connected());
    world.ends();
}

#[test]
fn declining_on_one_stops_the_other() {
    let mut world = ringing_twice();
    world.person(BOBS_PHONE, Person::Decline);
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::DeclinedElsewhere));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Declined { by: Side::Them }));
    world.ends();
}

#[test]
fn dismissing_on_one_leaves_the_other_ringing() {
    let mut world = ringing_twice();
    world.person(BOB, Person::Dismiss);
    world.run(ms(500));
    let silenced = world.sessions[BOB]
        .shown
        .iter()
        .any(|(_, change)| matches!(change, crate::Change::Silenced { why: Silence::Dismissed, .. }));
    assert!(silenced && world.sessions[BOB].sent.is_empty());
    world.person(BOBS_PHONE, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    assert!(world.sessions[ALICE].connected());
    world.ends();
}

#[test]
fn when_both_answer_at_once_the_caller_chooses_and_the_loser_stops_without_a_word() {
    let mut world = ringing_twice();
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(10));
    world.person(BOBS_PHONE, Person::Accept(LocalMedia::voice()));
    world.run(ms(3000));
    let answers = [BOB, BOBS_PHONE].map(|who| world.sessions[who].sent_of("m.call.answer").len());
    assert_eq!(answers, [1, 1]);
    assert_eq!(world.sessions[ALICE].sent_of("m.call.select_answer").len(), 1);
    assert!(world.sessions[BOB].connected());
    assert_eq!(world.sessions[BOBS_PHONE].ended(), Some(Cause::AnsweredElsewhere));
    assert!(world.sessions[BOBS_PHONE].sent_of("m.call.hangup").is_empty());
    world.ends();
}

#[test]
fn a_rejection_that_the_caller_sees_first_beats_an_answer() {
    let mut world = ringing_twice();
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(225));
    world.person(BOBS_PHONE, Person::Decline);
    world.run(ms(2000));
    assert_eq!(world.sessions[BOB].sent_of("m.call.answer").len(), 1);
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Declined { by: Side::Them }));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::DeclinedElsewhere));
    world.ends();
}

#[test]
fn an_answer_that_the_caller_sees_first_beats_a_rejection() {
    let mut world = ringing_twice();
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(250));
    world.person(BOBS_PHONE, Person::Decline);
    world.run(ms(2000));
    assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
    world.ends();
}

#[test]
fn a_call_that_ones_other_session_places_does_not_ring_here() {
    let mut world = World::of(&["@alice:example.org", "@bob:example.org", "@alice:example.org"]);
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    let other = &world.sessions[2];
    assert!(other.shown.is_empty() && other.sent.is_empty() && other.calls.iter().count() == 0);
    assert!(world.sessions[ALICE].connected());
    world.ends();
}
