//! Events from outside become [`Pdu`]s here: parsed, signatures and content hash checked, stripped when the hash does not fit.

use std::sync::Arc;

use ruma::{
    CanonicalJsonObject, OwnedServerName, RoomId, room_version_rules::RoomVersionRules, signatures::PublicKeyMap,
};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use crate::{
    domain::{
        events::{Pdu, pdu::Age},
        federation::VerifyError,
    },
    store::StoreError,
};

use super::{Rooms, RoomsError, accept::checks};

/// Events that are checked at a time, on a thread of their own.
const AT_ONCE: usize = 50;
/// Threads that do so: who answers with thousands of events does not take the whole machine.
const THREADS: usize = 2;

/// Places for those threads. Cheap to clone.
#[derive(Clone)]
pub(super) struct Verifying(Arc<Semaphore>);

impl Default for Verifying {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }
}

impl Verifying {
    /// Computes something on another thread, when it is its turn.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        let _place = self.0.acquire().await.map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)
    }
}

impl Rooms {
    /// Checks 1–3 of the specification's list for one event.
    pub async fn verified(&self, rules: &RoomVersionRules, json: &RawValue) -> Result<Pdu, RoomsError> {
        let object: CanonicalJsonObject =
            serde_json::from_str(json.get()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        // Format and size first: nothing is fetched for what is no event.
        let event = checks::format::check(rules, &object, Age::New)?;
        let verified = checks::signatures::check(&self.federation.keyring, rules, &object).await?;
        checks::hash::check(rules, event, object, verified, Age::New)
    }

    /// The same for many events of one room; those that fail are left out.
    pub async fn verified_all(
        &self,
        rules: &RoomVersionRules,
        room_id: &RoomId,
        events: Vec<Box<RawValue>>,
        age: Age,
    ) -> Result<Vec<Pdu>, RoomsError> {
        let room = self.store.read().await?.room_sn(room_id).await?;
        let notaries = match room {
            Some(room) => self.servers_of(room).await?,
            None => Vec::new(),
        };
        self.verified_with(rules, room_id, events, &notaries, age).await
    }

    /// The same; `notaries` are asked for the keys of servers that do not answer.
    pub async fn verified_with(
        &self,
        rules: &RoomVersionRules,
        room_id: &RoomId,
        events: Vec<Box<RawValue>>,
        notaries: &[OwnedServerName],
        age: Age,
    ) -> Result<Vec<Pdu>, RoomsError> {
        let mut objects: Vec<CanonicalJsonObject> = Vec::with_capacity(events.len());
        for events in in_parts(events) {
            let parse =
                move || events.iter().filter_map(|json| serde_json::from_str(json.get()).ok()).collect::<Vec<_>>();
            objects.extend(self.verifying.compute(parse).await?);
        }
        let prepared = self.federation.keyring.prepare(rules, &objects, notaries).await;
        let mut verified = Vec::with_capacity(objects.len());
        let (mut ignored, mut last) = (0_usize, None);
        for objects in in_parts(objects) {
            let mut ready = Vec::with_capacity(objects.len());
            for object in objects {
                match self.federation.keyring.prepared_keys(&prepared, rules, &object).await {
                    Ok(keys) => ready.push((object, keys)),
                    Err(VerifyError::Store(error)) => return Err(error.into()),
                    Err(error) => {
                        ignored += 1;
                        last = Some(error.to_string());
                    }
                }
            }
            let rules = rules.clone();
            let check =
                move || ready.into_iter().map(|(object, keys)| check(&rules, object, &keys, age)).collect::<Vec<_>>();
            for event in self.verifying.compute(check).await? {
                match event {
                    Ok(event) if event.room_id == *room_id => verified.push(event),
                    Ok(_) => {
                        ignored += 1;
                        last = Some("it is of another room".to_owned());
                    }
                    Err(error) => {
                        ignored += 1;
                        last = Some(error.to_string());
                    }
                }
            }
        }
        if let Some(last) = last {
            tracing::info!(%room_id, ignored, last, "Events of another server were ignored.");
        }
        Ok(verified)
    }
}

/// The same checks with the keys at hand.
fn check(
    rules: &RoomVersionRules,
    object: CanonicalJsonObject,
    keys: &PublicKeyMap,
    age: Age,
) -> Result<Pdu, RoomsError> {
    let event = checks::format::check(rules, &object, age)?;
    let verified = checks::signatures::check_with(keys, rules, &object)?;
    checks::hash::check(rules, event, object, verified, age)
}

fn in_parts<T>(all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut all = all.into_iter();
    std::iter::from_fn(move || {
        let part: Vec<T> = all.by_ref().take(AT_ONCE).collect();
        (!part.is_empty()).then_some(part)
    })
}
