//! Check 1: it is an event of the room's version, and not larger than events are.

use ruma::{CanonicalJsonObject, room_version_rules::RoomVersionRules};

use crate::domain::events::{
    Pdu,
    pdu::{Age, PduError},
};

pub(in crate::domain::rooms) fn check(
    rules: &RoomVersionRules,
    object: &CanonicalJsonObject,
    age: Age,
) -> Result<Pdu, PduError> {
    Pdu::parse_of(age, object, rules)
}
