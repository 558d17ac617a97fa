//! Histories of calls, and the one line that each becomes.

use matrix_sdk::deserialized_responses::TimelineEvent;
use ruma::{device_id, events::AnySyncTimelineEvent, serde::Raw, user_id};
use serde_json::{Value, json};

use super::{CallsOfRoom, invited, membership};
use crate::view::{CallOutcome, StateChange};

const ANN: &str = "@ann:one.example";
const BOB: &str = "@bob:two.example";

fn raw(value: &Value) -> Raw<AnySyncTimelineEvent> {
    Raw::from_json_string(value.to_string()).unwrap()
}

fn event(kind: &str, sender: &str, at: u64, content: Value) -> Value {
    let id = format!("${kind}{sender}{at}");
    json!({ "type": kind, "sender": sender, "event_id": id, "origin_server_ts": at, "content": content })
}

/// An event of the call "1" of party `sender`; content beyond that is `more`.
fn said(kind: &str, sender: &str, at: u64, more: Value) -> Value {
    let mut content = json!({ "call_id": "1", "party_id": sender, "version": "1" });
    for (key, value) in more.as_object().unwrap() {
        content[key] = value.clone();
    }
    event(kind, sender, at, content)
}

/// Ann calls at 1000, and this happens; Bob looks.
fn outcome(events: &[Value]) -> CallOutcome {
    let invite =
        said("m.call.invite", ANN, 1000, json!({ "lifetime": 90_000, "offer": { "sdp": "v=0\r\nm=audio 9" } }));
    let mut calls = CallsOfRoom::new(user_id!("@bob:two.example").to_owned(), device_id!("HERE").to_owned());
    let all: Vec<TimelineEvent> =
        events.iter().chain([&invite]).map(|event| TimelineEvent::from_plaintext(raw(event))).collect();
    assert!(calls.learn(all.iter().rev()));
    assert!(!calls.learn(&all), "the same events are nothing new");
    let invited = invited(&raw(&invite)).unwrap();
    assert!(!invited.video);
    calls.outcome(&invited, user_id!("@ann:one.example"), 1000)
}

#[test]
fn what_nobody_answered_is_missed_once_it_is_over() {
    assert_eq!(outcome(&[]), CallOutcome::Ringing { until: 91_000 });
    for reason in [json!({}), json!({ "reason": "invite_timeout" }), json!({ "reason": "user_hangup" })] {
        assert_eq!(outcome(&[said("m.call.hangup", ANN, 5000, reason)]), CallOutcome::Missed);
    }
}

#[test]
fn declining_being_busy_and_failing_are_told_apart() {
    assert_eq!(outcome(&[said("m.call.reject", BOB, 5000, json!({}))]), CallOutcome::Declined);
    // Old apps hang up instead.
    assert_eq!(outcome(&[said("m.call.hangup", BOB, 5000, json!({}))]), CallOutcome::Declined);
    let busy = said("m.call.hangup", BOB, 5000, json!({ "reason": "user_busy" }));
    assert_eq!(outcome(&[busy, said("m.call.reject", BOB, 5001, json!({}))]), CallOutcome::Busy);
    let failed = said("m.call.hangup", ANN, 5000, json!({ "reason": "user_media_failed" }));
    assert_eq!(outcome(&[failed]), CallOutcome::Failed);
    // The caller cannot decline their own call.
    assert!(matches!(outcome(&[said("m.call.reject", ANN, 5000, json!({}))]), CallOutcome::Ringing { .. }));
}

#[test]
fn a_talk_has_a_length_and_a_place() {
    let mut answer = said("m.call.answer", BOB, 11_000, json!({}));
    let end = said("m.call.hangup", ANN, 71_000, json!({ "reason": "user_hangup" }));
    assert_eq!(outcome(&[answer.clone()]), CallOutcome::Answered { elsewhere: true });
    answer["unsigned"] = json!({ "transaction_id": "t" });
    assert_eq!(outcome(&[answer.clone()]), CallOutcome::Answered { elsewhere: false });
    let talked = CallOutcome::Talked { duration: 60_000, elsewhere: false };
    assert_eq!(outcome(&[answer.clone(), end.clone()]), talked);
    // Another phone of Bob's stops ringing, before and after.
    let other = |at| said("m.call.hangup", BOB, at, json!({ "party_id": "other" }));
    assert_eq!(outcome(&[answer.clone(), other(11_500), end.clone()]), talked);
    // The connection never came about, or was lost after a minute.
    let lost = |at| said("m.call.hangup", ANN, at, json!({ "reason": "ice_failed" }));
    assert_eq!(outcome(&[answer.clone(), lost(30_000)]), CallOutcome::Failed);
    assert_eq!(outcome(&[answer.clone(), lost(71_000)]), talked);
    // Clocks of two servers differ.
    let early = said("m.call.hangup", ANN, 10_000, json!({}));
    assert_eq!(outcome(&[answer, early]), CallOutcome::Talked { duration: 0, elsewhere: false });
}

#[test]
fn of_two_answers_the_one_counts_that_was_taken() {
    let here = json!({ "transaction_id": "t" });
    let mut first = said("m.call.answer", BOB, 11_000, json!({ "party_id": "first" }));
    first["unsigned"] = here;
    let second = said("m.call.answer", BOB, 12_000, json!({ "party_id": "second" }));
    let taken = said("m.call.select_answer", ANN, 12_500, json!({ "selected_party_id": "second" }));
    let gives_up = said("m.call.hangup", BOB, 13_000, json!({ "party_id": "first" }));
    let end = said("m.call.hangup", BOB, 22_000, json!({ "party_id": "second" }));
    assert_eq!(
        outcome(&[first, second, taken, gives_up, end]),
        CallOutcome::Talked { duration: 10_000, elsewhere: true }
    );
}

#[test]
fn of_two_calls_that_cross_the_one_is_no_missed_call() {
    let other = |kind: &str, sender: &str, at| {
        event(kind, sender, at, json!({ "call_id": "2", "party_id": sender, "version": "1" }))
    };
    let end = said("m.call.hangup", ANN, 3000, json!({}));
    let events = [end, other("m.call.invite", BOB, 1500), other("m.call.answer", ANN, 2500)];
    assert_eq!(outcome(&events), CallOutcome::Crossed);
    assert_eq!(outcome(&events[..2]), CallOutcome::Missed);
}

#[test]
fn strangers_words_neither_count_nor_pile_up() {
    let mut calls = CallsOfRoom::new(user_id!("@bob:two.example").to_owned(), device_id!("HERE").to_owned());
    for content in [
        json!({}),
        json!({ "call_id": 7 }),
        json!({ "call_id": "x".repeat(300) }),
        json!({ "call_id": "1", "party_id": "x".repeat(300) }),
        json!({ "call_id": "1", "reason": {} }),
        json!("no object"),
    ] {
        let event = TimelineEvent::from_plaintext(raw(&event("m.call.hangup", ANN, 1, content.clone())));
        assert!(!calls.learn([&event]), "{content}");
    }
    for at in 0..5000 {
        let event = said(
            "m.call.hangup",
            ANN,
            at,
            json!({ "call_id": if at % 2 == 0 { "1".to_owned() } else { at.to_string() } }),
        );
        calls.learn([&TimelineEvent::from_plaintext(raw(&event))]);
    }
    assert_eq!(calls.known.len(), super::MOST_CALLS);
    assert!(calls.known.iter().all(|(_, said)| said.len() <= super::MOST_OF_ONE));
    assert!(invited(&raw(&said("m.call.invite", ANN, 1, json!({ "lifetime": -5 })))).is_none());
    let endless = invited(&raw(&said("m.call.invite", ANN, 1, json!({ "lifetime": u64::MAX }))));
    assert_eq!(endless.unwrap().lifetime, super::LONGEST_LIFETIME);
}

#[test]
fn memberships_of_other_calls_are_comings_and_goings() {
    let of = |content: Value| {
        let event = raw(&event("org.matrix.msc3401.call.member", ANN, 1, content));
        membership("org.matrix.msc3401.call.member", Some(&event))
    };
    assert_eq!(of(json!({ "application": "m.call", "call_id": "" })), Some(StateChange::CalledElsewhere));
    assert_eq!(of(json!({ "memberships": [{}] })), Some(StateChange::CalledElsewhere));
    assert_eq!(of(json!({ "memberships": [] })), Some(StateChange::LeftCallElsewhere));
    assert_eq!(of(json!({})), Some(StateChange::LeftCallElsewhere));
    assert_eq!(membership("m.room.name", None), None);
}
