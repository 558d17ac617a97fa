//! Check 2: the servers that must have signed the event did.

use ruma::{
    CanonicalJsonObject,
    room_version_rules::RoomVersionRules,
    signatures::{PublicKeyMap, Verified, verify_event},
};

use crate::domain::federation::{VerifyError, keyring::Keyring};

/// Fetches keys where they are not known. Answers on the way whether the content hash fits, which is [`super::hash`]'s to judge.
pub(in crate::domain::rooms) async fn check(
    keyring: &Keyring,
    rules: &RoomVersionRules,
    object: &CanonicalJsonObject,
) -> Result<Verified, VerifyError> {
    keyring.verify_event(rules, object).await
}

/// The same with keys at hand.
pub(in crate::domain::rooms) fn check_with(
    keys: &PublicKeyMap,
    rules: &RoomVersionRules,
    object: &CanonicalJsonObject,
) -> Result<Verified, VerifyError> {
    Ok(verify_event(keys, object, rules)?)
}
