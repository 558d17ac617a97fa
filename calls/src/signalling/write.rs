//! Writes [`Signal`]s as ruma's contents of `m.call.*`.

use std::time::Duration;

use ruma::{
    OwnedVoipId, UInt, VoipVersionId,
    events::{
        AnyMessageLikeEventContent as Content,
        call::{
            SessionDescription, StreamMetadata, StreamPurpose,
            answer::CallAnswerEventContent,
            candidates::{CallCandidatesEventContent, Candidate as Written},
            hangup::{CallHangupEventContent, Reason},
            invite::CallInviteEventContent,
            negotiate::CallNegotiateEventContent,
            reject::CallRejectEventContent,
            sdp_stream_metadata_changed::CallSdpStreamMetadataChangedEventContent,
            select_answer::CallSelectAnswerEventContent,
        },
    },
};

use serde_json::Value;

use super::STREAMS_NAMES;
use crate::signal::{Body, Candidate, DescriptionKind, HangupReason, Purpose, Signal, Streams, Version};

pub(super) fn write(signal: &Signal) -> Content {
    let version = match signal.version {
        Version::Zero => VoipVersionId::V0,
        Version::One => VoipVersionId::V1,
    };
    let call_id = signal.call_id.clone();
    let party = signal.party_id.clone();
    // Our own signals always name their party; a foreign one is never written.
    let named = party.clone().unwrap_or_else(|| OwnedVoipId::from(String::new()));
    match &signal.body {
        Body::Invite(invite) => {
            let offer = session_description(DescriptionKind::Offer, &invite.sdp);
            let mut content = CallInviteEventContent::new(call_id, millis(invite.lifetime), offer, version);
            content.party_id = party;
            content.invitee = invite.invitee.clone();
            content.sdp_stream_metadata = metadata(invite.streams.as_ref());
            Content::CallInvite(content)
        }
        Body::Candidates(candidates) => {
            let mut content =
                CallCandidatesEventContent::new(call_id, candidates.iter().map(written).collect(), version);
            content.party_id = party;
            Content::CallCandidates(content)
        }
        Body::Answer { sdp, streams } => {
            let answer = session_description(DescriptionKind::Answer, sdp);
            let mut content = CallAnswerEventContent::new(answer, call_id, version);
            content.party_id = party;
            content.sdp_stream_metadata = metadata(streams.as_ref());
            Content::CallAnswer(content)
        }
        Body::SelectAnswer { selected } => {
            Content::CallSelectAnswer(CallSelectAnswerEventContent::new(call_id, named, selected.clone(), version))
        }
        Body::Reject => Content::CallReject(CallRejectEventContent::new(call_id, named, version)),
        Body::Hangup(reason) => {
            let mut content = CallHangupEventContent::new(call_id, version);
            content.party_id = party;
            content.reason = written_reason(*reason);
            Content::CallHangup(content)
        }
        Body::Negotiate { description, lifetime, streams } => {
            let text = session_description(description.kind, &description.sdp);
            let mut content = CallNegotiateEventContent::new(call_id, named, version, millis(*lifetime), text);
            content.sdp_stream_metadata = metadata(streams.as_ref());
            Content::CallNegotiate(content)
        }
        Body::StreamsChanged(streams) => {
            let streams = metadata(Some(streams));
            let content = CallSdpStreamMetadataChangedEventContent::new(call_id, named, version, streams);
            Content::CallSdpStreamMetadataChanged(content)
        }
    }
}

/// The content as it is to be sent: what describes streams stands under its older name as well.
pub fn to_json(content: &Content) -> serde_json::Result<Value> {
    let mut json = serde_json::to_value(content)?;
    let [name, older] = STREAMS_NAMES;
    if let Some(object) = json.as_object_mut()
        && let Some(streams) = object.get(name).cloned()
    {
        object.insert(older.to_owned(), streams);
    }
    Ok(json)
}

fn session_description(kind: DescriptionKind, sdp: &str) -> SessionDescription {
    let kind = match kind {
        DescriptionKind::Offer => "offer",
        DescriptionKind::Answer => "answer",
    };
    SessionDescription::new(kind.to_owned(), sdp.to_owned())
}

fn millis(duration: Duration) -> UInt {
    u64::try_from(duration.as_millis()).ok().and_then(UInt::new).unwrap_or(UInt::MAX)
}

fn metadata(streams: Option<&Streams>) -> std::collections::BTreeMap<String, StreamMetadata> {
    let written = streams.into_iter().flatten().map(|(id, stream)| {
        let mut metadata = StreamMetadata::new(match stream.purpose {
            Purpose::UserMedia => StreamPurpose::UserMedia,
            Purpose::ScreenShare => StreamPurpose::ScreenShare,
        });
        metadata.audio_muted = stream.audio_muted;
        metadata.video_muted = stream.video_muted;
        (id.clone(), metadata)
    });
    written.collect()
}

fn written(candidate: &Candidate) -> Written {
    let mut written = Written::new(candidate.candidate.clone());
    written.sdp_mid = candidate.mid.clone();
    written.sdp_m_line_index = candidate.line.map(UInt::from);
    written
}

fn written_reason(reason: HangupReason) -> Reason {
    match reason {
        HangupReason::IceFailed => Reason::IceFailed,
        HangupReason::IceTimeout => Reason::IceTimeout,
        HangupReason::InviteTimeout => Reason::InviteTimeout,
        HangupReason::UserHangup => Reason::UserHangup,
        HangupReason::UserMediaFailed => Reason::UserMediaFailed,
        HangupReason::UserBusy => Reason::UserBusy,
        HangupReason::UnknownError => Reason::UnknownError,
    }
}
