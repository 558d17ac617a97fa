//! Policy servers: where a room has one, it signs what may be sent there, ours and everybody else's.

use std::sync::Arc;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedServerName,
    api::federation::policy::sign_event::v1 as sign_event,
    canonical_json::redact,
    events::{TimelineEventType, room::policy::POLICY_SERVER_ED25519_SIGNING_KEY_ID},
    room_version_rules::RoomVersionRules,
    serde::Base64,
    signatures::{PublicKeyMap, PublicKeySet, verify_json},
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::Pdu,
        federation::{Deadline, FederationError},
    },
    store::{Db, RoomSn, StoreError},
};

use super::{Rooms, RoomsError};

const EVENT: &str = "m.room.policy";

/// Whether a policy server must be asked about the event.
pub(super) async fn asks_policy(db: &mut Db, room: RoomSn, event: &Pdu) -> Result<bool, StoreError> {
    Ok(policy_of(db, room, event).await?.is_some())
}

/// Who is asked about the event: nobody about the one that says who is asked.
async fn policy_of(db: &mut Db, room: RoomSn, event: &Pdu) -> Result<Option<Policy>, StoreError> {
    if event.kind == TimelineEventType::from(EVENT) && event.state_key.as_deref() == Some("") {
        return Ok(None);
    }
    Policy::of_room(db, room).await
}

/// A room's policy server.
struct Policy {
    via: OwnedServerName,
    key: Base64,
}

impl Rooms {
    /// An event of ours with the signature of the room's policy server, where the room has one. Its refusal is answered as it came.
    pub(super) async fn signed_by_policy(
        &self,
        room: RoomSn,
        rules: &RoomVersionRules,
        event: Arc<Pdu>,
    ) -> Result<Arc<Pdu>, RoomsError> {
        match self.policy_for(room, &event).await? {
            None => Ok(event),
            Some(policy) => match self.ask_policy(&policy, rules, &event).await {
                Ok(Some(signed)) => Ok(signed),
                Ok(None) => Err(RoomsError::Forbidden("The room's policy server does not sign the event".to_owned())),
                Err(FederationError::Store(error)) => Err(error.into()),
                Err(FederationError::Refused(error)) => Err(RoomsError::Policy(Box::new(error))),
                Err(FederationError::Ourselves) => Err(RoomsError::Forbidden(
                    "The room names this server as its policy server, which it is not".to_owned(),
                )),
                Err(error) => Err(RoomsError::Unreachable(error.to_string())),
            },
        }
    }

    /// Whether the room's policy server need not be asked about an event: there is none, or it has signed.
    pub(super) async fn is_recommended(
        &self,
        room: RoomSn,
        rules: &RoomVersionRules,
        event: &Pdu,
    ) -> Result<bool, StoreError> {
        let Some(policy) = self.policy_for(room, event).await? else { return Ok(true) };
        Ok(serde_json::from_str(&event.json).is_ok_and(|object| policy.has_signed(rules, &object)))
    }

    /// An event of another server with the signature of the room's policy server, which is asked for it. `None`: it is to be
    /// soft-failed. To be called while nobody waits for the room.
    pub(super) async fn recommended(
        &self,
        room: RoomSn,
        rules: &RoomVersionRules,
        event: Arc<Pdu>,
    ) -> Result<Option<Arc<Pdu>>, StoreError> {
        let Some(policy) = self.policy_for(room, &event).await? else { return Ok(Some(event)) };
        match self.ask_policy(&policy, rules, &event).await {
            Ok(signed) => Ok(signed),
            Err(FederationError::Store(error)) => Err(error),
            Err(error) => {
                tracing::info!(event_id = %event.event_id, server = %policy.via, %error, "A policy server does not recommend an event.");
                Ok(None)
            }
        }
    }

    async fn policy_for(&self, room: RoomSn, event: &Pdu) -> Result<Option<Policy>, StoreError> {
        policy_of(&mut *self.store.read().await?, room, event).await
    }

    async fn ask_policy(
        &self,
        policy: &Policy,
        rules: &RoomVersionRules,
        event: &Pdu,
    ) -> Result<Option<Arc<Pdu>>, FederationError> {
        let malformed = |error: serde_json::Error| FederationError::Malformed(error.to_string());
        let json = RawValue::from_string(event.json.clone()).map_err(malformed)?;
        let request = sign_event::Request::new(json);
        let answer = self.federation.client.request(&policy.via, request, Deadline::Policy).await?;
        let Some(signature) = answer.ed25519_signature(&policy.via) else { return Ok(None) };
        let mut object: CanonicalJsonObject = serde_json::from_str(&event.json).map_err(malformed)?;
        put_signature(&mut object, policy.via.as_str(), signature);
        if !policy.has_signed(rules, &object) {
            return Ok(None);
        }
        Ok(Pdu::parse(&object, rules).ok().filter(|signed| signed.event_id == event.event_id).map(Arc::new))
    }
}

impl Policy {
    /// The room's state names one, and somebody of it is in the room.
    async fn of_room(db: &mut Db, room: RoomSn) -> Result<Option<Self>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Event {
            content: Content,
        }
        #[derive(serde::Deserialize)]
        struct Content {
            via: OwnedServerName,
            public_keys: Keys,
        }
        #[derive(serde::Deserialize)]
        struct Keys {
            ed25519: String,
        }
        let Some(event) = db.current_state_event(room, EVENT, "").await? else { return Ok(None) };
        let Ok(Event { content }) = serde_json::from_str::<Event>(&event.json) else { return Ok(None) };
        let Ok(key) = Base64::parse(&content.public_keys.ed25519) else { return Ok(None) };
        let joined = match db.server_sn(&content.via).await? {
            Some(server) => db.server_is_joined(room, server).await?,
            None => false,
        };
        Ok(joined.then_some(Self { via: content.via, key }))
    }

    fn has_signed(&self, rules: &RoomVersionRules, object: &CanonicalJsonObject) -> bool {
        let Ok(mut object) = redact(object.clone(), &rules.redaction, None) else { return false };
        let own = signatures_of(&object, self.via.as_str());
        let Some(signature) = own.and_then(|own| own.get(POLICY_SERVER_ED25519_SIGNING_KEY_ID)) else { return false };
        let own = CanonicalJsonObject::from([(POLICY_SERVER_ED25519_SIGNING_KEY_ID.to_owned(), signature.clone())]);
        let only = CanonicalJsonObject::from([(self.via.to_string(), own.into())]);
        object.insert("signatures".to_owned(), only.into());
        let keys = PublicKeySet::from([(POLICY_SERVER_ED25519_SIGNING_KEY_ID.to_owned(), self.key.clone())]);
        verify_json(&PublicKeyMap::from([(self.via.to_string(), keys)]), &object).is_ok()
    }
}

fn signatures_of<'a>(object: &'a CanonicalJsonObject, server: &str) -> Option<&'a CanonicalJsonObject> {
    object.get("signatures")?.as_object()?.get(server)?.as_object()
}

fn put_signature(object: &mut CanonicalJsonObject, server: &str, signature: &str) {
    let empty = || CanonicalJsonValue::Object(CanonicalJsonObject::new());
    let signatures = object.entry("signatures".to_owned()).or_insert_with(empty);
    if let CanonicalJsonValue::Object(signatures) = signatures
        && let CanonicalJsonValue::Object(own) = signatures.entry(server.to_owned()).or_insert_with(empty)
    {
        own.insert(POLICY_SERVER_ED25519_SIGNING_KEY_ID.to_owned(), signature.to_owned().into());
    }
}
