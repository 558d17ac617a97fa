//! Which messages and calls raise a system notification: messages of rooms that nobody is looking at, calls that ring while
//! the window is not in front.

use client::{Notification, Session};
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::{
    api::{
        call::{CallEnd, CallRef, CallState, CallView},
        request::Settings,
    },
    app::App,
    phone::Told,
};

/// A notification for the desktop; the text is plain, not markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub room_id: String,
    pub event_id: Option<String>,
    pub title: String,
    pub body: String,
    pub sound: bool,
}

/// A call that rings; the text is plain, not markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAlert {
    pub call: CallRef,
    pub title: String,
    pub body: String,
}

/// What a shell does with its notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertChange {
    Show(Alert),
    /// The room was read: its notifications go.
    Withdraw {
        room_id: String,
    },
    /// Somebody calls.
    Ring(CallAlert),
    /// That call rings no more, or the window shows it.
    EndRing {
        call: CallRef,
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

    /// Rings on the desktop while the window is not in front, and tells of what was missed.
    pub(crate) async fn follow_ringing(self, mut views: watch::Receiver<Vec<Told>>) {
        let mut focus = self.inner().focus.subscribe();
        let mut ringing = Ringing::default();
        loop {
            let settings = self.data().map(|data| data.settings.settings()).unwrap_or_default();
            let calls: Vec<CallView> = views.borrow_and_update().iter().map(Told::view).collect();
            let changes = ringing.look(&calls, &focus.borrow_and_update(), &settings);
            self.send_alerts(changes);
            tokio::select! {
                changed = views.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                // The app outlives this.
                Ok(()) = focus.changed() => {}
            }
        }
        self.send_alerts(ringing.look(&[], &Focus::default(), &Settings::default()));
    }

    fn send_alerts(&self, changes: Vec<AlertChange>) {
        for change in changes {
            // Without a window there is nobody to show it.
            let _ = self.inner().alerts.send(change);
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

/// Which calls ring, and which of them the desktop shows.
#[derive(Default)]
struct Ringing {
    known: Vec<CallRef>,
    shown: Vec<CallRef>,
}

impl Ringing {
    /// What changes on the desktop with these calls.
    fn look(&mut self, calls: &[CallView], focus: &Focus, settings: &Settings) -> Vec<AlertChange> {
        let name = |call: &CallView| call.person.as_ref().map_or_else(|| "Somebody".to_owned(), |who| who.name.clone());
        let rings = |call: &&CallView| matches!(call.state, CallState::Ringing { silent: false, .. });
        let on = settings.notifications;
        let mut changes = Vec::new();
        let wanted: Vec<&CallView> = calls.iter().filter(rings).filter(|_| on && !focus.focused).collect();
        self.shown.retain(|call| {
            let stays = wanted.iter().any(|wanted| wanted.call == *call);
            if !stays {
                changes.push(AlertChange::EndRing { call: call.clone() });
            }
            stays
        });
        for call in wanted {
            if !self.shown.contains(&call.call) {
                self.shown.push(call.call.clone());
                let video = matches!(call.state, CallState::Ringing { video: true, .. });
                let body = if video { "Video call" } else { "Voice call" }.to_owned();
                changes.push(AlertChange::Ring(CallAlert { call: call.call.clone(), title: name(call), body }));
            }
        }
        let looking = |call: &CallView| focus.focused && focus.room_id.as_deref() == Some(call.call.room_id.as_str());
        for call in calls {
            let missed = matches!(call.state, CallState::Ended { cause: CallEnd::Missed });
            if missed && on && self.known.contains(&call.call) && !looking(call) {
                changes.push(AlertChange::Show(Alert {
                    room_id: call.call.room_id.clone(),
                    event_id: None,
                    title: name(call),
                    body: "Missed call".to_owned(),
                    sound: false,
                }));
            }
        }
        self.known = calls.iter().filter(rings).map(|call| call.call.clone()).collect();
        changes
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
    use super::{Alert, AlertChange, CallAlert, Focus, Notification, Ringing, Settings, decide};
    use crate::api::call::{CallEnd, CallRef, CallState, CallView, OurMedia, Quality, TheirMedia};

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

    fn call(state: CallState) -> CallView {
        CallView {
            call: CallRef { room_id: "!a:x".to_owned(), call_id: "1".to_owned() },
            person: None,
            incoming: true,
            state,
            ours: OurMedia::default(),
            theirs: TheirMedia::default(),
            held_by_them: false,
            lost: Vec::new(),
            no_picture: None,
            quality: Quality::Unknown,
        }
    }

    #[test]
    fn a_call_rings_on_the_desktop_until_it_rings_no_more_or_is_seen() {
        let (on, away, here) = (Settings::default(), focus(false, "!b:x"), focus(true, "!b:x"));
        let rings = [call(CallState::Ringing { video: false, silent: false })];
        let one = rings[0].call.clone();
        let ring = AlertChange::Ring(CallAlert {
            call: one.clone(),
            title: "Somebody".to_owned(),
            body: "Voice call".to_owned(),
        });
        let end = AlertChange::EndRing { call: one };
        let mut ringing = Ringing::default();
        let mut look = |calls: &[CallView], focus| ringing.look(calls, focus, &on);
        assert_eq!(look(&rings, &here), []);
        assert_eq!(look(&rings, &away), std::slice::from_ref(&ring));
        assert_eq!(look(&rings, &away), []);
        assert_eq!(look(&rings, &here), std::slice::from_ref(&end));
        assert_eq!(look(&rings, &away), [ring]);
        assert_eq!(look(&[call(CallState::Ringing { video: false, silent: true })], &away), [end]);
        let mut off = Ringing::default();
        let quiet = Settings { notifications: false, ..on.clone() };
        assert_eq!(off.look(&rings, &away, &quiet), []);
    }

    #[test]
    fn a_missed_call_is_told_once() {
        let (on, away) = (Settings::default(), focus(false, "!a:x"));
        let missed = [call(CallState::Ended { cause: CallEnd::Missed })];
        let mut ringing = Ringing::default();
        // One that was over before anybody knew of it is told by its line alone.
        assert_eq!(ringing.look(&missed, &away, &on), []);
        ringing.look(&[call(CallState::Ringing { video: true, silent: false })], &away, &on);
        let changes = ringing.look(&missed, &away, &on);
        assert!(
            matches!(&changes[..], [AlertChange::EndRing { .. }, AlertChange::Show(Alert { body, .. })] if body == "Missed call"),
            "{changes:?}"
        );
        assert_eq!(ringing.look(&missed, &away, &on), []);
        ringing.look(&[call(CallState::Ringing { video: true, silent: false })], &away, &on);
        let over = call(CallState::Ended { cause: CallEnd::TheyHungUp });
        assert!(matches!(&ringing.look(&[over], &away, &on)[..], [AlertChange::EndRing { .. }]));
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
