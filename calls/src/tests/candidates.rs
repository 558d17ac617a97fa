//! Candidates: few events, an end, and any order of arrival.

use serde_json::{Value, json};

use super::{
    answering::talking,
    world::{ALICE, BOB, World, ms},
};
use crate::{
    call::Person,
    engine::{Command, LocalMedia},
    limits::CANDIDATES,
};

fn texts(content: &Value) -> Vec<String> {
    let list = content["candidates"].as_array().unwrap();
    list.iter().map(|candidate| candidate["candidate"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_found_at_once_is_in_the_invite_and_the_rest_in_one_event_with_the_end() {
    let mut world = World::two();
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(10_000));
    let alice = &world.sessions[ALICE];
    assert_eq!(alice.sent_types(), ["invite", "candidates"]);
    let sdp = alice.sent_of("m.call.invite")[0]["offer"]["sdp"].as_str().unwrap();
    assert_eq!(sdp.matches("a=candidate:").count(), 1);
    let texts = texts(alice.sent_of("m.call.candidates")[0]);
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[2], "");
    world.ends();
}

#[test]
fn slow_candidates_are_batched_and_the_end_ends_the_waiting() {
    let mut world = World::two();
    world.sessions[ALICE].traits.candidates_after = vec![ms(500), ms(900), ms(2500), ms(2600), ms(2700)];
    world.sessions[ALICE].traits.gathered_after = Some(ms(2800));
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(10_000));
    let events: Vec<usize> =
        world.sessions[ALICE].sent_of("m.call.candidates").iter().map(|c| texts(c).len()).collect();
    assert_eq!(events, [2, 4]);
    world.ends();
}

#[test]
fn when_gathering_is_done_at_once_the_invite_has_all_and_the_end_follows() {
    let mut world = World::two();
    world.sessions[ALICE].traits.candidates_after = vec![ms(5), ms(6)];
    world.sessions[ALICE].traits.gathered_after = Some(ms(10));
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(100));
    let alice = &world.sessions[ALICE];
    assert_eq!(alice.sent_types(), ["invite", "candidates"]);
    assert!(alice.sent_of("m.call.invite")[0]["offer"]["sdp"].as_str().unwrap().contains("a=end-of-candidates"));
    assert_eq!(texts(alice.sent_of("m.call.candidates")[0]), [""]);
    world.ends();
}

#[test]
fn candidates_that_come_before_the_person_accepts_are_kept_for_the_engine() {
    let mut world = World::two();
    world.sessions[ALICE].traits.candidates_after = vec![ms(300), ms(400)];
    world.place(ALICE, LocalMedia::voice());
    world.run(ms(5000));
    world.person(BOB, Person::Accept(LocalMedia::voice()));
    let commands = &world.sessions[BOB].engines.values().next().unwrap().commands;
    let [Command::Open { .. }, Command::SetRemote { .. }, Command::AddCandidates(kept), Command::CreateAnswer { .. }] =
        commands.as_slice()
    else {
        panic!("{commands:?}")
    };
    assert_eq!(kept.len(), 3);
    world.ends();
}

#[test]
fn candidates_that_overtake_the_answer_are_kept_for_its_party_alone() {
    let mut world = World::two();
    let key = world.place(ALICE, LocalMedia::voice());
    world.run(ms(2000));
    let candidates = |party: &str, name: &str| {
        json!({"call_id": key.call_id, "party_id": party, "version": "1",
            "candidates": [{"candidate": format!("candidate:{name}"), "sdpMid": "0"}]})
    };
    let bob = "@bob:example.org";
    for n in 0..20 {
        world.write(bob, "m.call.candidates", candidates("wrong", &format!("wrong{n}")));
    }
    world.write(bob, "m.call.candidates", candidates("right", "right"));
    world.write("@alice:example.org", "m.call.candidates", candidates("right", "own"));
    world.run(ms(100));
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:bob\r\n";
    let answer = json!({"type": "answer", "sdp": sdp});
    world.write(
        bob,
        "m.call.answer",
        json!({"call_id": key.call_id, "party_id": "right", "version": "1", "answer": answer}),
    );
    world.run(ms(100));
    let commands = &world.sessions[ALICE].engines.values().next().unwrap().commands;
    let added: Vec<&Command> = commands.iter().filter(|c| matches!(c, Command::AddCandidates(_))).collect();
    let [Command::AddCandidates(added)] = added.as_slice() else { panic!("{commands:?}") };
    assert_eq!(added.iter().map(|c| c.candidate.as_str()).collect::<Vec<_>>(), ["candidate:right"]);
    world.ends();
}

#[test]
fn ten_thousand_candidates_reach_the_engine_as_a_bounded_number() {
    let mut world = talking(LocalMedia::voice());
    let key = world.call_of(ALICE);
    let party = world.sessions[BOB].sent_of("m.call.answer")[0]["party_id"].clone();
    for event in 0..200 {
        let list: Vec<Value> =
            (0..50).map(|n| json!({"candidate": format!("candidate:{event}.{n}"), "sdpMid": "0"})).collect();
        let content = json!({"call_id": key.call_id, "party_id": party, "version": "1", "candidates": list});
        world.write("@bob:example.org", "m.call.candidates", content);
    }
    world.run(ms(1000));
    let engine = world.sessions[ALICE].engines.values().next().unwrap();
    assert!(engine.remote_candidates <= CANDIDATES + 3, "{}", engine.remote_candidates);
    assert!(world.sessions[ALICE].connected());
    world.ends();
}
