//! Events as other apps write them, good and bad, and our own on the way back.

use std::time::Duration;

use ruma::OwnedVoipId;
use serde_json::{Value, json};

use super::{CallEvents, Malformed, Reading, Signalling as _, to_json};
use crate::{
    limits::{ABSENT_LIFETIME, CANDIDATES_PER_EVENT, LONGEST_LIFETIME, STREAMS},
    signal::{
        Body, Candidate, Description, DescriptionKind, HangupReason, Invite, Purpose, Signal, Stream, Streams, Version,
    },
};

const SDP: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";

fn read(event_type: &str, content: &Value) -> Reading {
    CallEvents.read(event_type, content)
}

fn signal(event_type: &str, content: Value) -> Signal {
    match read(event_type, &content) {
        Reading::Signal(signal) => *signal,
        other => panic!("{event_type} {content}: {other:?}"),
    }
}

fn invite(change: impl FnOnce(&mut Value)) -> Value {
    let mut content = json!({"call_id": "c", "party_id": "p", "version": "1", "lifetime": 60000, "offer": {"type": "offer", "sdp": SDP}});
    change(&mut content);
    content
}

fn lifetime_of(content: Value) -> Duration {
    match signal("m.call.invite", content).body {
        Body::Invite(invite) => invite.lifetime,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_version_but_zero_is_one_and_a_session_without_party_is_old() {
    for (version, expected) in
        [(json!(0), Version::Zero), (json!("0"), Version::Zero), (json!("1"), Version::One), (json!(1), Version::One)]
    {
        assert_eq!(signal("m.call.invite", invite(|c| c["version"] = version)).version, expected);
    }
    for version in [json!("org.example.7"), json!(3.5), json!(null), json!({})] {
        assert_eq!(signal("m.call.invite", invite(|c| c["version"] = version)).version, Version::One);
    }
    let old = json!({"call_id": "c", "version": 0});
    assert_eq!(signal("m.call.hangup", old).party_id, None);
}

#[test]
fn a_lifetime_is_bounded_and_its_absence_is_a_minute() {
    assert_eq!(lifetime_of(invite(|c| c["lifetime"] = json!(30_000))), Duration::from_secs(30));
    for absent in [json!(null), json!("60000"), json!(-1), json!(1e300)] {
        assert_eq!(lifetime_of(invite(|c| c["lifetime"] = absent)), ABSENT_LIFETIME);
    }
    assert_eq!(lifetime_of(invite(|c| c["lifetime"] = json!(9_007_199_254_740_991_u64))), LONGEST_LIFETIME);
}

#[test]
fn a_broken_invite_names_its_call_and_says_why() {
    let broken = |content: Value| match read("m.call.invite", &content) {
        Reading::Malformed { why, invite } => (why, invite.map(|id| id.to_string())),
        other => panic!("{other:?}"),
    };
    let named = Some("c".to_owned());
    assert_eq!(broken(invite(|c| c["offer"]["sdp"] = json!("nonsense"))), (Malformed::Description, named.clone()));
    assert_eq!(broken(invite(|c| c["offer"] = json!([]))), (Malformed::Description, named.clone()));
    assert_eq!(
        broken(invite(|c| c["offer"]["sdp"] = json!("v=0\nm=a".repeat(40_000)))),
        (Malformed::Description, named.clone())
    );
    assert_eq!(broken(invite(|c| c["invitee"] = json!("nobody"))), (Malformed::Id, named.clone()));
    assert_eq!(broken(invite(|c| c["party_id"] = json!(7))), (Malformed::Id, named));
    for id in [json!(""), json!(null), json!("x".repeat(256)), json!(5)] {
        assert_eq!(broken(invite(|c| c["call_id"] = id)), (Malformed::Id, None));
    }
    assert_eq!(broken(json!("text")), (Malformed::Description, None));
}

#[test]
fn ten_thousand_candidates_are_cut_and_bad_ones_left_out() {
    let many: Vec<Value> = (0..10_000).map(|n| json!({"candidate": format!("candidate:{n}"), "sdpMid": "0"})).collect();
    let content = json!({"call_id": "c", "party_id": "p", "version": "1", "candidates": many});
    let Body::Candidates(read) = signal("m.call.candidates", content).body else { panic!("no candidates") };
    assert_eq!(read.len(), CANDIDATES_PER_EVENT);

    let mixed = json!([
        {"candidate": "candidate:1"}, {"candidate": "x".repeat(513), "sdpMid": "0"}, {"sdpMid": "0"}, 7, null,
        {"candidate": "candidate:2\r\na=evil", "sdpMid": "0"}, {"candidate": "candidate:3", "sdpMLineIndex": 1},
        {"candidate": "candidate:4", "sdpMLineIndex": -1}, {"candidate": ""},
    ]);
    let content = json!({"call_id": "c", "version": 0, "candidates": mixed});
    let expected = vec![Candidate { candidate: "candidate:3".to_owned(), mid: None, line: Some(1) }, Candidate::end()];
    assert_eq!(signal("m.call.candidates", content).body, Body::Candidates(expected));
}

#[test]
fn streams_of_unknown_purpose_are_ignored_and_their_number_is_bounded() {
    let mut metadata = json!({
        "a": {"purpose": "m.usermedia", "audio_muted": true}, "b": {"purpose": "m.screenshare", "video_muted": "yes"},
        "c": {"purpose": "org.example.hologram"}, "d": {}, "e": 5,
    });
    let content = invite(|c| c["sdp_stream_metadata"] = metadata.clone());
    let Body::Invite(read) = signal("m.call.invite", content).body else { panic!("no invite") };
    let expected = Streams::from([
        ("a".to_owned(), Stream { purpose: Purpose::UserMedia, audio_muted: true, video_muted: false }),
        ("b".to_owned(), Stream { purpose: Purpose::ScreenShare, audio_muted: false, video_muted: false }),
    ]);
    assert_eq!(read.streams, Some(expected));
    for n in 0..1000 {
        metadata[format!("s{n}")] = json!({"purpose": "m.usermedia"});
    }
    let content = json!({"call_id": "c", "party_id": "p", "version": "1", "sdp_stream_metadata": metadata});
    let Body::StreamsChanged(read) = signal("org.matrix.call.sdp_stream_metadata_changed", content).body else {
        panic!("no streams")
    };
    assert_eq!(read.len(), STREAMS);
}

#[test]
fn a_hangup_without_reason_is_the_users() {
    let reason = |content: Value| match signal("m.call.hangup", content).body {
        Body::Hangup(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(json!({"call_id": "c", "version": 0})), HangupReason::UserHangup);
    assert_eq!(reason(json!({"call_id": "c", "version": 0, "reason": "replaced"})), HangupReason::UnknownError);
}

#[test]
fn what_we_write_we_read_again() {
    let streams = Streams::from([(
        "s".to_owned(),
        Stream { purpose: Purpose::UserMedia, audio_muted: false, video_muted: true },
    )]);
    let sdp = SDP.to_owned();
    let description = |kind| Description { kind, sdp: SDP.to_owned() };
    let negotiate = |kind| Body::Negotiate {
        description: description(kind),
        lifetime: Duration::from_secs(60),
        streams: Some(streams.clone()),
    };
    let mut bodies = vec![
        Body::Invite(Invite {
            sdp: sdp.clone(),
            lifetime: Duration::from_secs(90),
            invitee: Some("@b:example.org".try_into().unwrap()),
            streams: Some(streams.clone()),
        }),
        Body::Candidates(vec![
            Candidate { candidate: "candidate:1".to_owned(), mid: Some("0".to_owned()), line: Some(0) },
            Candidate::end(),
        ]),
        Body::Answer { sdp, streams: Some(streams.clone()) },
        Body::SelectAnswer { selected: OwnedVoipId::from("q") },
        Body::Reject,
        negotiate(DescriptionKind::Offer),
        negotiate(DescriptionKind::Answer),
        Body::StreamsChanged(streams.clone()),
    ];
    bodies.extend(
        [
            HangupReason::IceFailed,
            HangupReason::IceTimeout,
            HangupReason::InviteTimeout,
            HangupReason::UserHangup,
            HangupReason::UserMediaFailed,
            HangupReason::UserBusy,
            HangupReason::UnknownError,
        ]
        .map(Body::Hangup),
    );
    for body in bodies {
        for version in [Version::Zero, Version::One] {
            let party_id = Some(OwnedVoipId::from("p"));
            let said = Signal { call_id: OwnedVoipId::from("c"), party_id, version, body: body.clone() };
            let content = CallEvents.write(&said);
            let event_type = ruma::events::MessageLikeEventContent::event_type(&content).to_string();
            let json = serde_json::to_value(&content).unwrap();
            assert_eq!(read(&event_type, &json), Reading::Signal(Box::new(said)), "{json}");
        }
    }
}

#[test]
fn streams_are_described_under_the_name_that_older_apps_know_too() {
    let stream = Stream { purpose: Purpose::UserMedia, audio_muted: true, video_muted: false };
    let streams = Streams::from([("s".to_owned(), stream)]);
    let said = Signal {
        call_id: OwnedVoipId::from("c"),
        party_id: Some(OwnedVoipId::from("p")),
        version: Version::One,
        body: Body::StreamsChanged(streams.clone()),
    };
    let mut content = to_json(&CallEvents.write(&said)).unwrap();
    let older = "org.matrix.msc3077.sdp_stream_metadata";
    assert_eq!(content[older], content["sdp_stream_metadata"]);
    assert_eq!(content[older]["s"]["audio_muted"], json!(true));
    content.as_object_mut().unwrap().remove("sdp_stream_metadata");
    let read = signal("org.matrix.call.sdp_stream_metadata_changed", content);
    assert_eq!(read.body, Body::StreamsChanged(streams));
    let hangup = Signal { body: Body::Hangup(HangupReason::UserHangup), ..said };
    assert_eq!(to_json(&CallEvents.write(&hangup)).unwrap().get(older), None);
}

#[test]
fn matrix_rtc_is_a_call_that_this_app_cannot_join() {
    let joined = json!({"application": "m.call", "call_id": "", "device_id": "D", "foci_preferred": []});
    assert_eq!(read("org.matrix.msc3401.call.member", &joined), Reading::CannotJoin);
    assert_eq!(read("m.rtc.member", &json!({"application": {"type": "m.call"}})), Reading::CannotJoin);
    assert_eq!(read("m.call.member", &json!({"memberships": [{}]})), Reading::CannotJoin);
    assert_eq!(read("org.matrix.msc4075.rtc.notification", &json!({"lifetime": 30000})), Reading::CannotJoin);
    for left in [json!({}), json!({"memberships": []}), json!(null)] {
        assert_eq!(read("org.matrix.msc3401.call.member", &left), Reading::NotACall);
    }
    assert_eq!(read("m.room.message", &json!({"body": "m.call.invite"})), Reading::NotACall);
}
