//! Changes of a room's state in the words of the view.

use matrix_sdk_ui::timeline::{
    AnyOtherStateEventContentChange as Other, EventTimelineItem, MembershipChange, RoomMembershipChange,
    TimelineItemContent,
};
use ruma::{OwnedUserId, UserId, events::StateEventContentChange};

use super::{calls, names::Names};
use crate::view::StateChange;

/// The change and whom it is about when that is not the sender; `None` for what is a message.
pub(super) fn change(event: &EventTimelineItem, names: &Names) -> Option<(Option<OwnedUserId>, StateChange)> {
    let sender = event.sender();
    Some(match event.content() {
        TimelineItemContent::MembershipChange(change) => membership(change, sender, names),
        TimelineItemContent::ProfileChange(change) => {
            let view = match change.displayname_change() {
                Some(renamed) => StateChange::Renamed { from: renamed.old.clone(), to: renamed.new.clone() },
                None => StateChange::AvatarChanged,
            };
            (Some(change.user_id().to_owned()), view)
        }
        TimelineItemContent::OtherState(state) => {
            let kind = state.content().event_type().to_string();
            let call = calls::membership(&kind, event.original_json());
            (None, call.unwrap_or_else(|| other(state.content())))
        }
        TimelineItemContent::FailedToParseState { event_type, .. } => {
            let kind = event_type.to_string();
            let call = calls::membership(&kind, event.original_json());
            (None, call.unwrap_or(StateChange::Other { event_type: kind }))
        }
        TimelineItemContent::RtcNotification { .. } => (None, StateChange::CalledElsewhere),
        TimelineItemContent::MsgLike(_)
        | TimelineItemContent::CallInvite
        | TimelineItemContent::FailedToParseMessageLike { .. } => return None,
    })
}

fn membership(change: &RoomMembershipChange, sender: &UserId, names: &Names) -> (Option<OwnedUserId>, StateChange) {
    let target = change.user_id().to_owned();
    let name = || change.display_name().unwrap_or_else(|| names.person(&target).name);
    let reason = || match change.content() {
        StateEventContentChange::Original { content, .. } => content.reason.clone(),
        StateEventContentChange::Redacted(_) => None,
    };
    let by_sender = |view| (Some(sender.to_owned()), view);
    match change.change() {
        Some(MembershipChange::Joined | MembershipChange::InvitationAccepted) => (Some(target), StateChange::Joined),
        Some(MembershipChange::Left) => (Some(target), StateChange::Left),
        Some(MembershipChange::Invited | MembershipChange::KnockAccepted) => {
            by_sender(StateChange::Invited { name: name() })
        }
        Some(MembershipChange::InvitationRejected) => (Some(target), StateChange::InviteDeclined),
        Some(MembershipChange::InvitationRevoked) => by_sender(StateChange::InviteWithdrawn { name: name() }),
        Some(MembershipChange::Kicked | MembershipChange::KnockDenied) => {
            by_sender(StateChange::Removed { name: name(), reason: reason() })
        }
        Some(MembershipChange::Banned | MembershipChange::KickedAndBanned) => {
            by_sender(StateChange::Banned { name: name(), reason: reason() })
        }
        Some(MembershipChange::Unbanned) => by_sender(StateChange::Unbanned { name: name() }),
        Some(MembershipChange::Knocked) => (Some(target), StateChange::Knocked),
        Some(MembershipChange::KnockRetracted) => (Some(target), StateChange::Left),
        Some(MembershipChange::None | MembershipChange::Error | MembershipChange::NotImplemented) | None => {
            (Some(target), StateChange::Other { event_type: "m.room.member".to_owned() })
        }
    }
}

fn other(content: &Other) -> StateChange {
    match content {
        Other::RoomCreate(_) => StateChange::Created,
        Other::RoomName(StateEventContentChange::Original { content, .. }) => {
            StateChange::RoomName { name: Some(content.name.clone()).filter(|name| !name.is_empty()) }
        }
        Other::RoomName(StateEventContentChange::Redacted(_)) => StateChange::RoomName { name: None },
        Other::RoomTopic(StateEventContentChange::Original { content, .. }) => {
            StateChange::RoomTopic { topic: Some(content.topic.clone()).filter(|topic| !topic.is_empty()) }
        }
        Other::RoomTopic(StateEventContentChange::Redacted(_)) => StateChange::RoomTopic { topic: None },
        Other::RoomAvatar(_) => StateChange::RoomAvatar,
        Other::RoomEncryption(_) => StateChange::EncryptionEnabled,
        Other::RoomTombstone(_) => StateChange::Upgraded,
        Other::RoomPinnedEvents(_) => StateChange::PinnedChanged,
        Other::RoomPowerLevels(_) => StateChange::PowerLevels,
        other => StateChange::Other { event_type: other.event_type().to_string() },
    }
}
