//! Check 3: the content hash fits; an event whose does not is taken without its content.

use ruma::{CanonicalJsonObject, canonical_json::redact, room_version_rules::RoomVersionRules, signatures::Verified};

use crate::domain::{
    events::{Pdu, pdu::Age},
    rooms::RoomsError,
};

pub(in crate::domain::rooms) fn check(
    rules: &RoomVersionRules,
    event: Pdu,
    object: CanonicalJsonObject,
    verified: Verified,
    age: Age,
) -> Result<Pdu, RoomsError> {
    match verified {
        Verified::All => Ok(event),
        Verified::Signatures => {
            let redacted =
                redact(object, &rules.redaction, None).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
            Ok(Pdu::parse_of(age, &redacted, rules)?)
        }
    }
}
