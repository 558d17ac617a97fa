//! The header and panel of an open room, told anew when anything about the room changes.

use matrix_sdk::{Room, RoomState};
use ruma::events::{MessageLikeEventType, StateEventType};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Result, Session, avatars, people,
    room_list::kind_of,
    rooms,
    view::{Invite, RoomKind, RoomView},
};

impl Session {
    /// A room's header, now and at each change; runs until dropped.
    pub async fn follow_room(&self, room_id: &str, mut tell: impl FnMut(RoomView) + Send) -> Result<()> {
        let room = self.room_when_known(room_id).await?;
        let mut changes = room.subscribe_info();
        let mut touched = self.touched();
        let mut last = None;
        loop {
            let view = view(&room).await;
            if last.as_ref() != Some(&view) {
                tell(view.clone());
                last = Some(view);
            }
            loop {
                tokio::select! {
                    change = changes.next() => match change {
                        Some(_) => break,
                        None => return Ok(()),
                    },
                    change = touched.recv() => match change {
                        Ok(id) if id == room.room_id() => break,
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return Ok(()),
                    },
                }
            }
        }
    }
}

async fn view(room: &Room) -> RoomView {
    let me = room.own_user_id();
    let kind = kind_of(room).await;
    let levels = room.power_levels_or_default().await;
    let joined = room.state() == RoomState::Joined;
    let direct_user = avatars::direct_person(room).await;
    let invite = match (kind, room.invite_details().await) {
        (RoomKind::Invite, Ok(details)) => Some(Invite {
            inviter: Some(match &details.inviter {
                Some(member) => people::of_member(member),
                None => people::nameless(&details.inviter_id),
            }),
            is_direct: room.is_direct().await.unwrap_or(false),
        }),
        (RoomKind::Invite, Err(_)) => Some(Invite { inviter: None, is_direct: false }),
        _ => None,
    };
    let joined_members = count(room.joined_members_count());
    let invited_members = count(room.invited_members_count());
    RoomView {
        room_id: room.room_id().to_string(),
        name: display_name(room).await,
        topic: room.topic(),
        avatar: avatars::of_room(room),
        kind,
        encrypted: room.encryption_state().is_encrypted(),
        joined_members,
        invited_members,
        waiting_for: direct_user.clone().filter(|_| joined && joined_members <= 1 && invited_members > 0),
        direct_user,
        arriving: None,
        invite,
        can_send: joined
            && levels.user_can_send_message(me, MessageLikeEventType::RoomMessage)
            && !room.is_tombstoned(),
        can_invite: joined && levels.user_can_invite(me),
        can_rename: joined && levels.user_can_send_state(me, StateEventType::RoomName),
        can_redact_others: joined && levels.user_can_redact_event_of_other(me),
        favourite: room.is_favourite(),
        muted: rooms::is_muted(room),
        successor: room.successor_room().map(|successor| successor.room_id.to_string()),
    }
}

/// The name that the SDK computes; never empty.
pub(crate) async fn display_name(room: &Room) -> String {
    let name = match room.cached_display_name() {
        Some(name) => name,
        None => match room.display_name().await {
            Ok(name) => name,
            Err(_) => return room.room_id().to_string(),
        },
    };
    match name {
        // An invitation's members come a moment after the invitation.
        matrix_sdk::RoomDisplayName::Empty if room.state() == RoomState::Invited => "Invitation".to_owned(),
        matrix_sdk::RoomDisplayName::Empty => "Empty room".to_owned(),
        matrix_sdk::RoomDisplayName::EmptyWas(who) => who,
        other => other.to_string(),
    }
}

fn count(members: u64) -> u32 {
    u32::try_from(members).unwrap_or(u32::MAX)
}
