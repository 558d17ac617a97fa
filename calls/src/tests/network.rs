//! Lost paths, slow and lossy signalling, and a homeserver that cannot be told.

use std::time::Duration;

use super::{
    answering::talking,
    world::{ALICE, BOB, Network, World, ms},
};
use crate::{
    call::Person,
    change::{Cause, Change},
    engine::{Command, LocalMedia, Report},
    limits::{CONNECT_PATIENCE, RECONNECT_PATIENCE},
    signal::SignalKind,
};

fn restarts(world: &World) -> usize {
    let commands = world.sessions.iter().flat_map(|session| session.engines.values()).flat_map(|e| &e.commands);
    commands.filter(|command| matches!(command, Command::CreateOffer { restart_ice: true, .. })).count()
}

#[test]
fn without_any_path_both_sides_say_that_there_is_none() {
    let mut world = World::two();
    world.path = false;
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(CONNECT_PATIENCE + ms(2000));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::NoPath));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::NoPath));
    let hangups: Vec<String> = world
        .sessions
        .iter()
        .flat_map(|session| session.sent_of("m.call.hangup"))
        .map(|content| content["reason"].to_string())
        .collect();
    assert!(!hangups.is_empty() && hangups.iter().all(|reason| reason == "\"ice_failed\""));
    world.ends();
}

#[test]
fn a_failed_check_before_any_media_ends_the_call_at_once() {
    let mut world = World::two();
    world.path = false;
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(2000));
    world.report(ALICE, Report::Failed);
    world.run(ms(500));
    assert_eq!([ALICE, BOB].map(|who| world.sessions[who].ended()), [Some(Cause::NoPath); 2]);
    world.ends();
}

#[test]
fn a_new_network_is_found_by_one_restart_of_ice() {
    let mut world = talking(LocalMedia::voice());
    world.lose_addresses();
    world.run(ms(500));
    assert!(!world.sessions[ALICE].connected() && !world.sessions[BOB].connected());
    world.run(ms(3000));
    assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
    assert_eq!(restarts(&world), 1);
    let reconnecting = world.sessions[BOB].shown.iter().filter(|(_, change)| *change == Change::Reconnecting).count();
    assert_eq!(reconnecting, 1);
    world.ends();
}

#[test]
fn both_notice_the_new_network_at_once_and_still_find_each_other() {
    let mut world = talking(LocalMedia::voice());
    world.lose_addresses();
    for who in [ALICE, BOB] {
        let outputs = world.sessions[who].calls.network_changed(world.now);
        world.take(who, outputs);
    }
    world.run(ms(6000));
    assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
    world.ends();
}

#[test]
fn a_path_that_comes_back_by_itself_needs_nothing() {
    let mut world = talking(LocalMedia::voice());
    world.path = false;
    world.run(ms(1000));
    world.path = true;
    world.run(ms(1000));
    assert!(world.sessions[ALICE].connected());
    assert_eq!(restarts(&world), 0);
    world.ends();
}

#[test]
fn a_path_that_stays_away_ends_the_call_as_a_lost_connection() {
    let mut world = talking(LocalMedia::voice());
    world.path = false;
    world.run(RECONNECT_PATIENCE + ms(2000));
    assert_eq!([ALICE, BOB].map(|who| world.sessions[who].ended()), [Some(Cause::ConnectionLost); 2]);
    let reasons: Vec<_> =
        world.sessions.iter().flat_map(|s| s.sent_of("m.call.hangup")).map(|c| &c["reason"]).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| **reason == "ice_timeout"));
    world.ends();
}

#[test]
fn an_invite_that_cannot_be_sent_ends_the_call_truly_named() {
    let mut world = World::two();
    let key = world.place(ALICE, LocalMedia::voice());
    world.network.loss = 1.0;
    world.run(ms(1000));
    let outputs = world.sessions[ALICE].calls.not_sent(&key, SignalKind::Invite, world.now);
    world.take(ALICE, outputs);
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::NotSent));
    world.ends();
}

#[test]
fn an_answer_that_cannot_be_sent_ends_the_call_truly_named() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.network.loss = 1.0;
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.run(ms(1000));
    let key = world.call_of(BOB);
    let outputs = world.sessions[BOB].calls.not_sent(&key, SignalKind::Other, world.now);
    assert!(outputs.is_empty());
    let outputs = world.sessions[BOB].calls.not_sent(&key, SignalKind::Answer, world.now);
    world.take(BOB, outputs);
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::NotSent));
    world.ends();
}

/// Two hundred calls over late, doubled and reordered events: all connect, hold and end.
#[test]
fn calls_work_when_events_come_late_doubled_and_in_any_order() {
    for seed in 0..200 {
        let mut world = World::two().seeded(seed);
        world.network = Network { delay: ms(200), jitter: ms(1500), loss: 0.0, doubling: 0.3 };
        world.place(ALICE, LocalMedia::voice());
        world.run(ms(3500));
        world.person(BOB, Person::Accept(LocalMedia::voice()));
        world.run(ms(8000));
        assert!(world.sessions[ALICE].connected() && world.sessions[BOB].connected(), "seed {seed}");
        world.person(ALICE, Person::Camera(true));
        world.person(BOB, Person::Hold(true));
        world.run(ms(20_000));
        let held = world.sessions[ALICE].shown.iter().any(|(_, change)| *change == Change::HeldByThem(true));
        assert!(held, "seed {seed}: {:?}", world.sessions[ALICE].changes());
        world.person(ALICE, Person::HangUp);
        world.run(ms(3000));
        assert!(world.sessions[BOB].ended().is_some());
        world.ends();
    }
}

/// A room loses nothing, but a failing homeserver may: every call still ends, and most connect.
#[test]
fn calls_end_when_events_are_lost() {
    for loss in [0.05, 0.2] {
        let mut connected = 0;
        for seed in 0..100 {
            let mut world = World::two().seeded(seed);
            world.network = Network { delay: ms(200), jitter: ms(300), loss, doubling: 0.1 };
            world.place(ALICE, LocalMedia::voice());
            world.run(ms(3000));
            if world.sessions[BOB].rang() {
                world.person(BOB, Person::Accept(LocalMedia::voice()));
            }
            world.run(ms(5000));
            connected += usize::from(world.sessions[ALICE].connected() && world.sessions[BOB].connected());
            world.run(Duration::from_secs(200));
            world.ends();
        }
        assert!(connected > if loss > 0.1 { 50 } else { 80 }, "{connected} of 100 at {loss}");
    }
}
