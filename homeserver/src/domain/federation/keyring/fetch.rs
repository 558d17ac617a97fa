//! Fetching other servers' keys: one request a server at a time, not too often, bounded; and answering as a notary.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use tokio::sync::Semaphore;

use crate::{
    domain::federation::{key_answer, transport::Limits},
    store::{Durability, SigningKeyAnswer, StoreError},
};

use super::{Keyring, PARALLEL, VerifyError, known::KnownKeys};

const DEADLINE: Duration = Duration::from_secs(10);
/// A server is not asked for its keys more often than this.
const AGAIN_MS: i64 = 30_000;

/// Fetches under way.
pub(super) struct Fetches {
    under_way: Mutex<HashMap<OwnedServerName, Weak<tokio::sync::Mutex<()>>>>,
    permits: Semaphore,
}

impl Default for Fetches {
    fn default() -> Self {
        Self { under_way: Mutex::default(), permits: Semaphore::new(PARALLEL) }
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
    ) -> Result<Arc<KnownKeys>, VerifyError> {
        let turn = self.0.fetches.turn(server);
        let _turn = turn.lock().await;
        let known = self.known(server).await?;
        let now = self.0.clock.now_ms();
        let fetched_meanwhile = !Arc::ptr_eq(&known, before);
        let lately = known.asked_ts.is_some_and(|asked| (0..AGAIN_MS).contains(&now.saturating_sub(asked)));
        if fetched_meanwhile || lately {
            return Ok(known);
        }
        let known = match self.ask(server).await {
            Ok(answer) => {
                let known = Arc::new(known.with(answer.keys.clone(), now));
                self.keep(server, answer).await?;
                known
            }
            Err(reason) => {
                tracing::info!(server = %server, reason, "The keys of a server could not be fetched.");
                Arc::new(known.with(Vec::new(), now))
            }
        };
        self.remember(server, Arc::clone(&known));
        Ok(known)
    }

    async fn ask(&self, server: &ServerName) -> Result<key_answer::KeyAnswer, String> {
        let _permit = self.0.fetches.permits.acquire().await.map_err(|error| error.to_string())?;
        let request = Request::get("/_matrix/key/v2/server").body(Bytes::new()).map_err(|error| error.to_string())?;
        let limits = Limits { deadline: DEADLINE, body: key_answer::ANSWER_LIMIT };
        let response = self.0.transport.send(server, request, limits).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status().as_u16()));
        }
        key_answer::read(server, response.body(), self.0.clock.now_ms()).map_err(|error| error.to_string())
    }

    async fn keep(&self, server: &ServerName, answer: key_answer::KeyAnswer) -> Result<(), StoreError> {
        let server = server.to_owned();
        let write = self.0.store.write(Durability::Normal, move |tx| {
            Box::pin(async move { tx.put_signing_keys(&server, &answer.keys, &answer.answer).await })
        });
        write.await
    }

    /// As a notary: the server's own newest answer, fetched when none is good until `minimum_valid_until_ts`, with our signature added.
    ///
    /// `None` when the server never answered. The caller bounds how many servers are asked for.
    pub async fn notarise(
        &self,
        server: &ServerName,
        minimum_valid_until_ts: i64,
    ) -> Result<Option<String>, VerifyError> {
        if server == self.0.server_name {
            return Ok(self.own_answer().map(|answer| answer.json));
        }
        if crypto::name::kind(server) == crypto::name::NameKind::Misspelt {
            return Ok(None);
        }
        let mut answer = self.kept_answer(server).await?;
        if answer.as_ref().is_none_or(|answer| answer.valid_until_ts < minimum_valid_until_ts) {
            let known = self.known(server).await?;
            self.fetch(server, &known).await?;
            answer = self.kept_answer(server).await?;
        }
        let Some(answer) = answer else { return Ok(None) };
        let mut object: CanonicalJsonObject =
            serde_json::from_str(&answer.json).map_err(|_| StoreError::Damaged("a server's key answer"))?;
        self.sign_json(&mut object).map_err(|_| StoreError::Damaged("a server's key answer"))?;
        Ok(serde_json::to_string(&object).ok())
    }

    async fn kept_answer(&self, server: &ServerName) -> Result<Option<SigningKeyAnswer>, StoreError> {
        let mut db = self.0.store.read().await?;
        match db.server_sn(server).await? {
            Some(server) => db.signing_key_answer(server).await,
            None => Ok(None),
        }
    }
}
