//! Events from outside become [`Pdu`]s here: parsed, signatures and content hash checked, stripped when the hash does not fit.

use ruma::{CanonicalJsonObject, OwnedServerName, RoomId, room_version_rules::RoomVersionRules};
use serde_json::value::RawValue;

use crate::domain::{
    events::{Pdu, pdu::Age},
    federation::keyring::Prepared,
};

use super::{Rooms, RoomsError, accept::checks};

/// Events whose signatures are checked before others may go on.
const AT_ONCE: usize = 50;

impl Rooms {
    /// Checks 1–3 of the specification's list for one event.
    pub async fn verified(&self, rules: &RoomVersionRules, json: &RawValue) -> Result<Pdu, RoomsError> {
        let object = serde_json::from_str(json.get()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        self.verified_object(rules, object, None, Age::New).await
    }

    /// The same for many events of one room; those that fail are left out.
    pub async fn verified_all(
        &self,
        rules: &RoomVersionRules,
        room_id: &RoomId,
        events: &[Box<RawValue>],
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
        events: &[Box<RawValue>],
        notaries: &[OwnedServerName],
        age: Age,
    ) -> Result<Vec<Pdu>, RoomsError> {
        let objects: Vec<CanonicalJsonObject> =
            events.iter().filter_map(|json| serde_json::from_str(json.get()).ok()).collect();
        let prepared = self.federation.keyring.prepare(rules, &objects, notaries).await;
        let mut verified = Vec::with_capacity(objects.len());
        let (mut ignored, mut last) = (0_usize, None);
        for (index, object) in objects.into_iter().enumerate() {
            if index % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            match self.verified_object(rules, object, Some(&prepared), age).await {
                Ok(event) if event.room_id == *room_id => verified.push(event),
                Ok(_) => {
                    ignored += 1;
                    last = Some("it is of another room".to_owned());
                }
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    ignored += 1;
                    last = Some(error.to_string());
                }
            }
        }
        if let Some(last) = last {
            tracing::info!(%room_id, ignored, last, "Events of another server were ignored.");
        }
        Ok(verified)
    }

    async fn verified_object(
        &self,
        rules: &RoomVersionRules,
        object: CanonicalJsonObject,
        prepared: Option<&Prepared>,
        age: Age,
    ) -> Result<Pdu, RoomsError> {
        // Format and size first: nothing is fetched for what is no event.
        let event = checks::format::check(rules, &object, age)?;
        let verified = checks::signatures::check(&self.federation.keyring, prepared, rules, &object).await?;
        checks::hash::check(rules, event, object, verified, age)
    }
}
