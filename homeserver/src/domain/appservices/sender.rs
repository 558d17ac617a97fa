//! Sends services what they are owed: one transaction at a time each, the same one again until it is acknowledged.

mod batch;
mod passing;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, Method, Request, header};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{ephemeral::Ephemeral, federation::Limits, notifier::Notifier},
    store::{Durability, Store, StoreError},
};

use super::{Appservice, Appservices};

/// One transaction.
const TRANSACTION: Limits = Limits { deadline: Duration::from_secs(60), body: 1 << 20 };
/// The pause after a first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: services are near, and nothing is ever given up.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The task that sends to services. Cheap to clone.
#[derive(Clone)]
pub struct AppserviceSender {
    appservices: Appservices,
    ephemeral: Ephemeral,
    notifier: Notifier,
}

/// A transaction that was not acknowledged.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppserviceSender {
    pub fn new(appservices: Appservices, ephemeral: Ephemeral, notifier: Notifier) -> Self {
        Self { appservices, ephemeral, notifier }
    }

    /// Sends until it is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let services = self.appservices.0.services.iter().filter(|service| service.registered.url.is_some());
        stop.run_until_cancelled(join_all(services.map(|service| self.serve(service)))).await;
    }

    async fn serve(&self, service: &Arc<Appservice>) {
        let mut news = self.notifier.watch_appservices();
        let mut failures = 0_u32;
        loop {
            news.borrow_and_update();
            match self.send_next(service).await {
                Ok(true) => failures = 0,
                Ok(false) => {
                    if news.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(service = service.id(), %error, "An application service does not take what it is sent; it is tried again.");
                    }
                    pause(service, failures).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    /// Sends the transaction under way or else the next one. Says whether there was anything to do.
    async fn send_next(&self, service: &Appservice) -> Result<bool, Failure> {
        let store = &self.appservices.0.store;
        let mut queue = store.read().await?.appservice_queue(service.sn).await?;
        if queue.body.is_none() {
            let Some(batch) = batch::next(&self.appservices, &self.ephemeral, service, queue.stream).await? else {
                return Ok(false);
            };
            let (sn, body) = (service.sn, batch.body.clone());
            store
                .write(Durability::Full, move |tx| {
                    Box::pin(async move {
                        tx.begin_appservice_transaction(sn, body.as_deref(), batch.events, batch.stream).await
                    })
                })
                .await
                .map_err(|error: StoreError| Failure::Store(error))?;
            queue.body = batch.body;
        }
        let Some(body) = queue.body else { return Ok(true) };
        self.put(service, queue.counter, body).await?;
        self.acknowledged(service, store).await?;
        Ok(true)
    }

    async fn put(&self, service: &Appservice, counter: i64, body: String) -> Result<(), Failure> {
        let refused = |reason: String| Failure::Refused(reason);
        let base = service.registered.url.as_deref().unwrap_or_default();
        let uri = format!("{base}/_matrix/app/v1/transactions/{}", batch::transaction_id(counter, &body));
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = uri.parse().map_err(|_| refused("its url cannot be used".to_owned()))?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.appservices.exchange(service, request, TRANSACTION).await;
        let answer = answer.map_err(|error| refused(error.to_string()))?;
        if answer.status().is_success() { Ok(()) } else { Err(refused(format!("it answered {}", answer.status()))) }
    }

    async fn acknowledged(&self, service: &Appservice, store: &Store) -> Result<(), StoreError> {
        let (appservices, sn) = (self.appservices.clone(), service.sn);
        let encryption = service.registered.encryption;
        let place = appservices.0.services.iter().position(|other| other.sn == sn);
        store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let (from, to) = tx.appservice_acknowledged(sn).await?;
                    let service = place.and_then(|place| appservices.0.services.get(place));
                    if let Some(service) = service.filter(|_| encryption) {
                        // The service has taken its devices' messages: nothing else will fetch them.
                        for message in tx.to_device_between(from, to, u32::MAX).await? {
                            if appservices.is_of(tx, service, message.user).await? {
                                tx.forget_to_device(message.position).await?;
                            }
                        }
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Waits before the next attempt: ever longer, or until the service shows that it is there.
async fn pause(service: &Appservice, failures: u32) {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
    tokio::time::sleep(FIRST_PAUSE.min(longest)).await;
    tokio::time::timeout(longest.saturating_sub(FIRST_PAUSE), service.alive.notified()).await.ok();
}
