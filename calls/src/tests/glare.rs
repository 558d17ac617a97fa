//! Both call at once.

use super::world::{ALICE, BOB, World, ms, room};
use crate::{
    call::Person,
    calls::NotPlaced,
    change::{Cause, Change},
    engine::{Command, LocalMedia},
};

fn both_end_up_in_one_call(world: World, winner: &str) {
    for session in &world.sessions {
        assert!(session.connected(), "{:?}", session.changes());
        let (key, _) = session.calls.iter().next().unwrap();
        assert_eq!((session.calls.iter().count(), key.call_id.as_str()), (1, winner));
        assert!(!session.rang());
    }
    world.ends();
}

#[test]
fn two_invites_cross_and_the_lesser_call_id_wins() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.place(BOB, LocalMedia::video());
    world.run(ms(4000));
    assert_eq!(world.sessions[ALICE].sent_of("m.call.invite").len(), 1);
    assert_eq!(world.sessions[BOB].sent_of("m.call.invite").len(), 1);
    let bob = &world.sessions[BOB];
    assert_eq!(bob.ended(), Some(Cause::Glare));
    assert!(bob.shown.iter().any(|(_, change)| *change == Change::ContinuedAs("s0n1".into())));
    both_end_up_in_one_call(world, "s0n1");
}

#[test]
fn the_devices_of_the_lost_call_move_into_the_other() {
    let mut world = World::two();
    world.place(BOB, LocalMedia::video());
    world.run(ms(20));
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(4000));
    let engines = &world.sessions[BOB].engines;
    let opened = engines.values().find_map(|engine| match &engine.commands[0] {
        Command::Open { media, instead_of: Some(old) } => Some((*media, old.to_string())),
        _ => None,
    });
    assert_eq!(opened, Some((LocalMedia::video(), "s1n1".to_owned())));
    both_end_up_in_one_call(world, "s0n1");
}

#[test]
fn who_is_still_preparing_answers_the_invite_that_comes_whatever_the_ids() {
    let mut world = World::two();
    world.sessions[ALICE].traits.describes_after = ms(3000);
    world.place(BOB, LocalMedia::voice());
    world.run(ms(200));
    world.place(ALICE, LocalMedia::voice());
    world.sessions[ALICE].traits.describes_after = ms(30);
    world.run(ms(5000));
    assert!(world.sessions[ALICE].sent_of("m.call.invite").is_empty());
    both_end_up_in_one_call(world, "s1n1");
}

#[test]
fn glare_holds_when_events_are_late_and_out_of_order() {
    for seed in 0..40 {
        let mut world = World::two().seeded(seed);
        world.network.jitter = ms(700);
        world.network.doubling = 0.3;
        world.place(ALICE, LocalMedia::voice());
        world.run(ms(seed * 5));
        world.place(BOB, LocalMedia::voice());
        world.run(ms(9000));
        let ids: Vec<String> = world
            .sessions
            .iter()
            .map(|session| {
                assert!(session.connected(), "seed {seed}: {:?}", session.changes());
                session.calls.iter().next().unwrap().0.call_id.to_string()
            })
            .collect();
        assert_eq!(ids[0], ids[1]);
        world.ends();
    }
}

#[test]
fn after_glare_the_one_that_gave_way_is_the_polite_one() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.place(BOB, LocalMedia::voice());
    world.run(ms(4000));
    world.person(ALICE, Person::Camera(true));
    world.person(BOB, Person::Hold(true));
    world.run(ms(2000));
    let rolled_back =
        |who: usize| world.sessions[who].engines.values().any(|engine| engine.commands.contains(&Command::Rollback));
    assert!(!rolled_back(ALICE) && rolled_back(BOB));
    both_end_up_in_one_call(world, "s0n1");
}

#[test]
fn a_room_has_one_call() {
    let mut world = World::two();
    let key = world.place(ALICE, LocalMedia::voice());
    assert_eq!(world.try_place(ALICE, None, LocalMedia::voice()), Err(NotPlaced::InThisRoom(key.clone())));
    assert_eq!(key.room, room());
    world.run(ms(1000));
    assert!(matches!(world.try_place(BOB, None, LocalMedia::voice()), Err(NotPlaced::InThisRoom(_))));
    world.ends();
}
