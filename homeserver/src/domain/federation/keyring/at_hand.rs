//! Checking events with the keys that are here already: nobody is asked.

use ruma::{
    CanonicalJsonObject,
    room_version_rules::RoomVersionRules,
    signatures::{PublicKeyMap, verify_event},
};

use super::{Keyring, VerifyError, wanted};

impl Keyring {
    /// Whether the signatures of an event hold; `None` when keys would have to be fetched first.
    pub async fn verify_at_hand(
        &self,
        rules: &RoomVersionRules,
        event: &CanonicalJsonObject,
    ) -> Result<Option<()>, VerifyError> {
        let mut keys = PublicKeyMap::new();
        for (server, key_ids, when) in wanted(rules, event)? {
            let Some(set) = self.keys_at_hand(&server, &key_ids, when).await? else { return Ok(None) };
            keys.insert(server.into(), set);
        }
        verify_event(&keys, event, rules)?;
        Ok(Some(()))
    }
}
