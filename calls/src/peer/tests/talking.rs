//! What is said and shown on one side arrives on the other.

use super::{lossy::Lossy, people::Two};
use crate::{
    call::Person,
    change::{Cause, Change, Device, Side},
    device::{Devices as _, NoPicture},
    engine::LocalMedia,
};

/// Until this many more loud stretches of 20 milliseconds came out of a speaker.
async fn heard(two: &mut Two, who: usize, more: u64) {
    let before = two.people[who].devices.heard().loud;
    two.until("a tone is heard", |two| two.people[who].devices.heard().loud >= before + more).await;
}

async fn quiet(two: &mut Two, who: usize) {
    two.until("it is quiet", |two| {
        let heard = two.people[who].devices.heard();
        heard.energy < 1e-4
    })
    .await;
}

async fn seen(two: &mut Two, who: usize, more: u64) {
    let before = two.people[who].seen.theirs();
    two.until("pictures are seen", |two| two.people[who].seen.theirs() >= before + more).await;
}

/// Alice hangs up: both know, and no device stays open.
async fn ends(mut two: Two) {
    two.person(0, Person::HangUp);
    two.until("the call is over on both sides", |two| {
        two.people[0].was_shown(&Change::Ended(Cause::HungUp { by: Side::Us }))
            && two.people[1].was_shown(&Change::Ended(Cause::HungUp { by: Side::Them }))
    })
    .await;
    two.until("every device is closed", |two| two.people.iter().all(|person| person.devices.open() == 0)).await;
}

#[tokio::test]
async fn a_voice_call_carries_both_voices() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    heard(&mut two, 0, 50).await;
    heard(&mut two, 1, 50).await;
    let statistics = two.people[0].statistics().await;
    let pair = statistics.pair.clone().expect("a pair");
    assert!(["host", "prflx"].contains(&pair.local.as_str()) && ["host", "prflx"].contains(&pair.remote.as_str()));
    assert!(statistics.sent.energy > 0.5 && statistics.received.energy > 0.5, "{statistics:?}");
    assert!(statistics.heard.decoded > 40 && statistics.sent.packets > 40, "{statistics:?}");
    assert!(statistics.codecs.iter().any(|codec| codec.eq_ignore_ascii_case("audio/opus")), "{statistics:?}");
    assert_eq!((statistics.sent.frames, statistics.received.frames), (0, 0));
    ends(two).await;
}

/// What nobody can have, an address of another kind, costs nothing.
#[tokio::test]
async fn two_who_share_only_ipv6_talk_over_it() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        // A machine without IPv6 cannot show it.
        return;
    }
    let both = ["192.0.2.1:0", "127.0.0.1:0", "[::1]:0"];
    let mut two = Two::listening([&both, &["[::1]:0"]]).connect(LocalMedia::voice()).await;
    heard(&mut two, 0, 50).await;
    heard(&mut two, 1, 50).await;
    ends(two).await;
}

#[tokio::test]
async fn a_video_call_shows_each_the_other() {
    let mut two = Two::connected(LocalMedia::video()).await;
    seen(&mut two, 0, 30).await;
    seen(&mut two, 1, 30).await;
    heard(&mut two, 1, 20).await;
    assert!(two.people.iter().all(|person| person.seen.ours() > 30 && person.seen.luma() > 50.0));
    let statistics = two.people[1].statistics().await;
    assert_eq!((statistics.received.width, statistics.received.height), (320, 180));
    assert!(statistics.received.frames >= 30 && statistics.sent.key_frames >= 1, "{statistics:?}");
    ends(two).await;
}

#[tokio::test]
async fn who_mutes_is_not_heard_until_they_speak_again() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    heard(&mut two, 1, 20).await;
    two.person(0, Person::Mute(true));
    quiet(&mut two, 1).await;
    heard(&mut two, 0, 20).await;
    two.person(0, Person::Mute(false));
    heard(&mut two, 1, 20).await;
    ends(two).await;
}

#[tokio::test]
async fn on_hold_neither_is_heard() {
    let mut two = Two::connected(LocalMedia::video()).await;
    heard(&mut two, 0, 20).await;
    two.person(0, Person::Hold(true));
    two.until("the other side knows", |two| two.people[1].was_shown(&Change::HeldByThem(true))).await;
    quiet(&mut two, 0).await;
    quiet(&mut two, 1).await;
    two.person(0, Person::Hold(false));
    two.until("the other side knows", |two| two.people[1].was_shown(&Change::HeldByThem(false))).await;
    heard(&mut two, 0, 20).await;
    heard(&mut two, 1, 20).await;
    seen(&mut two, 1, 10).await;
    ends(two).await;
}

#[tokio::test]
async fn both_hold_and_both_come_back() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    for on in [true, false] {
        for who in [0, 1] {
            two.person(who, Person::Hold(on));
            two.until("the other side knows", |two| two.people[1 - who].was_shown(&Change::HeldByThem(on))).await;
        }
    }
    heard(&mut two, 0, 20).await;
    heard(&mut two, 1, 20).await;
    ends(two).await;
}

#[tokio::test]
async fn video_is_added_to_a_voice_call_and_a_screen_beside_it() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    heard(&mut two, 1, 10).await;
    two.person(0, Person::Camera(true));
    seen(&mut two, 1, 10).await;
    two.person(1, Person::Camera(true));
    seen(&mut two, 0, 10).await;
    two.person(0, Person::Share(true));
    two.until("a second stream is seen", |two| two.people[1].seen.streams() == 2).await;
    seen(&mut two, 1, 10).await;
    two.person(0, Person::Share(false));
    two.person(0, Person::Camera(false));
    seen(&mut two, 0, 10).await;
    ends(two).await;
}

#[tokio::test]
async fn a_restart_of_ice_leaves_the_call_standing() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    heard(&mut two, 1, 10).await;
    for who in [0, 1] {
        two.network_changed(who);
        heard(&mut two, 0, 100).await;
        heard(&mut two, 1, 100).await;
    }
    assert!(two.people.iter().all(|person| !person.shown.contains(&Change::NegotiationFailed)));
    ends(two).await;
}

#[tokio::test]
async fn two_who_call_each_other_at_once_talk_with_the_devices_of_the_lost_call() {
    let mut two = Two::new();
    two.place_by(0, LocalMedia::video());
    two.place_by(1, LocalMedia::video());
    two.until("both are connected", |two| two.people.iter().all(super::people::Someone::is_connected)).await;
    heard(&mut two, 0, 20).await;
    heard(&mut two, 1, 20).await;
    seen(&mut two, 0, 10).await;
    seen(&mut two, 1, 10).await;
    // Of each: microphone, camera, speaker.
    two.until("no device is open twice", |two| two.people.iter().all(|person| person.devices.open() == 3)).await;
    for person in &two.people {
        assert!(!person.shown.iter().any(|change| matches!(change, Change::DeviceLost(_))), "{:?}", person.shown);
    }
    ends(two).await;
}

#[tokio::test]
async fn two_who_offer_at_once_both_get_what_they_wish() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    heard(&mut two, 1, 10).await;
    two.person(0, Person::Camera(true));
    two.person(1, Person::Camera(true));
    seen(&mut two, 0, 10).await;
    seen(&mut two, 1, 10).await;
    heard(&mut two, 0, 10).await;
    ends(two).await;
}

#[tokio::test]
async fn a_window_that_lost_its_place_gets_a_key_frame() {
    let mut two = Two::connected(LocalMedia::video()).await;
    seen(&mut two, 1, 10).await;
    let before = two.people[0].statistics().await.sent.key_frames;
    let key = two.people[1].key.clone().unwrap();
    two.people[1].engine.refresh(&key);
    seen(&mut two, 1, 30).await;
    let after = two.people[0].statistics().await.sent;
    assert!(after.key_frames > before && after.key_frame_requests > 0, "{after:?}");
    ends(two).await;
}

#[tokio::test]
async fn what_is_lost_on_the_way_is_sent_again_or_repaired() {
    let mut two = Two::connected_over(0.05, LocalMedia::video()).await;
    heard(&mut two, 0, 250).await;
    seen(&mut two, 1, 100).await;
    let lost = two.lossy.as_ref().unwrap().lost.load(std::sync::atomic::Ordering::Relaxed);
    let (alice, bob) = (two.people[0].statistics().await, two.people[1].statistics().await);
    assert!(lost > 20, "{lost}");
    assert!(alice.heard.recovered > 0, "{alice:?}");
    // At 5 in 100 hardly any stretch of sound is missing, and pictures do not stop for long.
    assert!(alice.heard.concealed * 10 < alice.heard.decoded, "{alice:?}");
    assert!(bob.received.frames * 10 > alice.sent.frames * 7, "{} of {}", bob.received.frames, alice.sent.frames);
    ends(two).await;
}

#[tokio::test]
async fn noise_on_the_way_and_packets_cut_changed_and_repeated_harm_nobody() {
    let mut two = Two::connected_through(Lossy::noisy().await, LocalMedia::video()).await;
    for who in [0, 1] {
        heard(&mut two, who, 50).await;
        seen(&mut two, who, 30).await;
    }
    let statistics = two.people[1].statistics().await;
    let heard = statistics.heard;
    // What was doubled or changed never got as far as the sound.
    assert!(heard.useless * 20 < heard.decoded && heard.concealed * 10 < heard.decoded, "{statistics:?}");
    ends(two).await;
}

#[tokio::test]
async fn devices_that_vanish_are_missed_and_taken_again_when_they_are_back() {
    let mut two = Two::connected(LocalMedia::video()).await;
    seen(&mut two, 1, 10).await;
    two.people[0].devices.set_broken(true);
    let changed = |two: &Two, change: fn(Device) -> Change, devices: &[Device]| {
        devices.iter().all(|device| two.people[0].was_shown(&change(*device)))
    };
    let all = [Device::Microphone, Device::Speaker];
    two.until("each is missed", |two| changed(two, Change::DeviceLost, &all)).await;
    let blind = Change::NoPicture(Device::Camera, NoPicture::Vanished);
    two.until("the camera is missed", |two| two.people[0].was_shown(&blind)).await;
    two.until("none stays open", |two| two.people[0].devices.open() == 0).await;
    two.people[0].devices.set_broken(false);
    two.until("sound is back", |two| changed(two, Change::DeviceBack, &all)).await;
    heard(&mut two, 0, 20).await;
    heard(&mut two, 1, 20).await;
    two.person(0, Person::Camera(true));
    seen(&mut two, 1, 10).await;
    ends(two).await;
}

#[tokio::test]
async fn a_camera_is_seen_again_however_often_it_was_off() {
    let mut two = Two::connected(LocalMedia::video()).await;
    seen(&mut two, 1, 10).await;
    for _ in 0..4 {
        two.person(0, Person::Camera(false));
        two.until("the camera is closed", |two| two.people[0].devices.open() == 2).await;
        two.person(0, Person::Camera(true));
        seen(&mut two, 1, 10).await;
    }
    ends(two).await;
}

#[tokio::test]
async fn another_camera_is_chosen_while_one_is_on() {
    let mut two = Two::connected(LocalMedia::video()).await;
    seen(&mut two, 1, 10).await;
    let open = two.people[0].devices.open();
    two.people[0].devices.choose_camera(Some("pretended:second".to_owned()));
    let key = two.people[0].key.clone().unwrap();
    two.people[0].engine.reopen_camera(&key);
    two.until("it films", |two| two.people[0].devices.filming().as_deref() == Some("pretended:second")).await;
    seen(&mut two, 1, 10).await;
    assert_eq!(two.people[0].devices.open(), open);
    ends(two).await;
}

#[tokio::test]
async fn a_screen_is_chosen_before_the_other_side_hears_of_it() {
    let mut two = Two::connected(LocalMedia::voice()).await;
    let screen = two.people[0].devices.screen().await.unwrap();
    // The dialog of the system is not shown again.
    two.people[0].devices.refuse_screens(Some(NoPicture::Cancelled));
    let key = two.people[0].key.clone().unwrap();
    two.people[0].engine.lend_screen(&key, screen);
    two.person(0, Person::Share(true));
    seen(&mut two, 1, 10).await;
    two.person(0, Person::Share(false));
    two.until("the screen is closed", |two| two.people[0].devices.open() == 2).await;
    ends(two).await;
}

#[tokio::test]
async fn without_a_microphone_there_is_no_call() {
    let mut two = Two::new();
    two.people[0].devices.set_broken(true);
    two.place(LocalMedia::voice());
    let cause = Change::Ended(Cause::Microphone { of: Side::Us });
    two.until("the cause is told", |two| two.people[0].was_shown(&cause)).await;
    two.until("nothing stays open", |two| two.people[0].devices.open() == 0).await;
}
