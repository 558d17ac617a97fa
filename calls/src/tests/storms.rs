//! Hostile numbers: invites, unknown calls, early events.

use serde_json::json;

use super::{
    ringing::{EVE, invite},
    world::{ALICE, BOB, World, ms},
};
use crate::{
    call::Person,
    engine::LocalMedia,
    limits::{CALLS, INVITES_PER_MINUTE},
};

#[test]
fn a_storm_of_invites_keeps_a_bounded_number_of_calls_and_rings_seldom() {
    let mut world = World::two();
    for n in 0..1000 {
        world.write(&format!("@eve{n}:example.org"), "m.call.invite", invite(&format!("c{n}")));
        world.run(ms(10));
    }
    assert!(world.sessions[BOB].calls.iter().count() <= CALLS);
    assert!(world.sessions[BOB].shown.len() <= INVITES_PER_MINUTE as usize);
    world.ends();
}

#[test]
fn one_callers_storm_is_one_ringing_call() {
    let mut world = World::two();
    for n in 0..1000 {
        world.write(EVE, "m.call.invite", invite(&format!("c{n}")));
    }
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].calls.iter().count(), 1);
    world.ends();
}

#[test]
fn a_storm_passes_and_calls_ring_again() {
    let mut world = World::two();
    for n in 0..100 {
        world.write(EVE, "m.call.invite", invite(&format!("c{n}")));
    }
    world.run(ms(130_000));
    world.sessions[BOB].shown.clear();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    assert!(world.sessions[BOB].rang());
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    assert!(world.sessions[BOB].connected());
    world.ends();
}

#[test]
fn events_of_unknown_calls_are_forgotten_and_harm_no_call() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    for n in 0..5000 {
        let party = format!("p{n}");
        let content = json!({"call_id": format!("unknown{n}"), "party_id": party, "version": "1",
            "candidates": [{"candidate": "x".repeat(500), "sdpMid": "0"}], "selected_party_id": party});
        let kinds = ["candidates", "hangup", "reject", "select_answer"];
        world.write(EVE, &format!("m.call.{}", kinds[n % 4]), content);
    }
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
    world.ends();
}
