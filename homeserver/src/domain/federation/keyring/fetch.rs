//! Fetching other servers' keys: one request a server at a time, not too often, bounded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use ruma::{OwnedServerName, ServerName};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    domain::federation::{key_answer, transport::Limits},
    store::{Durability, StoreError},
};

use super::{
    EVENT_FETCHES, Keyring, REQUEST_FETCHES, VerifyError,
    known::{KnownKeys, When},
};

/// How long a server has to answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// A server is not asked for its keys more often than this.
const AGAIN_MS: i64 = 30_000;
/// One that did not answer is asked less and less often for what it once signed, down to this.
const AGAIN_LAST_MS: i64 = 3_600_000;
/// How long a request waits for its turn to ask.
const TURN: Duration = Duration::from_secs(5);

/// Why no keys came.
struct AskError {
    reason: String,
    /// Whether it counts against the server.
    silent: bool,
}

/// Fetches under way.
pub(super) struct Fetches {
    under_way: Mutex<HashMap<OwnedServerName, Weak<tokio::sync::Mutex<()>>>>,
    /// Who signs a request must not wait for those whose events are checked, and they not for strangers.
    for_requests: Semaphore,
    for_events: Semaphore,
}

impl Default for Fetches {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            for_requests: Semaphore::new(REQUEST_FETCHES),
            for_events: Semaphore::new(EVENT_FETCHES),
        }
    }
}

impl Fetches {
    fn turn(&self, server: &ServerName) -> Arc<tokio::sync::Mutex<()>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.len() > 1000 {
            under_way.retain(|_, turn| turn.strong_count() > 0);
        }
        if let Some(turn) = under_way.get(server).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        under_way.insert(server.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

impl Keyring {
    /// Asks the server for its keys, unless it was asked a moment ago. `before` is what was known.
    pub(super) async fn fetch(
        &self,
        server: &ServerName,
        before: &Arc<KnownKeys>,
        when: When,
        deadline: Duration,
    ) -> Result<Arc<KnownKeys>, VerifyError> {
        let turn = self.0.fetches.turn(server);
        let _turn = turn.lock().await;
        let known = self.known(server).await?;
        let fetched_meanwhile = !Arc::ptr_eq(&known, before);
        let patience = match when {
            // It has just spoken to us.
            When::Now => AGAIN_MS,
            When::At(_) | When::Ever => (AGAIN_MS << known.failures.min(10)).min(AGAIN_LAST_MS),
        };
        let since = |asked| self.0.clock.now_ms().saturating_sub(asked);
        let lately = known.asked_ts.is_some_and(|asked| (0..patience).contains(&since(asked)));
        if fetched_meanwhile || lately {
            return Ok(known);
        }
        let known = match self.ask(server, when, deadline).await {
            Ok(answer) => {
                let known = Arc::new(known.with(answer.keys.clone(), self.0.clock.now_ms()));
                self.keep(server, answer).await?;
                known
            }
            Err(AskError { reason, silent }) => {
                tracing::info!(server = %server, reason, "The keys of a server could not be fetched.");
                Arc::new(known.after_failure(silent, self.0.clock.now_ms()))
            }
        };
        self.remember(server, Arc::clone(&known));
        Ok(known)
    }

    async fn ask(
        &self,
        server: &ServerName,
        when: When,
        deadline: Duration,
    ) -> Result<key_answer::KeyAnswer, AskError> {
        let ours = |reason: String| AskError { reason, silent: false };
        let theirs = |reason: String| AskError { reason, silent: true };
        let _permit = match when {
            When::Now => timeout(TURN, self.0.fetches.for_requests.acquire())
                .await
                .map_err(|_| ours("too many servers are asked for their keys".to_owned()))?,
            When::At(_) | When::Ever => self.0.fetches.for_events.acquire().await,
        }
        .map_err(|error| ours(error.to_string()))?;
        let request =
            Request::get("/_matrix/key/v2/server").body(Bytes::new()).map_err(|error| ours(error.to_string()))?;
        let limits = Limits { deadline, body: key_answer::ANSWER_LIMIT };
        let sent = self.0.transport.send(server, request, limits).await;
        let response = sent.map_err(|error| AskError { silent: error.is_peers_fault(), reason: error.to_string() })?;
        if response.status() != StatusCode::OK {
            return Err(theirs(format!("status {}", response.status().as_u16())));
        }
        key_answer::read(server, response.body(), self.0.clock.now_ms()).map_err(|error| theirs(error.to_string()))
    }

    /// Our network is another: who did not answer before is asked again at once.
    pub fn forget_failures(&self) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, keys) in known.iter_mut().filter(|(_, keys)| keys.failures > 0) {
            *keys = Arc::new(keys.unasked());
        }
    }

    async fn keep(&self, server: &ServerName, answer: key_answer::KeyAnswer) -> Result<(), StoreError> {
        let server = server.to_owned();
        let write = self.0.store.write(Durability::Normal, move |tx| {
            Box::pin(async move { tx.put_signing_keys(&server, &answer.keys, &answer.answer).await })
        });
        write.await
    }
}
