//! The sync loop: started, stopped, and whether the server answers.

use std::time::Duration;

use matrix_sdk_ui::sync_service::State;
use tokio::sync::broadcast::error::RecvError;

use crate::Session;

/// After a failed sync that offline mode does not cover, the loop is started again.
const RESTART_AFTER: Duration = Duration::from_secs(5);

/// After an error that may pass, messages are sent again.
const RESEND_AFTER: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    Connecting,
    Online,
    Offline,
    /// The access token is not valid any more.
    SignedOut,
}

impl Session {
    pub async fn start_sync(&self) {
        self.sync_loop().start().await;
    }

    pub async fn stop_sync(&self) {
        self.sync_loop().stop().await;
    }

    /// Tells the state now and at every change, and restarts the loop when it ended in an error; runs until dropped.
    pub async fn follow_sync(&self, mut tell: impl FnMut(SyncState) + Send) {
        let mut states = self.sync_loop().state();
        let mut state = states.next_now();
        loop {
            let view = match &state {
                State::Idle | State::Terminated => SyncState::Connecting,
                State::Running => SyncState::Online,
                State::Offline => SyncState::Offline,
                State::Error(error) if is_signed_out(error) => SyncState::SignedOut,
                State::Error(_) => SyncState::Offline,
            };
            tell(view);
            if let State::Error(error) = &state
                && view != SyncState::SignedOut
            {
                tracing::warn!(error = %error, "the sync loop ended in an error and is started again");
                tokio::time::sleep(RESTART_AFTER).await;
                self.start_sync().await;
            }
            match states.next().await {
                Some(next) => state = next,
                None => return,
            }
        }
    }

    /// The SDK stops a room's send queue at an error that may pass; the queue goes on when the server answers again, or after a while.
    pub(crate) fn retry_sending(&self) {
        let mut states = self.sync_loop().state();
        let mut errors = self.client().send_queue().subscribe_errors();
        let session = self.downgrade();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    state = states.next() => match state {
                        Some(State::Running) => {}
                        Some(_) => continue,
                        None => return,
                    },
                    error = errors.recv() => match error {
                        Ok(error) if error.is_recoverable => tokio::time::sleep(RESEND_AFTER).await,
                        Ok(_) => continue,
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return,
                    },
                }
                let Some(session) = session.upgrade() else { return };
                session.client().send_queue().set_enabled(true).await;
            }
        });
    }
}

fn is_signed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(http) = error.downcast_ref::<matrix_sdk::HttpError>() {
            return matches!(http.client_api_error_kind(), Some(ruma::api::error::ErrorKind::UnknownToken(_)));
        }
        current = error.source();
    }
    false
}
