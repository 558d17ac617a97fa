//! Check 1: it is an event of the room's version, and not larger than events are.

use ruma::{CanonicalJsonObject, room_version_rules::RoomVersionRules};

use crate::domain::events::{Pdu, pdu::PduError};

pub(in crate::domain::rooms) fn check(rules: &RoomVersionRules, object: &CanonicalJsonObject) -> Result<Pdu, PduError> {
    Pdu::parse(object, rules)
}
