//! Microphones, cameras and speakers that fail, vanish and come back.

use super::{
    answering::talking,
    world::{ALICE, BOB, World, ms},
};
use crate::{
    call::Person,
    change::{Cause, Change, Device, Side},
    device::NoPicture,
    engine::{LocalMedia, Report},
};

#[test]
fn without_a_microphone_there_is_no_call_and_both_know_why() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.report(ALICE, Report::DeviceFailed(Device::Microphone));
    world.run(ms(2000));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Microphone { of: Side::Us }));
    assert!(world.sessions[ALICE].sent.is_empty());

    world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    world.report(BOB, Report::DeviceFailed(Device::Microphone));
    world.run(ms(500));
    assert_eq!(world.sessions[BOB].ended(), Some(Cause::Microphone { of: Side::Us }));
    assert_eq!(world.sessions[ALICE].ended(), Some(Cause::Microphone { of: Side::Them }));
    world.ends();
}

#[test]
fn a_microphone_that_vanishes_in_a_call_is_muted_until_it_is_back() {
    let mut world = talking(LocalMedia::voice());
    world.report(ALICE, Report::DeviceFailed(Device::Microphone));
    world.run(ms(500));
    world.report(ALICE, Report::DeviceBack(Device::Microphone));
    world.run(ms(500));
    let muted: Vec<bool> = world.sessions[BOB]
        .shown
        .iter()
        .filter_map(|(_, change)| match change {
            Change::Theirs(streams) => streams.values().next().map(|stream| stream.audio_muted),
            _ => None,
        })
        .collect();
    assert_eq!(muted, [false, true, false]);
    assert!(world.sessions[ALICE].connected());
    world.ends();
}

#[test]
fn a_camera_that_fails_leaves_a_voice_call() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::video());
    world.report(ALICE, Report::NoPicture { device: Device::Camera, why: NoPicture::Busy });
    world.run(ms(2000));
    world.person(BOB, Person::Accept(LocalMedia::video()));
    world.run(ms(2000));
    world.report(BOB, Report::NoPicture { device: Device::Camera, why: NoPicture::Busy });
    world.report(BOB, Report::DeviceFailed(Device::Speaker));
    world.run(ms(500));
    for who in [ALICE, BOB] {
        let key = world.call_of(who);
        assert!(!world.sessions[who].calls.get(&key).unwrap().media().camera && world.sessions[who].connected());
        assert!(world.sessions[who].changes().contains(&&Change::NoPicture(Device::Camera, NoPicture::Busy)));
    }
    assert!(world.sessions[BOB].changes().contains(&&Change::DeviceLost(Device::Speaker)));
    world.ends();
}
