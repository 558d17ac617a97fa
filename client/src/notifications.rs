//! New messages that ask for attention, as the push rules decide it.

use std::{
    num::NonZeroUsize,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use lru::LruCache;
use matrix_sdk::{
    Room, deserialized_responses::RawAnySyncOrStrippedTimelineEvent, sync::Notification as SdkNotification,
};
use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId,
    events::{AnySyncMessageLikeEvent, AnySyncTimelineEvent, SyncMessageLikeEvent, room::member::MembershipState},
    push::Action,
};
use tokio::sync::broadcast;

use crate::{
    Session, people, room_view,
    timeline::summary::{of_message, one_line},
};

const MAX_TOLD: usize = 512;
/// What is older than this was missed, not missed just now: the unread badge tells it.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// Something to tell the person, if they are not looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub room_id: String,
    pub room_name: String,
    /// Absent for an invitation.
    pub event_id: Option<String>,
    pub sender: String,
    /// The message in one line; absent for an invitation.
    pub text: Option<String>,
    pub direct: bool,
    pub sound: bool,
}

impl Session {
    /// New notifications from now on.
    pub fn notifications(&self) -> broadcast::Receiver<Notification> {
        self.notification_sender().subscribe()
    }

    pub(crate) async fn follow_notifications(&self) {
        let session = self.downgrade();
        self.client()
            .register_notification_handler(move |notification, room, _client| {
                let session = session.clone();
                async move {
                    let Some(session) = session.upgrade() else { return };
                    if let Some(made) = session.notification(notification, &room).await {
                        // Nobody listens when no window exists.
                        let _ = session.notification_sender().send(made);
                    }
                }
            })
            .await;
    }

    /// What came before the list was whole was there before the start: the unread badges tell it.
    fn is_live(&self) -> bool {
        use matrix_sdk_ui::room_list_service::State;
        !matches!(self.sync_loop().room_list_service().state().get(), State::Init | State::SettingUp)
    }

    async fn notification(&self, notification: SdkNotification, room: &Room) -> Option<Notification> {
        if !notification.actions.iter().any(Action::should_notify) {
            return None;
        }
        let sound = notification.actions.iter().any(|action| action.sound().is_some());
        let (sender, event_id, text) = match &notification.event {
            RawAnySyncOrStrippedTimelineEvent::Sync(raw) => {
                let event = raw.deserialize().ok()?;
                let old = !is_recent(event.origin_server_ts()) || !self.is_live();
                if event.sender() == self.user_id() || old || self.told_before(event.event_id()) {
                    return None;
                }
                (event.sender().to_owned(), Some(event.event_id().to_string()), text(&event)?)
            }
            RawAnySyncOrStrippedTimelineEvent::Stripped(raw) => {
                let event = raw.deserialize().ok()?;
                let ruma::events::AnyStrippedStateEvent::RoomMember(member) = event else { return None };
                if member.content.membership != MembershipState::Invite || member.state_key != self.user_id() {
                    return None;
                }
                (member.sender, None, None)
            }
        };
        Some(Notification {
            room_id: room.room_id().to_string(),
            room_name: room_view::display_name(room).await,
            event_id,
            sender: people::in_room(room, &sender).await.name,
            text,
            direct: room.is_direct().await.unwrap_or(false),
            sound,
        })
    }
}

/// Events told of already: opening a room makes the server send its last ones again.
pub(crate) struct Told(Mutex<LruCache<OwnedEventId, ()>>);

impl Default for Told {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(MAX_TOLD).unwrap_or(NonZeroUsize::MIN))))
    }
}

impl Told {
    /// Whether it was told before; it is now.
    pub(crate) fn put(&self, event_id: &EventId) -> bool {
        self.0.lock().is_ok_and(|mut told| told.put(event_id.to_owned(), ()).is_some())
    }
}

/// The outer `None` says that the event needs no notification, the inner that it has no text.
fn text(event: &AnySyncTimelineEvent) -> Option<Option<String>> {
    let AnySyncTimelineEvent::MessageLike(event) = event else { return None };
    match event {
        AnySyncMessageLikeEvent::RoomMessage(SyncMessageLikeEvent::Original(message)) => {
            Some(Some(one_line(&of_message(&message.content.msgtype))))
        }
        AnySyncMessageLikeEvent::Sticker(SyncMessageLikeEvent::Original(sticker)) => {
            Some(Some(one_line(&sticker.content.body)))
        }
        AnySyncMessageLikeEvent::RoomEncrypted(SyncMessageLikeEvent::Original(_)) => {
            Some(Some("New message".to_owned()))
        }
        _ => None,
    }
}

fn is_recent(at: MilliSecondsSinceUnixEpoch) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "a notification is about now: how old the event is on this machine's clock"
    )]
    let now = SystemTime::now();
    match at.to_system_time().map(|at| now.duration_since(at)) {
        Some(Ok(age)) => age < RECENT,
        // Sent in our future: the other's clock is ahead.
        Some(Err(_)) => true,
        None => false,
    }
}
