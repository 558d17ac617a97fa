//! Which messages raise a system notification: those of rooms that nobody is looking at.

use client::{Notification, Session};
use tokio::sync::broadcast::error::RecvError;

use crate::{api::request::Settings, app::App};

/// A notification for the desktop; the text is plain, not markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub room_id: String,
    pub event_id: Option<String>,
    pub title: String,
    pub body: String,
    pub sound: bool,
}

/// What a shell does with its notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertChange {
    Show(Alert),
    /// The room was read: its notifications go.
    Withdraw {
        room_id: String,
    },
}

/// Whether the window has the keyboard, and what it shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Focus {
    pub(crate) focused: bool,
    pub(crate) room_id: Option<String>,
}

impl App {
    pub(crate) async fn follow_notifications(self, session: Session) {
        let mut notifications = session.notifications();
        loop {
            match notifications.recv().await {
                Ok(notification) => {
                    let settings = self.data().map(|data| data.settings.settings()).unwrap_or_default();
                    let focus = self.inner().focus.borrow().clone();
                    if let Some(alert) = decide(notification, &focus, &settings) {
                        // Without a window there is nobody to show it.
                        let _ = self.inner().alerts.send(AlertChange::Show(alert));
                    }
                }
                Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "notifications came too fast"),
                Err(RecvError::Closed) => return,
            }
        }
    }

    pub(crate) fn set_focus(&self, focused: bool, room_id: Option<String>) {
        if let (true, Some(room_id)) = (focused, &room_id) {
            self.withdraw_alerts(room_id);
        }
        self.inner().focus.send_replace(Focus { focused, room_id });
    }

    pub(crate) fn withdraw_alerts(&self, room_id: &str) {
        let _ = self.inner().alerts.send(AlertChange::Withdraw { room_id: room_id.to_owned() });
    }
}

fn decide(notification: Notification, focus: &Focus, settings: &Settings) -> Option<Alert> {
    let looking = focus.focused && focus.room_id.as_deref() == Some(notification.room_id.as_str());
    if !settings.notifications || looking {
        return None;
    }
    let (title, body) = match notification.text {
        None => (notification.sender, "Invites you to talk".to_owned()),
        Some(text) => {
            let shown = if settings.notification_previews { text } else { "New message".to_owned() };
            if notification.direct {
                (notification.sender, shown)
            } else {
                (notification.room_name, format!("{}: {shown}", notification.sender))
            }
        }
    };
    Some(Alert {
        room_id: notification.room_id,
        event_id: notification.event_id,
        title,
        body,
        sound: notification.sound,
    })
}

#[cfg(test)]
mod tests {
    use super::{Focus, Notification, Settings, decide};

    fn message(direct: bool) -> Notification {
        Notification {
            room_id: "!a:x".to_owned(),
            room_name: "Garden".to_owned(),
            event_id: Some("$1".to_owned()),
            sender: "Ann".to_owned(),
            text: Some("hello".to_owned()),
            direct,
            sound: true,
        }
    }

    fn focus(focused: bool, room: &str) -> Focus {
        Focus { focused, room_id: Some(room.to_owned()) }
    }

    #[test]
    fn a_room_in_view_is_silent_and_others_are_not() {
        let on = Settings::default();
        assert!(decide(message(true), &focus(true, "!a:x"), &on).is_none());
        assert!(decide(message(true), &focus(true, "!b:x"), &on).is_some());
        assert!(decide(message(true), &focus(false, "!a:x"), &on).is_some());
        assert!(decide(message(true), &Focus::default(), &Settings { notifications: false, ..on }).is_none());
    }

    #[test]
    fn titles_and_bodies_say_who_and_where() {
        let on = Settings::default();
        let direct = decide(message(true), &Focus::default(), &on).unwrap();
        assert_eq!((direct.title.as_str(), direct.body.as_str()), ("Ann", "hello"));
        let room = decide(message(false), &Focus::default(), &on).unwrap();
        assert_eq!((room.title.as_str(), room.body.as_str()), ("Garden", "Ann: hello"));
        let quiet = Settings { notification_previews: false, ..on.clone() };
        assert_eq!(decide(message(false), &Focus::default(), &quiet).unwrap().body, "Ann: New message");
        let invite = Notification { text: None, ..message(true) };
        assert_eq!(decide(invite, &Focus::default(), &on).unwrap().body, "Invites you to talk");
    }
}
