//! System notifications: shown for messages nobody looks at, clicked to open the room, withdrawn when it is read; and for calls
//! that ring, with buttons that answer.

use std::collections::HashMap;

use app::{AlertChange, App, api::call::CallRef};
use tauri::AppHandle;
use tokio::sync::{broadcast::error::RecvError, oneshot};

/// Shows what the app asks for, until the program ends.
pub(crate) fn follow(handle: AppHandle, app: App) {
    let mut alerts = app.alerts();
    tauri::async_runtime::spawn(async move {
        let mut ringing: HashMap<CallRef, oneshot::Sender<()>> = HashMap::new();
        loop {
            match alerts.recv().await {
                Ok(AlertChange::Ring(alert)) => {
                    let (end, ended) = oneshot::channel();
                    ringing.insert(alert.call.clone(), end);
                    tauri::async_runtime::spawn(system::ring(handle.clone(), app.clone(), alert, ended));
                }
                // Dropped, it says so.
                Ok(AlertChange::EndRing { call }) => drop(ringing.remove(&call)),
                Ok(AlertChange::Show(alert)) => {
                    tauri::async_runtime::spawn(system::show(handle.clone(), app.clone(), alert));
                }
                Ok(AlertChange::Withdraw { .. }) => {}
                Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "notifications came too fast"),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

#[cfg(target_os = "linux")]
mod system {
    use app::{
        Alert, AlertChange, App, CallAlert,
        api::{push::AppEvent, request::Request},
    };
    use notify_rust::{Hint, Notification, NotificationResponse, Timeout, Urgency};
    use tauri::AppHandle;
    use tokio::sync::oneshot;

    use crate::os::windows;

    /// Shows one notification and stays with it: GNOME withdraws it when the connection closes.
    pub(super) async fn show(handle: AppHandle, app: App, alert: Alert) {
        let mut changes = app.alerts();
        let mut notification = Notification::new();
        notification
            .appname("Hearth")
            .summary(&alert.title)
            .body(&escape(&alert.body))
            .icon("hearth")
            .hint(Hint::DesktopEntry("Hearth".to_owned()))
            .hint(Hint::Category("im.received".to_owned()))
            .action("default", "Open");
        if alert.sound {
            notification.sound_name("message-new-instant");
        } else {
            notification.hint(Hint::SuppressSound(true));
        }
        let shown = match notification.show_async().await {
            Ok(shown) => shown,
            Err(error) => {
                tracing::info!(error = %error, "no notification can be shown here");
                return;
            }
        };
        let withdrawn = async {
            loop {
                match changes.recv().await {
                    Ok(AlertChange::Withdraw { room_id }) if room_id == alert.room_id => return,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => std::future::pending().await,
                    _ => {}
                }
            }
        };
        let mut clicked = false;
        tokio::select! {
            () = shown.wait_for_action_async(|response| {
                clicked = matches!(response, notify_rust::NotificationResponse::Default)
                    || matches!(response, notify_rust::NotificationResponse::Action(_));
            }) => {}
            () = withdrawn => shown.close_async().await,
        }
        if clicked {
            windows::raise(&handle);
            app.tell(AppEvent::OpenRoom { room_id: alert.room_id, event_id: alert.event_id });
        }
    }

    /// Shows a call as long as it rings, until `ended`.
    pub(super) async fn ring(handle: AppHandle, app: App, alert: CallAlert, ended: oneshot::Receiver<()>) {
        let mut notification = Notification::new();
        notification
            .appname("Hearth")
            .summary(&alert.title)
            .body(&escape(&alert.body))
            .icon("hearth")
            .hint(Hint::DesktopEntry("Hearth".to_owned()))
            .hint(Hint::Category("call.incoming".to_owned()))
            // The app rings itself.
            .hint(Hint::SuppressSound(true))
            .urgency(Urgency::Critical)
            .timeout(Timeout::Never)
            .action("default", "Open")
            .action("accept", "Accept")
            .action("decline", "Decline");
        let shown = match notification.show_async().await {
            Ok(shown) => shown,
            Err(error) => {
                tracing::info!(error = %error, "no notification can be shown here");
                return;
            }
        };
        let mut chosen = NotificationResponse::Closed(notify_rust::CloseReason::Expired);
        tokio::select! {
            () = shown.wait_for_action_async(|response| chosen = response.clone()) => {}
            _ = ended => return shown.close_async().await,
        }
        let call = alert.call.clone();
        let request = match &chosen {
            NotificationResponse::Action(action) if action == "decline" => Request::DeclineCall { call },
            NotificationResponse::Action(action) if action == "accept" => Request::AcceptCall { call, video: false },
            NotificationResponse::Closed(_) => return,
            _ => return open(&handle, &app, &alert),
        };
        if matches!(request, Request::AcceptCall { .. }) {
            open(&handle, &app, &alert);
        }
        if let Err(error) = app.request(request).await {
            tracing::info!(error = %error, "a call was over before it was answered");
        }
    }

    fn open(handle: &AppHandle, app: &App, alert: &CallAlert) {
        windows::raise(handle);
        app.tell(AppEvent::OpenRoom { room_id: alert.call.room_id.clone(), event_id: None });
    }

    /// A notification's body is markup.
    fn escape(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    }

    #[cfg(test)]
    mod tests {
        use super::escape;

        #[test]
        fn markup_in_a_message_is_shown_as_text() {
            assert_eq!(escape("<b>a</b> & b"), "&lt;b&gt;a&lt;/b&gt; &amp; b");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use app::{Alert, App, CallAlert};
    use tauri::AppHandle;
    use tokio::sync::oneshot;

    pub(super) async fn ring(_handle: AppHandle, _app: App, alert: CallAlert, _ended: oneshot::Receiver<()>) {
        tracing::debug!(room = alert.call.room_id, "this system's notifications are not spoken yet");
    }

    pub(super) async fn show(_handle: AppHandle, _app: App, alert: Alert) {
        tracing::debug!(room = alert.room_id, "this system's notifications are not spoken yet");
    }
}
