//! Whatever happens in whatever order: nothing panics, every call ends, every engine closes, every bound holds.

use std::time::Duration;

use proptest::{
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use super::world::{Network, World, ms};
use crate::{
    call::Person,
    change::Device,
    device::NoPicture,
    engine::{LocalMedia, Report},
    limits::CALLS,
    signal::{Candidate, DescriptionKind, SignalKind, Streams},
};

const USERS: &[&str] = &["@alice:example.org", "@bob:example.org", "@bob:example.org"];

/// What may happen to the three sessions and their room.
#[derive(Clone, Debug)]
enum Act {
    Place(usize, bool, bool),
    Person(usize, usize, Person),
    Report(usize, usize, Report),
    Write { user: usize, kind: &'static str, call: usize, party: usize, version: Value, sdp: &'static str, age: u64 },
    NotSent(usize, usize, SignalKind),
    Left(usize, usize, bool),
    NetworkChanged(usize),
    Path(bool),
    LoseAddresses,
    Offline(usize, bool),
    Wait(u64),
}

fn media() -> impl Strategy<Value = LocalMedia> {
    any::<[bool; 4]>().prop_map(|[microphone, camera, screen, on_hold]| LocalMedia {
        microphone,
        camera,
        screen,
        on_hold,
    })
}

fn person() -> impl Strategy<Value = Person> {
    prop_oneof![
        4 => media().prop_map(Person::Accept),
        1 => Just(Person::Decline),
        1 => Just(Person::SayBusy),
        1 => Just(Person::Dismiss),
        1 => Just(Person::HangUp),
        3 => any::<bool>().prop_map(Person::Hold),
        2 => any::<bool>().prop_map(Person::Mute),
        3 => any::<bool>().prop_map(Person::Camera),
        2 => any::<bool>().prop_map(Person::Share),
    ]
}

/// Reports that no well-behaved engine makes at that moment.
fn report() -> impl Strategy<Value = Report> {
    let device = select(&[Device::Microphone, Device::Speaker, Device::Camera, Device::Screen][..]);
    let kind = select(&[DescriptionKind::Offer, DescriptionKind::Answer][..]);
    let candidate = Candidate { candidate: "candidate:1".to_owned(), mid: None, line: Some(0) };
    prop_oneof![
        (0_u32..6, kind, select(SDPS)).prop_map(|(round, kind, sdp)| Report::Described {
            round,
            kind,
            sdp: sdp.to_owned(),
            streams: Streams::new()
        }),
        (1_u32..6).prop_map(|round| Report::DescriptionRefused { round }),
        Just(Report::Candidate(candidate)),
        Just(Report::GatheringDone),
        Just(Report::Connected),
        Just(Report::Disconnected),
        Just(Report::Failed),
        device.clone().prop_map(Report::DeviceFailed),
        device.clone().prop_map(Report::DeviceBack),
        (device, select(&[NoPicture::Busy, NoPicture::Cancelled][..]))
            .prop_map(|(device, why)| Report::NoPicture { device, why }),
        Just(Report::Broken),
    ]
}

const SDPS: &[&str] = &[
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:a\r\na=sendrecv\r\n",
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:b\r\na=sendonly\r\nm=video 9 x 96\r\na=inactive\r\n",
    "",
    "nonsense",
];

const KINDS: &[&str] = &[
    "m.call.invite",
    "m.call.invite",
    "m.call.answer",
    "m.call.candidates",
    "m.call.select_answer",
    "m.call.reject",
    "m.call.hangup",
    "m.call.negotiate",
    "m.call.sdp_stream_metadata_changed",
    "m.rtc.notification",
];

fn act() -> impl Strategy<Value = Act> {
    let version = select(vec![json!(0), json!("0"), json!("1"), json!(7), Value::Null]);
    let write = (0..4_usize, select(KINDS), 0..6_usize, 0..6_usize, version, select(SDPS), 0..70_u64).prop_map(
        |(user, kind, call, party, version, sdp, age)| Act::Write { user, kind, call, party, version, sdp, age },
    );
    let kind = select(&[SignalKind::Invite, SignalKind::Answer, SignalKind::Negotiate, SignalKind::Other][..]);
    prop_oneof![
        4 => (0..3_usize, any::<bool>(), any::<bool>()).prop_map(|(who, video, open)| Act::Place(who, video, open)),
        10 => (0..3_usize, 0..3_usize, person()).prop_map(|(who, call, person)| Act::Person(who, call, person)),
        3 => (0..3_usize, 0..3_usize, report()).prop_map(|(who, call, report)| Act::Report(who, call, report)),
        8 => write,
        1 => (0..3_usize, 0..3_usize, kind).prop_map(|(who, call, kind)| Act::NotSent(who, call, kind)),
        1 => (0..3_usize, 0..3_usize, any::<bool>()).prop_map(|(who, user, alone)| Act::Left(who, user, alone)),
        1 => (0..3_usize).prop_map(Act::NetworkChanged),
        1 => any::<bool>().prop_map(Act::Path),
        1 => Just(Act::LoseAddresses),
        1 => (0..3_usize, any::<bool>()).prop_map(|(who, offline)| Act::Offline(who, offline)),
        12 => select(vec![1_u64, 30, 50, 250, 1000, 3000, 40_000]).prop_map(Act::Wait),
    ]
}

fn happens(world: &mut World, act: Act, loose: bool) {
    let keys = |world: &World, who: usize| -> Vec<_> {
        world.sessions[who].calls.iter().map(|(key, _)| key.clone()).collect()
    };
    let nth = |world: &World, who: usize, call: usize| {
        let keys = keys(world, who);
        keys.get(call % keys.len().max(1)).cloned()
    };
    match act {
        Act::Place(who, video, open) => {
            let media = if video { LocalMedia::video() } else { LocalMedia::voice() };
            let other = world.sessions[usize::from(who == 0)].user.clone();
            let _ = world.try_place(who, (!open).then_some(other), media);
        }
        Act::Person(who, call, person) => {
            if let Some(key) = nth(world, who, call) {
                world.person_in(who, &key, person);
            }
        }
        Act::Report(who, call, report) => {
            if let Some(key) = nth(world, who, call).filter(|_| loose) {
                let outputs = world.sessions[who].calls.engine(&key, report, world.now);
                world.take(who, outputs);
            }
        }
        Act::Write { user, kind, call, party, version, sdp, age } => {
            let live = (0..3).flat_map(|who| keys(world, who)).map(|key| key.call_id.to_string()).nth(call);
            let user = USERS.get(user).copied().unwrap_or("@eve:example.org");
            let party = format!("s{}n{}", party % 3, party);
            let content = json!({"call_id": live.unwrap_or_else(|| format!("x{call}")), "party_id": party, "version": version,
                "lifetime": 60_000, "offer": {"type": "offer", "sdp": sdp}, "answer": {"type": "answer", "sdp": sdp},
                "description": {"type": if age % 2 == 0 { "offer" } else { "answer" }, "sdp": sdp}, "selected_party_id": party,
                "candidates": [{"candidate": "candidate:1", "sdpMid": "0"}, {"candidate": ""}],
                "sdp_stream_metadata": {"s": {"purpose": "m.usermedia", "audio_muted": age % 3 == 0}}});
            world.write_aged(user, kind, content, Duration::from_secs(age));
        }
        Act::NotSent(who, call, kind) => {
            if let Some(key) = nth(world, who, call) {
                let outputs = world.sessions[who].calls.not_sent(&key, kind, world.now);
                world.take(who, outputs);
            }
        }
        Act::Left(who, user, alone) => {
            let user = world.sessions[user].user.clone();
            let outputs = world.sessions[who].calls.left(&super::world::room(), &user, alone, world.now);
            world.take(who, outputs);
        }
        Act::NetworkChanged(who) => {
            let outputs = world.sessions[who].calls.network_changed(world.now);
            world.take(who, outputs);
        }
        Act::Path(path) => world.path = path,
        Act::LoseAddresses => world.lose_addresses(),
        Act::Offline(who, offline) => world.sessions[who].offline = offline,
        Act::Wait(millis) => world.run(ms(millis)),
    }
    for session in &world.sessions {
        assert!(session.calls.iter().count() <= CALLS);
        for (key, call) in session.calls.iter() {
            assert!(!call.is_over(), "a call that is over is kept");
            let waits = call.is_connected() || call.next_deadline().is_some();
            assert!(waits, "{key:?} waits for ever");
            assert!(!call.is_active() || session.engines[key].open, "a call without its engine");
        }
    }
}

fn network() -> impl Strategy<Value = Network> {
    (0..300_u64, 0..2000_u64, 0..3_u8, 0..3_u8).prop_map(|(delay, jitter, loss, doubling)| Network {
        delay: ms(delay),
        jitter: ms(jitter),
        loss: f64::from(loss) * 0.1,
        doubling: f64::from(doubling) * 0.2,
    })
}

/// Ordinary runs are all alike; only who asks for more histories, by `PROPTEST_CASES`, gets new ones.
fn histories(loose: bool) {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config =
        ProptestConfig { cases: wanted.unwrap_or(256), failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = match wanted {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let history = (proptest::collection::vec(act(), 1..80), network(), any::<u64>());
    let outcome = runner.run(&history, |(acts, network, seed)| {
        let mut world = World::of(USERS).seeded(seed);
        world.network = network;
        for act in acts {
            happens(&mut world, act, loose);
        }
        world.ends();
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn no_history_panics_or_leaves_a_call_or_an_engine_behind() {
    histories(false);
}

#[test]
fn nor_does_one_in_which_engines_report_nonsense() {
    histories(true);
}
