//! One server's outbox, emptied transaction by transaction.

use std::time::Duration;

use data_encoding::HEXLOWER;
use http::StatusCode;
use ruma::{
    OwnedTransactionId, ServerName,
    api::{
        error::ErrorKind,
        federation::transactions::{edu::Edu, send_transaction_message::v1 as send},
    },
    serde::Raw,
};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::{
    domain::federation::{
        bells::Bell,
        client::{Deadline, FederationError},
        heads::{Telling, Transaction},
    },
    store::{Durability, OutboxBatch, RoomSn, ServerSn, StoreError},
};

use super::{Sender, hello::Greeting};

/// The specification's limits of a transaction.
const PDUS: u32 = 50;
const EDUS: u32 = 100;
/// Bytes of PDUs and EDUs that go into one transaction.
const BYTES: usize = 3 << 20;

impl Sender {
    /// Sends until nothing is owed, waiting while the server is away.
    pub(super) async fn empty_outbox(&self, server: ServerSn, bell: &Bell) -> Result<(), StoreError> {
        let name = self.store.read().await?.server_name(server).await?;
        let (mut share, mut old) = (1, true);
        loop {
            old |= self.wait_for(&name, bell).await;
            bell.take();
            let Ok(place) = self.places.acquire().await else { return Ok(()) };
            self.until_released().await;
            if std::mem::take(&mut old) {
                self.store
                    .write(Durability::Normal, move |tx| Box::pin(async move { tx.shorten_outbox(server).await }))
                    .await?;
            }
            let batch = self.next_batch(server, share).await?;
            let sent = if batch.is_empty() {
                // A greeting takes no memory, and most of those who are greeted are not there.
                drop(place);
                let Some(greeting) = self.greetings.due(server) else { return Ok(()) };
                let telling = self.federation.heads.for_server(server, None).await?;
                if greeting == Greeting::News && telling.heads.is_empty() {
                    self.greetings.done(server);
                    continue;
                }
                self.send(&name, server, &batch, telling).await
            } else {
                let telling = self.telling(&name, server, &batch).await?;
                let sent = self.send(&name, server, &batch, telling).await;
                drop(place);
                sent
            };
            match sent {
                Ok(()) => share = 1,
                Err(FederationError::Store(error)) => return Err(error),
                Err(error) if is_unacceptable(&error) && batch.len() > 1 => share = (share * 2).min(EDUS),
                Err(error) if is_unacceptable(&error) => {
                    // It would stand in the way of everything after it for ever.
                    tracing::warn!(server = %name, error = &error as &dyn std::error::Error, "A server refuses what it is owed.");
                    self.greetings.done(server);
                    self.refused(server, batch).await?;
                }
                Err(error) => {
                    tracing::debug!(server = %name, error = &error as &dyn std::error::Error, "A transaction could not be sent.");
                    if batch.is_empty() {
                        // Nothing but a greeting: it is the server's turn to speak.
                        self.greetings.done(server);
                    }
                    self.failed(&name, &error).await;
                }
            }
        }
    }

    async fn next_batch(&self, server: ServerSn, share: u32) -> Result<OutboxBatch, StoreError> {
        let (pdus, edus) = ((PDUS / share).max(1), (EDUS / share).max(1));
        let mut batch = self.store.read().await?.outbox_batch(server, pdus, edus, self.clock.now_ms()).await?;
        if share > 1 && !batch.to_device.is_empty() {
            batch.events.clear();
        }
        if share > 1 && !(batch.to_device.is_empty() && batch.events.is_empty()) {
            batch.edus.clear();
        }
        batch.fit(BYTES);
        Ok(batch)
    }

    /// The newest events of the rooms that a transaction is about, for a copy of this program.
    async fn telling(&self, name: &ServerName, server: ServerSn, batch: &OutboxBatch) -> Result<Telling, StoreError> {
        let heads = &self.federation.heads;
        if !heads.is_copy(name, server) {
            return Ok(Telling::default());
        }
        let mut rooms: Vec<RoomSn> = batch.events.iter().map(|event| event.room).collect();
        rooms.sort();
        rooms.dedup();
        heads.for_server(server, Some(rooms)).await
    }

    async fn send(
        &self,
        name: &ServerName,
        server: ServerSn,
        batch: &OutboxBatch,
        telling: Telling,
    ) -> Result<(), FederationError> {
        let counter = self.store.read().await?.transactions_sent(server).await?;
        let id = if batch.is_empty() { greeting_id(self.clock.now_ms()) } else { transaction_id(counter, batch) };
        let mut request = send::Request::new(id, self.federation.client.server_name().to_owned(), self.clock.now());
        request.pdus = batch.events.iter().filter_map(|event| RawValue::from_string(event.json.clone()).ok()).collect();
        let edus = batch.to_device.iter().chain(&batch.edus);
        request.edus =
            edus.filter_map(|(_, edu)| RawValue::from_string(edu.clone()).ok()).map(Raw::<Edu>::from_json).collect();
        let deadline = if batch.is_empty() { Deadline::Query } else { Deadline::Transaction };
        let request = Transaction { request, heads: telling.heads.clone() };
        let response = self.federation.client.request(name, request, deadline).await?;
        let heads = &self.federation.heads;
        heads.told(server, &telling);
        if !response.heads.is_empty() {
            heads.heard(name, server, response.heads).await?;
        }
        for (event_id, reason) in
            response.pdus.iter().filter_map(|(id, result)| result.as_ref().err().map(|reason| (id, reason)))
        {
            tracing::info!(server = %name, event_id = %event_id, reason, "A server did not take an event.");
        }
        self.greetings.done(server);
        if !batch.is_empty() {
            self.done(server, batch.clone()).await?;
        }
        Ok(())
    }

    /// Sending it again at once would not help: a message to a device is tried again on other days, the rest is dropped.
    async fn refused(&self, server: ServerSn, batch: OutboxBatch) -> Result<(), StoreError> {
        match batch.to_device.first() {
            Some((sn, _)) => {
                let sn = *sn;
                self.store
                    .write(Durability::Normal, move |tx| Box::pin(async move { tx.to_device_refused(sn).await }))
                    .await
            }
            None => self.done(server, batch).await,
        }
    }

    async fn done(&self, server: ServerSn, batch: OutboxBatch) -> Result<(), StoreError> {
        self.store
            .write(Durability::Full, move |tx| Box::pin(async move { tx.outbox_sent(server, &batch).await }))
            .await
    }

    /// Counts the failure, where the client has not done so already.
    async fn failed(&self, name: &ServerName, error: &FederationError) {
        match error {
            FederationError::Refused(_) | FederationError::Malformed(_) | FederationError::Request(_) => {
                let destinations = &self.federation.destinations;
                destinations.failed(name, destinations.begin());
            }
            // Our own side: it is looked at again in a while.
            FederationError::Send(error) if !error.is_peers_fault() => {
                tokio::time::sleep(Duration::from_secs(15)).await
            }
            // Never the case for what stands in an outbox by right; not to be tried in a tight loop in any case.
            FederationError::Ourselves | FederationError::Misspelt(_) => {
                tokio::time::sleep(Duration::from_secs(3600)).await
            }
            FederationError::Send(_) | FederationError::Away { .. } | FederationError::Store(_) => {}
        }
    }

    /// Returns when the server may be tried, and whether that took some time.
    async fn wait_for(&self, name: &ServerName, bell: &Bell) -> bool {
        let mut waited = false;
        while let Some(retry_ts) = self.federation.destinations.retry_at(name) {
            let wait = u64::try_from(retry_ts.saturating_sub(self.clock.now_ms())).unwrap_or_default();
            // The wall clock may jump: it is looked at again at least once a minute.
            let wait = Duration::from_millis(wait.clamp(10, 60_000));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = bell.notified() => {}
            }
            waited = true;
        }
        waited
    }
}

/// What was sent is the reason, not who it was sent to: a server, or a proxy before it, that is out of order says other things.
fn is_unacceptable(error: &FederationError) -> bool {
    match error {
        FederationError::Refused(error) => {
            let about_content = matches!(
                error.error_kind(),
                Some(ErrorKind::TooLarge | ErrorKind::BadJson | ErrorKind::NotJson | ErrorKind::InvalidParam)
            );
            error.status_code == StatusCode::PAYLOAD_TOO_LARGE
                || (error.status_code == StatusCode::BAD_REQUEST && about_content)
        }
        _ => false,
    }
}

/// The same for the same content as long as it is not acknowledged, so that a transaction repeated after a crash is told apart from a new one.
fn transaction_id(counter: i64, batch: &OutboxBatch) -> OwnedTransactionId {
    let mut hash = Sha256::new();
    let edus = batch.to_device.iter().chain(&batch.edus).map(|(_, edu)| edu);
    for content in batch.events.iter().map(|event| &event.json).chain(edus) {
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content.as_bytes());
    }
    let digest = HEXLOWER.encode(hash.finalize().get(..8).unwrap_or_default());
    format!("{counter}-{digest}").into()
}

/// A transaction with nothing in it says only that we are here.
fn greeting_id(now_ms: i64) -> OwnedTransactionId {
    format!("hello-{now_ms}-{:08x}", rand::Rng::random::<u32>(&mut rand::rng())).into()
}
