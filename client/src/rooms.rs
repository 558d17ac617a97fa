//! Making rooms, joining and leaving them, and what a person sets about them.

use std::time::Duration;

use matrix_sdk::{Room, RoomState, notification_settings::RoomNotificationMode};
use ruma::{
    OwnedUserId, UserId,
    api::client::room::create_room,
    assign,
    events::{InitialStateEvent, room::encryption::RoomEncryptionEventContent},
};

use crate::{ClientError, Result, Session, ids};

const MAX_INVITES: usize = 100;
/// How long an invitation waits for the invited person's name: their computer may be off.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

impl Session {
    /// Makes a private room and invites people; answers its id.
    pub async fn create_room(
        &self,
        name: &str,
        topic: Option<&str>,
        invite: &[String],
        encrypted: bool,
    ) -> Result<String> {
        if name.trim().is_empty() {
            return Err(ClientError::Invalid("a room needs a name"));
        }
        if invite.len() > MAX_INVITES {
            return Err(ClientError::Invalid("at most a hundred people can be invited at once"));
        }
        let invite = invite.iter().map(|id| ids::user_id(id)).collect::<Result<Vec<OwnedUserId>>>()?;
        let encryption = encrypted.then(|| {
            InitialStateEvent::with_empty_state_key(RoomEncryptionEventContent::with_recommended_defaults())
                .to_raw_any()
        });
        let request = assign!(create_room::v3::Request::new(), {
            name: Some(name.trim().to_owned()),
            topic: topic.map(str::to_owned).filter(|topic| !topic.trim().is_empty()),
            invite,
            preset: Some(create_room::v3::RoomPreset::PrivateChat),
            initial_state: encryption.into_iter().collect(),
        });
        Ok(self.client().create_room(request).await?.room_id().to_string())
    }

    /// The direct chat with a person: the one that exists, the one they invited to, or a new encrypted one.
    pub async fn direct_chat(&self, user_id: &str) -> Result<String> {
        let user_id = ids::user_id(user_id)?;
        if user_id == self.user_id() {
            return Err(ClientError::Invalid("that is yourself"));
        }
        let mut made = self.direct_chats().lock().await;
        if let Some(room) = made.get(&user_id).and_then(|id| self.client().get_room(id))
            && room.state() == RoomState::Joined
        {
            return Ok(room.room_id().to_string());
        }
        if let Some(room) = self.client().get_dm_room(&user_id) {
            return Ok(room.room_id().to_string());
        }
        if let Some(room) = self.direct_invite_from(&user_id).await {
            room.join().await?;
            return Ok(room.room_id().to_string());
        }
        self.ask_for_name(&user_id).await;
        let room = self.client().create_dm(&user_id).await?;
        made.insert(user_id, room.room_id().to_owned());
        Ok(room.room_id().to_string())
    }

    /// Has the server ask for a person's profile, so that its invitation calls them by their name until they answer.
    async fn ask_for_name(&self, user_id: &UserId) {
        let account = self.client().account();
        match tokio::time::timeout(NAME_PATIENCE, account.fetch_user_profile_of(user_id)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(error = %error, "the invited person's name could not be asked for"),
            Err(_) => tracing::debug!("the invited person's server does not tell their name in time"),
        }
    }

    async fn direct_invite_from(&self, user_id: &UserId) -> Option<Room> {
        for room in self.client().invited_rooms() {
            let is_direct = room.is_direct().await.unwrap_or(false);
            if is_direct && room.invite_details().await.is_ok_and(|invite| invite.inviter_id == user_id) {
                return Some(room);
            }
        }
        None
    }

    pub async fn invite(&self, room_id: &str, user_id: &str) -> Result<()> {
        let (room, user_id) = (self.room(room_id)?, ids::user_id(user_id)?);
        self.ask_for_name(&user_id).await;
        Ok(room.invite_user_by_id(&user_id).await?)
    }

    pub async fn accept_invite(&self, room_id: &str) -> Result<()> {
        let room = self.room(room_id)?;
        // With the inviter's devices known beforehand, what they wrote already is not drawn as written by a stranger's device first.
        if let Ok(invite) = room.invite_details().await
            && let Some(inviter) = invite.inviter
        {
            let asked = self.client().encryption().request_user_identity(inviter.user_id()).await;
            if let Err(error) = asked {
                tracing::debug!(error = %error, "the inviter's devices could not be asked for");
            }
        }
        Ok(room.join().await?)
    }

    pub async fn decline_invite(&self, room_id: &str) -> Result<()> {
        let room = self.room(room_id)?;
        if room.state() != RoomState::Invited {
            return Err(ClientError::Invalid("that invitation is not open any more"));
        }
        Ok(room.leave().await?)
    }

    pub async fn leave_room(&self, room_id: &str) -> Result<()> {
        Ok(self.room(room_id)?.leave().await?)
    }

    pub async fn remove_member(&self, room_id: &str, user_id: &str, reason: Option<&str>) -> Result<()> {
        Ok(self.room(room_id)?.kick_user(&ids::user_id(user_id)?, reason).await?)
    }

    pub async fn rename_room(&self, room_id: &str, name: &str) -> Result<()> {
        self.room(room_id)?.set_name(name.trim().to_owned()).await?;
        Ok(())
    }

    pub async fn set_room_topic(&self, room_id: &str, topic: &str) -> Result<()> {
        self.room(room_id)?.set_room_topic(topic.trim()).await?;
        Ok(())
    }

    pub async fn set_favourite(&self, room_id: &str, favourite: bool) -> Result<()> {
        Ok(self.room(room_id)?.set_is_favourite(favourite, None).await?)
    }

    pub async fn set_marked_unread(&self, room_id: &str, unread: bool) -> Result<()> {
        Ok(self.room(room_id)?.set_unread_flag(unread).await?)
    }

    /// Muted rooms raise no notification.
    pub async fn set_muted(&self, room_id: &str, muted: bool) -> Result<()> {
        let room = self.room(room_id)?;
        let settings = self.client().notification_settings().await;
        if muted {
            settings
                .set_room_notification_mode(room.room_id(), RoomNotificationMode::Mute)
                .await
                .map_err(ClientError::other)?;
            room.update_cached_user_defined_notification_mode(RoomNotificationMode::Mute);
        } else {
            settings.delete_user_defined_room_rules(room.room_id()).await.map_err(ClientError::other)?;
            room.clear_user_defined_notification_mode();
        }
        self.touch(room.room_id().to_owned());
        Ok(())
    }
}

pub(crate) fn is_muted(room: &Room) -> bool {
    room.cached_user_defined_notification_mode() == Some(RoomNotificationMode::Mute)
}
