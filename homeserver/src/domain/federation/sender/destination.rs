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
    },
    store::{Durability, OutboxBatch, ServerSn, StoreError},
};

use super::Sender;

/// The specification's limits of a transaction.
const PDUS: u32 = 50;
const EDUS: u32 = 100;
/// Bytes of PDUs and EDUs that go into one transaction.
const BYTES: usize = 3 << 20;

impl Sender {
    /// Sends until nothing is owed, waiting while the server is away.
    pub(super) async fn empty_outbox(&self, server: ServerSn, bell: &Bell) -> Result<(), StoreError> {
        let name = self.store.read().await?.server_name(server).await?;
        self.store
            .write(Durability::Normal, move |tx| Box::pin(async move { tx.shorten_outbox(server).await }))
            .await?;
        let mut share = 1;
        loop {
            self.wait_for(&name, bell).await;
            bell.take();
            let batch = self.next_batch(server, share).await?;
            if batch.is_empty() {
                return Ok(());
            }
            match self.send(&name, server, &batch).await {
                Ok(()) => share = 1,
                Err(FederationError::Store(error)) => return Err(error),
                Err(error) if is_unacceptable(&error) && batch.len() > 1 => share = (share * 2).min(EDUS),
                Err(error) if is_unacceptable(&error) => {
                    // It would stand in the way of everything after it for ever.
                    tracing::warn!(server = %name, error = &error as &dyn std::error::Error, "A server refuses what it is owed; it is dropped.");
                    self.done(server, batch).await?;
                }
                Err(error) => {
                    tracing::debug!(server = %name, error = &error as &dyn std::error::Error, "A transaction could not be sent.");
                    self.failed(&name, &error).await?;
                }
            }
        }
    }

    async fn next_batch(&self, server: ServerSn, share: u32) -> Result<OutboxBatch, StoreError> {
        let (pdus, edus) = ((PDUS / share).max(1), (EDUS / share).max(1));
        let mut batch = self.store.read().await?.outbox_batch(server, pdus, edus).await?;
        if share > 1 && !batch.to_device.is_empty() {
            batch.events.clear();
        }
        if share > 1 && !(batch.to_device.is_empty() && batch.events.is_empty()) {
            batch.edus.clear();
        }
        batch.fit(BYTES);
        Ok(batch)
    }

    async fn send(&self, name: &ServerName, server: ServerSn, batch: &OutboxBatch) -> Result<(), FederationError> {
        let counter = self.store.read().await?.transactions_sent(server).await?;
        let mut request = send::Request::new(
            transaction_id(counter, batch),
            self.federation.client.server_name().to_owned(),
            self.clock.now(),
        );
        request.pdus = batch.events.iter().filter_map(|event| RawValue::from_string(event.json.clone()).ok()).collect();
        let edus = batch.to_device.iter().chain(&batch.edus);
        request.edus =
            edus.filter_map(|(_, edu)| RawValue::from_string(edu.clone()).ok()).map(Raw::<Edu>::from_json).collect();
        let response = self.federation.client.request(name, request, Deadline::Transaction).await?;
        for (event_id, reason) in
            response.pdus.iter().filter_map(|(id, result)| result.as_ref().err().map(|reason| (id, reason)))
        {
            tracing::info!(server = %name, event_id = %event_id, reason, "A server did not take an event.");
        }
        self.done(server, batch.clone()).await?;
        Ok(())
    }

    async fn done(&self, server: ServerSn, batch: OutboxBatch) -> Result<(), StoreError> {
        self.store
            .write(Durability::Full, move |tx| Box::pin(async move { tx.outbox_sent(server, &batch).await }))
            .await
    }

    /// Counts the failure, where the client has not done so already.
    async fn failed(&self, name: &ServerName, error: &FederationError) -> Result<(), StoreError> {
        match error {
            FederationError::Refused(_) | FederationError::Malformed(_) | FederationError::Request(_) => {
                let destinations = &self.federation.destinations;
                destinations.failed(name, destinations.begin()).await?;
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
        Ok(())
    }

    /// Returns when the server may be tried.
    async fn wait_for(&self, name: &ServerName, bell: &Bell) {
        while let Some(retry_ts) = self.federation.destinations.retry_at(name) {
            let wait = u64::try_from(retry_ts.saturating_sub(self.clock.now_ms())).unwrap_or_default();
            // The wall clock may jump: it is looked at again at least once a minute.
            let wait = Duration::from_millis(wait.clamp(10, 60_000));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = bell.notified() => {}
            }
        }
    }
}

/// Sending the same again can never succeed.
fn is_unacceptable(error: &FederationError) -> bool {
    match error {
        FederationError::Refused(error) => {
            let kind = error.error_kind();
            error.status_code == StatusCode::PAYLOAD_TOO_LARGE
                || (error.status_code == StatusCode::BAD_REQUEST
                    && !matches!(kind, None | Some(ErrorKind::LimitExceeded(_))))
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

/// A transaction with nothing in it: it says that we are here.
pub(super) fn empty_transaction(origin: &ServerName, now: ruma::MilliSecondsSinceUnixEpoch) -> send::Request {
    let id = format!("hello-{}-{:08x}", now.get(), rand::Rng::random::<u32>(&mut rand::rng()));
    send::Request::new(id.into(), origin.to_owned(), now)
}
