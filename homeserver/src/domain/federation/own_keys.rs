//! The keys that we sign with: the one in use, and those of before it, which others need for what they signed.

use std::sync::{Arc, PoisonError, RwLock};

use crypto::ServerIdentity;
use ruma::signatures::Ed25519KeyPair;

use crate::store::{Durability, OldOwnKey, Store, StoreError};

/// The prefix of a PKCS#8 document that holds an ed25519 key's 32 bytes (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Our keys as everybody who signs shares them. Cheap to clone.
#[derive(Clone)]
pub struct OwnKeys(Arc<RwLock<Arc<Keys>>>);

pub(super) struct Keys {
    pub(super) identity: Arc<ServerIdentity>,
    /// For requests; `None` only when the identity holds no valid key, which its making rules out.
    pub(super) key_pair: Option<Ed25519KeyPair>,
    pub(super) old: Vec<OldOwnKey>,
}

impl Keys {
    fn new(identity: Arc<ServerIdentity>, old: Vec<OldOwnKey>) -> Arc<Self> {
        let mut document = zeroize::Zeroizing::new(PKCS8_PREFIX.to_vec());
        document.extend_from_slice(identity.secret().expose());
        let version = identity.key_id().key_name().to_string();
        let key_pair = Ed25519KeyPair::from_der(&document, version).ok();
        Arc::new(Self { identity, key_pair, old })
    }
}

impl OwnKeys {
    pub fn new(identity: Arc<ServerIdentity>) -> Self {
        Self(Arc::new(RwLock::new(Keys::new(identity, Vec::new()))))
    }

    pub(super) fn now(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs with this key from now on; whichever was used before is remembered as old, over restarts too.
    pub(super) async fn enter(&self, identity: Arc<ServerIdentity>, store: &Store) -> Result<(), StoreError> {
        let row = |key: &ServerIdentity| (key.key_id().to_string(), key.public_key_base64().encode());
        let (before, now) = (row(&self.now().identity), row(&identity));
        let old = store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.enter_own_key(&before.0, &before.1).await?;
                    tx.enter_own_key(&now.0, &now.1).await
                })
            })
            .await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(identity, old);
        Ok(())
    }
}
