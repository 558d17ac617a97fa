//! Recognises MatrixRTC: calls that this app cannot join yet.

use serde_json::Value;

/// Rings, and memberships that are not a goodbye: a session that leaves empties its own.
const RINGS: &[&str] =
    &["m.rtc.notification", "org.matrix.msc4075.rtc.notification", "m.call.notify", "org.matrix.msc4075.call.notify"];
const MEMBERSHIPS: &[&str] =
    &["m.rtc.member", "org.matrix.msc4143.rtc.member", "m.call.member", "org.matrix.msc3401.call.member"];

pub(super) fn is_call(event_type: &str, content: &Value) -> bool {
    if RINGS.contains(&event_type) {
        return content.is_object();
    }
    if !MEMBERSHIPS.contains(&event_type) {
        return false;
    }
    let older = content.get("memberships").map(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    older.unwrap_or_else(|| content.as_object().is_some_and(|content| content.contains_key("application")))
}
