//! The STUN and TURN servers of the homeserver, fetched anew before their credentials run out.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use calls::peer::IceServer;
use client::Session;

use crate::app::App;

const NONE_YET: Duration = Duration::from_secs(600);
const AFTER_FAILURE: Duration = Duration::from_secs(60);
const AT_LEAST: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
pub(super) struct Servers(Arc<Mutex<Vec<IceServer>>>);

impl Servers {
    pub(super) fn start(app: &App, session: Session) -> Self {
        let servers = Self::default();
        app.spawn(servers.clone().follow(session));
        servers
    }

    pub(super) fn now(&self) -> Vec<IceServer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn follow(self, session: Session) {
        loop {
            let pause = match session.turn_servers().await {
                Ok(found) => {
                    let pause = found.as_ref().map_or(NONE_YET, |found| (found.lifetime / 2).max(AT_LEAST));
                    let servers = found.map(|found| IceServer {
                        uris: found.uris,
                        username: found.username,
                        password: found.password,
                    });
                    *self.0.lock().unwrap_or_else(PoisonError::into_inner) = servers.into_iter().collect();
                    pause
                }
                Err(error) => {
                    tracing::debug!(error = %crate::errors::chain(&error), "the servers for calls could not be asked for");
                    AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}
