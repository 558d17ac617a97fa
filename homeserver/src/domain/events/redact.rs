//! Redaction: what is left of an event.

use ruma::{CanonicalJsonObject, canonical_json::redact, room_version_rules::RoomVersionRules};

/// The event's JSON without what redaction takes away.
pub fn redacted_json(json: &str, rules: &RoomVersionRules) -> Option<String> {
    let object: CanonicalJsonObject = serde_json::from_str(json).ok()?;
    let redacted = redact(object, &rules.redaction, None).ok()?;
    serde_json::to_string(&redacted).ok()
}
