//! The streams: each file joins one part's stream to one kind of push.

mod calls;
mod cameras;
mod connection;
mod events;
mod recording;
mod room;
mod room_list;
mod scan;
mod sound;
mod status;
mod timeline;
mod typing;

use client::Session;
use tokio::sync::watch;

use crate::{api::push::Subscription, app::App, subscriptions::Outlet};

pub(crate) async fn run(app: App, to: Subscription, out: Outlet) {
    match to {
        Subscription::Status => status::run(app, out).await,
        Subscription::Connection => connection::run(app, out).await,
        Subscription::Calls => calls::run(app, out).await,
        Subscription::CallFrames(call) => calls::frames(app, call, out).await,
        Subscription::SoundDevices => sound::devices(app, out).await,
        Subscription::Recording => recording::run(app, out).await,
        Subscription::MicrophoneLevel => sound::level(app, out).await,
        Subscription::Cameras => cameras::run(app, out).await,
        Subscription::Scan => scan::run(app, out).await,
        Subscription::Events => events::run(app, out).await,
        Subscription::RoomList => room_list::run(app, out).await,
        Subscription::Room { room_id } => room::run(app, room_id, out).await,
        Subscription::Timeline { room_id } => timeline::run(app, room_id, out).await,
        Subscription::Typing { room_id } => typing::run(app, room_id, out).await,
    }
}

/// Follows something of the session, of each session in turn; a failure is logged and the next session waited for.
async fn with_session<F>(app: &App, what: &'static str, mut follow: impl FnMut(Session) -> F)
where
    F: Future<Output = client::Result<()>>,
{
    let mut sessions = app.sessions();
    loop {
        let Some(session) = next(&mut sessions).await else { return };
        tokio::select! {
            result = follow(session) => {
                if let Err(error) = result {
                    tracing::warn!(stream = what, error = %crate::errors::chain(&error), "a stream of the session ended");
                }
                if sessions.changed().await.is_err() {
                    return;
                }
            }
            changed = sessions.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn next(sessions: &mut watch::Receiver<Option<Session>>) -> Option<Session> {
    let session = sessions.wait_for(Option::is_some).await.ok()?.clone();
    sessions.mark_unchanged();
    session
}
