//! Reads `m.call.*` contents: forgiving where older apps differ, bounded where a stranger writes.

use std::time::Duration;

use ruma::{OwnedUserId, OwnedVoipId};
use serde_json::Value;

use super::{Malformed, Reading, STREAMS_NAMES};
use crate::{
    limits::{ABSENT_LIFETIME, CANDIDATE_BYTES, CANDIDATES_PER_EVENT, ID_BYTES, LONGEST_LIFETIME, STREAMS},
    sdp,
    signal::{
        Body, Candidate, Description, DescriptionKind, HangupReason, Invite, Purpose, Signal, Stream, Streams, Version,
    },
};

pub(super) fn read(event_type: &str, content: &Value) -> Reading {
    let parse = match event_type {
        "m.call.invite" => invite,
        "m.call.candidates" => candidates,
        "m.call.answer" => answer,
        "m.call.select_answer" => select_answer,
        "m.call.reject" => reject,
        "m.call.hangup" => hangup,
        "m.call.negotiate" => negotiate,
        "m.call.sdp_stream_metadata_changed" | "org.matrix.call.sdp_stream_metadata_changed" => streams_changed,
        _ => return Reading::NotACall,
    };
    let call_id = id(content, "call_id");
    match signal(content, call_id.clone(), parse) {
        Ok(signal) => Reading::Signal(Box::new(signal)),
        Err(why) => Reading::Malformed { why, invite: call_id.filter(|_| event_type == "m.call.invite") },
    }
}

fn signal(
    content: &Value,
    call_id: Option<OwnedVoipId>,
    parse: fn(&Value) -> Result<Body, Malformed>,
) -> Result<Signal, Malformed> {
    let party_id = match content.get("party_id") {
        None | Some(Value::Null) => None,
        Some(_) => Some(id(content, "party_id").ok_or(Malformed::Id)?),
    };
    let version = version(content.get("version"), party_id.is_some());
    let body = parse(content)?;
    Ok(Signal { call_id: call_id.ok_or(Malformed::Id)?, party_id, version, body })
}

/// A peer of version 1 names its party; one that does not is treated as the older version it resembles.
fn version(value: Option<&Value>, has_party: bool) -> Version {
    let zero = match value {
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text == "0",
        _ => false,
    };
    if zero || !has_party { Version::Zero } else { Version::One }
}

fn invite(content: &Value) -> Result<Body, Malformed> {
    let invitee = match content.get("invitee") {
        None | Some(Value::Null) => None,
        Some(user) => Some(user.as_str().and_then(user_id).ok_or(Malformed::Id)?),
    };
    let sdp = description(content.get("offer"))?;
    Ok(Body::Invite(Invite { sdp, lifetime: lifetime(content), invitee, streams: streams(content) }))
}

fn candidates(content: &Value) -> Result<Body, Malformed> {
    let list = content.get("candidates").and_then(Value::as_array).ok_or(Malformed::Content)?;
    let read = list.iter().filter_map(candidate).take(CANDIDATES_PER_EVENT);
    Ok(Body::Candidates(read.collect()))
}

fn candidate(value: &Value) -> Option<Candidate> {
    let candidate = value.get("candidate")?.as_str().filter(|text| text.len() <= CANDIDATE_BYTES)?;
    if candidate.contains(['\r', '\n']) {
        return None;
    }
    let mid = value.get("sdpMid").and_then(Value::as_str).filter(|mid| mid.len() <= ID_BYTES).map(str::to_owned);
    let line = value.get("sdpMLineIndex").and_then(Value::as_u64).and_then(|line| u16::try_from(line).ok());
    let placed = mid.is_some() || line.is_some() || candidate.is_empty();
    placed.then(|| Candidate { candidate: candidate.to_owned(), mid, line })
}

/// An answer with a broken description is one all the same: the call ends with that cause instead of waiting on.
fn answer(content: &Value) -> Result<Body, Malformed> {
    let sdp = description(content.get("answer")).unwrap_or_default();
    Ok(Body::Answer { sdp, streams: streams(content) })
}

fn select_answer(content: &Value) -> Result<Body, Malformed> {
    Ok(Body::SelectAnswer { selected: id(content, "selected_party_id").ok_or(Malformed::Id)? })
}

fn reject(_: &Value) -> Result<Body, Malformed> {
    Ok(Body::Reject)
}

fn hangup(content: &Value) -> Result<Body, Malformed> {
    let reason = match content.get("reason").and_then(Value::as_str) {
        None | Some("user_hangup") => HangupReason::UserHangup,
        Some("ice_failed") => HangupReason::IceFailed,
        Some("ice_timeout") => HangupReason::IceTimeout,
        Some("invite_timeout") => HangupReason::InviteTimeout,
        Some("user_media_failed") => HangupReason::UserMediaFailed,
        Some("user_busy") => HangupReason::UserBusy,
        Some(_) => HangupReason::UnknownError,
    };
    Ok(Body::Hangup(reason))
}

fn negotiate(content: &Value) -> Result<Body, Malformed> {
    let value = content.get("description").ok_or(Malformed::Description)?;
    let kind = match value.get("type").and_then(Value::as_str) {
        Some("offer") => DescriptionKind::Offer,
        Some("answer") => DescriptionKind::Answer,
        _ => return Err(Malformed::Content),
    };
    let description = Description { kind, sdp: description(Some(value))? };
    Ok(Body::Negotiate { description, lifetime: lifetime(content), streams: streams(content) })
}

fn streams_changed(content: &Value) -> Result<Body, Malformed> {
    streams(content).map(Body::StreamsChanged).ok_or(Malformed::Content)
}

fn description(value: Option<&Value>) -> Result<String, Malformed> {
    let sdp = value.and_then(|value| value.get("sdp")).and_then(Value::as_str).ok_or(Malformed::Description)?;
    sdp::outline(sdp).map(|_| sdp.to_owned()).ok_or(Malformed::Description)
}

fn lifetime(content: &Value) -> Duration {
    let said = content.get("lifetime").and_then(Value::as_u64).map_or(ABSENT_LIFETIME, Duration::from_millis);
    said.min(LONGEST_LIFETIME)
}

fn streams(content: &Value) -> Option<Streams> {
    let map = STREAMS_NAMES.iter().find_map(|name| content.get(name))?.as_object()?;
    let known = map.iter().filter(|(id, _)| id.len() <= ID_BYTES).filter_map(|(id, value)| {
        let purpose = match value.get("purpose")?.as_str()? {
            "m.usermedia" => Purpose::UserMedia,
            "m.screenshare" => Purpose::ScreenShare,
            _ => return None,
        };
        let muted = |name| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        Some((id.clone(), Stream { purpose, audio_muted: muted("audio_muted"), video_muted: muted("video_muted") }))
    });
    Some(known.take(STREAMS).collect())
}

fn id(content: &Value, name: &str) -> Option<OwnedVoipId> {
    let text = content.get(name)?.as_str()?;
    (!text.is_empty() && text.len() <= ID_BYTES).then(|| OwnedVoipId::from(text))
}

fn user_id(text: &str) -> Option<OwnedUserId> {
    OwnedUserId::try_from(text).ok()
}
