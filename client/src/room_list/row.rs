//! One row of the sidebar.

use matrix_sdk::Room;
use matrix_sdk_ui::timeline::{
    LatestEventValue, LatestEventValueLocalState, Profile, RoomExt, TimelineDetails, TimelineItemContent,
};
use ruma::UserId;

use super::kind_of;
use crate::{
    Session, avatars, drafts, people, room_view, rooms,
    timeline::summary,
    view::{RoomKind, RoomPreview, RoomRow},
};

impl Session {
    pub(super) async fn row(&self, room: &Room) -> RoomRow {
        let kind = kind_of(room).await;
        let mut name = room_view::display_name(room).await;
        let mut direct_user_id = avatars::direct_user_id(room).map(|id| id.to_string());
        let mut avatar = avatars::of_room(room);
        if kind == RoomKind::Invite
            && room.is_direct().await.unwrap_or(false)
            && let Ok(invite) = room.invite_details().await
        {
            let inviter =
                invite.inviter.as_ref().map_or_else(|| people::nameless(&invite.inviter_id), people::of_member);
            name = inviter.name;
            avatar = avatar.or(inviter.avatar);
            direct_user_id = Some(inviter.user_id);
        }
        let mut typing = Vec::new();
        for id in self.typing_in(room.room_id()).iter().take(3) {
            typing.push(people::in_room(room, id).await.name);
        }
        let (preview, last_activity) = match kind {
            RoomKind::Invite => (None, invited_at(room).await),
            _ => latest(room, self.user_id()).await,
        };
        RoomRow {
            room_id: room.room_id().to_string(),
            name,
            avatar,
            kind,
            favourite: room.is_favourite(),
            low_priority: room.is_low_priority(),
            muted: rooms::is_muted(room),
            last_activity,
            preview,
            unread: count(room.num_unread_messages()),
            notifications: count(room.num_unread_notifications()),
            mentions: count(room.num_unread_mentions()),
            marked_unread: room.is_marked_unread(),
            typing,
            direct_user_id,
            draft: drafts::of_room(room).await,
        }
    }
}

async fn invited_at(room: &Room) -> Option<u64> {
    match room.latest_event().await {
        LatestEventValue::RemoteInvite { timestamp, .. } => Some(timestamp.get().into()),
        _ => None,
    }
}

async fn latest(room: &Room, me: &UserId) -> (Option<RoomPreview>, Option<u64>) {
    match RoomExt::latest_event(room).await {
        LatestEventValue::Remote { timestamp, sender, is_own, profile, content } => {
            (preview(&sender, is_own, &profile, &content, false, false), Some(timestamp.get().into()))
        }
        LatestEventValue::Local { timestamp, sender, profile, content, state } => {
            let failed = matches!(state, LatestEventValueLocalState::CannotBeSent);
            let sending = matches!(state, LatestEventValueLocalState::IsSending);
            (preview(&sender, sender == me, &profile, &content, sending, failed), Some(timestamp.get().into()))
        }
        LatestEventValue::RemoteInvite { timestamp, .. } => (None, Some(timestamp.get().into())),
        LatestEventValue::None => (None, None),
    }
}

fn preview(
    sender: &UserId,
    sender_is_me: bool,
    profile: &TimelineDetails<Profile>,
    content: &TimelineItemContent,
    sending: bool,
    failed: bool,
) -> Option<RoomPreview> {
    let name = match profile {
        TimelineDetails::Ready(profile) => people::person(sender, profile.display_name.as_deref(), false, None).name,
        _ => people::nameless(sender).name,
    };
    Some(RoomPreview { sender: name, sender_is_me, text: summary::line(content)?, sending, failed })
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
