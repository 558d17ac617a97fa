//! Whose signature is whose: our own key, and other servers' keys as far as they are known, kept and fetched.

mod at_hand;
mod fetch;
mod known;
mod notary;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use crypto::{
    ServerIdentity,
    name::{NameKind, kind},
};
use http::Request;
use lru::LruCache;
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName,
    api::federation::authentication::{XMatrix, XMatrixVerificationError},
    canonical_json::redact,
    room_version_rules::{RedactionRules, RoomVersionRules},
    serde::Base64,
    signatures::{
        JsonError, PublicKeyMap, PublicKeySet, VerificationError, Verified, hash_and_sign_event,
        required_server_signatures_to_verify_event, sign_event, sign_json, verify_event, verify_json,
    },
};

use crate::{
    clock::Clock,
    store::{OldOwnKey, SigningKeyAnswer, Store, StoreError},
};

pub use self::notary::Prepared;
use self::{
    fetch::DEADLINE,
    known::{KnownKeys, When},
};
use super::{key_answer, own_keys::OwnKeys, transport::Transport};

/// The id of the one key that a key name speaks of.
const KEY_NAME_KEY_ID: &str = "ed25519:1";
/// Servers whose keys are kept in memory.
const IN_MEMORY: NonZeroUsize = NonZeroUsize::new(2000).unwrap();
/// Servers asked for keys at the same time: those who sign requests, and those whose events are checked.
const REQUEST_FETCHES: usize = 24;
const EVENT_FETCHES: usize = 64;

/// Our key and everybody else's. Cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    own: OwnKeys,
    server_name: OwnedServerName,
    store: Store,
    clock: Clock,
    transport: Arc<dyn Transport>,
    known: Mutex<LruCache<OwnedServerName, Arc<KnownKeys>>>,
    own_answer: Mutex<Option<SigningKeyAnswer>>,
    fetches: fetch::Fetches,
}

/// Why something cannot be believed to be somebody's.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The name only looks like a key name.
    #[error("{0} is no server's name in the only spelling that it has")]
    Misspelt(OwnedServerName),
    #[error("it is not signed by {0}")]
    NotSigned(OwnedServerName),
    /// None of the keys it is signed with is known and valid; the server may be away.
    #[error("no valid key of {0} is known")]
    NoKey(OwnedServerName),
    #[error("it was signed for another server")]
    OtherDestination,
    #[error("the signature does not fit")]
    Signature(#[from] VerificationError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keyring {
    pub fn new(
        own: OwnKeys,
        server_name: OwnedServerName,
        store: Store,
        clock: Clock,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self(Arc::new(Inner {
            own,
            server_name,
            store,
            clock,
            transport,
            known: Mutex::new(LruCache::new(IN_MEMORY)),
            own_answer: Mutex::new(None),
            fetches: fetch::Fetches::default(),
        }))
    }

    /// The key that we sign with.
    pub fn identity(&self) -> Arc<ServerIdentity> {
        Arc::clone(&self.0.own.now().identity)
    }

    /// The same, and those that we signed with before, the newest first.
    pub fn own_keys(&self) -> (Arc<ServerIdentity>, Vec<OldOwnKey>) {
        let keys = self.0.own.now();
        (Arc::clone(&keys.identity), keys.old.clone())
    }

    /// Remembers the key of this start; another one that was used before it is published as old. Where the name is the key, there is
    /// only one.
    pub async fn enter_own_key(&self) -> Result<(), StoreError> {
        match kind(&self.0.server_name) {
            NameKind::Key(_) => Ok(()),
            NameKind::Ordinary | NameKind::Misspelt => self.replace_own_key(self.identity()).await,
        }
    }

    /// Signs with another key from now on. The caller has put it where the next start finds it.
    pub async fn replace_own_key(&self, identity: Arc<ServerIdentity>) -> Result<(), StoreError> {
        self.0.own.enter(identity, &self.0.store).await?;
        *self.0.own_answer.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Our own name, which our signatures stand under.
    pub fn server_name(&self) -> &ServerName {
        &self.0.server_name
    }

    /// Adds the content hash and our signature to an event of ours.
    pub fn hash_and_sign_event(
        &self,
        event: &mut CanonicalJsonObject,
        rules: &RedactionRules,
    ) -> Result<(), JsonError> {
        hash_and_sign_event(self.0.server_name.as_str(), &*self.identity(), event, rules)
    }

    /// Adds our signature to somebody else's event: an invite, or a restricted join that we vouch for.
    pub fn sign_event(&self, event: &mut CanonicalJsonObject, rules: &RedactionRules) -> Result<(), JsonError> {
        sign_event(self.0.server_name.as_str(), &*self.identity(), event, rules)
    }

    /// Adds our signature to an object.
    pub fn sign_json(&self, object: &mut CanonicalJsonObject) -> Result<(), JsonError> {
        sign_json(self.0.server_name.as_str(), &*self.identity(), object)
    }

    /// Our own answer to `/_matrix/key/v2/server`; signed anew when half of its time is over.
    pub fn own_answer(&self) -> Option<SigningKeyAnswer> {
        let now = self.0.clock.now_ms();
        let mut kept = self.0.own_answer.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |answer: &SigningKeyAnswer| {
            (0..key_answer::LONGEST_VALID_MS / 2).contains(&now.saturating_sub(answer.fetched_ts))
        };
        if !kept.as_ref().is_some_and(fresh) {
            let keys = self.0.own.now();
            *kept = key_answer::make(&keys.identity, &keys.old, &self.0.server_name, now);
        }
        kept.clone()
    }

    /// Checks the signatures that an event must have and says whether its content hash fits too.
    pub async fn verify_event(
        &self,
        rules: &RoomVersionRules,
        event: &CanonicalJsonObject,
    ) -> Result<Verified, VerifyError> {
        let mut keys = PublicKeyMap::new();
        for (server, key_ids, when) in wanted(rules, event)? {
            let set = self.keys(&server, &key_ids, when, DEADLINE).await?;
            keys.insert(server.into(), set);
        }
        Ok(verify_event(&keys, event, rules)?)
    }

    /// Checks that `server` signed `object` with a key that is valid now.
    pub async fn verify_json(&self, server: &ServerName, object: &CanonicalJsonObject) -> Result<(), VerifyError> {
        let key_ids = signature_ids(object, server);
        if key_ids.is_empty() {
            return Err(VerifyError::NotSigned(server.to_owned()));
        }
        let set = self.keys(server, &key_ids, When::Now, DEADLINE).await?;
        let mut object = object.clone();
        if let Some(CanonicalJsonValue::Object(signatures)) = object.get_mut("signatures") {
            signatures.retain(|entity, _| entity == server.as_str());
        }
        Ok(verify_json(&PublicKeyMap::from([(server.to_string(), set)]), &object)?)
    }

    /// Checks that `server` signed an event, whoever else must have.
    pub async fn verify_signed_event(
        &self,
        server: &ServerName,
        rules: &RoomVersionRules,
        event: &CanonicalJsonObject,
    ) -> Result<(), VerifyError> {
        let redacted = redact(event.clone(), &rules.redaction, None).map_err(VerificationError::from)?;
        self.verify_json(server, &redacted).await
    }

    /// Checks that a request comes from the server that it names and is meant for us.
    pub async fn verify_request(&self, authorization: &XMatrix, request: &Request<Bytes>) -> Result<(), VerifyError> {
        let server = &authorization.origin;
        if authorization.destination.as_ref().is_some_and(|destination| *destination != self.0.server_name) {
            return Err(VerifyError::OtherDestination);
        }
        let set = self.keys(server, &[authorization.key.to_string()], When::Now, DEADLINE).await?;
        let keys = PublicKeyMap::from([(server.to_string(), set)]);
        authorization.verify_request(request, &self.0.server_name, &keys).map_err(|error| match error {
            XMatrixVerificationError::Signature(error) => VerifyError::Signature(error),
            _ => VerifyError::OtherDestination,
        })
    }

    /// The keys of `server` among `key_ids` that may be used for something of that time; it is asked when none is known.
    async fn keys(
        &self,
        server: &ServerName,
        key_ids: &[String],
        when: When,
        deadline: Duration,
    ) -> Result<PublicKeySet, VerifyError> {
        if let Some(set) = self.keys_at_hand(server, key_ids, when).await? {
            return Ok(set);
        }
        let known = self.known(server).await?;
        let known = self.fetch(server, &known, when, deadline).await?;
        let set = known.usable(key_ids, when, self.0.clock.now_ms());
        if set.is_empty() { Err(VerifyError::NoKey(server.to_owned())) } else { Ok(set) }
    }

    /// The same without asking anybody; `None` when there is none.
    async fn keys_at_hand(
        &self,
        server: &ServerName,
        key_ids: &[String],
        when: When,
    ) -> Result<Option<PublicKeySet>, VerifyError> {
        if server == self.0.server_name {
            let own = KnownKeys::of_own(&self.0.own.now()).usable(key_ids, when, self.0.clock.now_ms());
            return if own.is_empty() { Err(VerifyError::NoKey(server.to_owned())) } else { Ok(Some(own)) };
        }
        match kind(server) {
            NameKind::Key(key) => {
                return Ok(Some(PublicKeySet::from([(KEY_NAME_KEY_ID.to_owned(), Base64::new(key.to_vec()))])));
            }
            NameKind::Misspelt => return Err(VerifyError::Misspelt(server.to_owned())),
            NameKind::Ordinary => {}
        }
        let set = self.known(server).await?.usable(key_ids, when, self.0.clock.now_ms());
        Ok((!set.is_empty()).then_some(set))
    }

    /// What memory or the store knows.
    async fn known(&self, server: &ServerName) -> Result<Arc<KnownKeys>, StoreError> {
        let cached = self.0.known.lock().unwrap_or_else(PoisonError::into_inner).get(server).cloned();
        if let Some(known) = cached {
            return Ok(known);
        }
        let mut db = self.0.store.read().await?;
        let rows = match db.server_sn(server).await? {
            Some(server) => db.signing_keys(server).await?,
            None => Vec::new(),
        };
        drop(db);
        let known = Arc::new(KnownKeys::from_rows(rows));
        self.remember(server, Arc::clone(&known));
        Ok(known)
    }

    fn remember(&self, server: &ServerName, known: Arc<KnownKeys>) {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).put(server.to_owned(), known);
    }
}

/// For each server whose signature the event needs: the keys it is signed with, and when.
fn wanted(
    rules: &RoomVersionRules,
    event: &CanonicalJsonObject,
) -> Result<Vec<(OwnedServerName, Vec<String>, When)>, VerifyError> {
    let when = match event.get("origin_server_ts") {
        Some(CanonicalJsonValue::Integer(ts)) if rules.enforce_key_validity => When::At((*ts).into()),
        _ => When::Ever,
    };
    required_server_signatures_to_verify_event(event, &rules.signatures)?
        .into_iter()
        .map(|server| {
            let key_ids = signature_ids(event, &server);
            if key_ids.is_empty() { Err(VerifyError::NotSigned(server)) } else { Ok((server, key_ids, when)) }
        })
        .collect()
}

/// The ids of the keys with which `server` signed; a few at most.
fn signature_ids(object: &CanonicalJsonObject, server: &ServerName) -> Vec<String> {
    let signatures = object.get("signatures").and_then(CanonicalJsonValue::as_object);
    let own = signatures.and_then(|map| map.get(server.as_str())).and_then(CanonicalJsonValue::as_object);
    own.into_iter().flat_map(BTreeMap::keys).filter(|id| id.starts_with("ed25519:")).take(8).cloned().collect()
}

#[cfg(test)]
mod tests;
