//! Check 2: the servers that must have signed the event did.

use ruma::{CanonicalJsonObject, room_version_rules::RoomVersionRules, signatures::Verified};

use crate::domain::federation::{
    VerifyError,
    keyring::{Keyring, Prepared},
};

/// Nobody is asked for keys any more when they are `prepared`. Answers on the way whether the content hash fits, which is [`super::hash`]'s to judge.
pub(in crate::domain::rooms) async fn check(
    keyring: &Keyring,
    prepared: Option<&Prepared>,
    rules: &RoomVersionRules,
    object: &CanonicalJsonObject,
) -> Result<Verified, VerifyError> {
    match prepared {
        Some(prepared) => keyring.verify_prepared(prepared, rules, object).await,
        None => keyring.verify_event(rules, object).await,
    }
}
