//! Server access control lists: whether `m.room.server_acl` lets a server take part in a room.

use ruma::{ServerName, events::room::server_acl::RoomServerAclEventContent};
use serde_json::value::RawValue;

/// Whether `server` may take part in a room whose `m.room.server_acl` has this content; no such event lets everybody in.
///
/// Content that is none is as if the event were absent (the specification's own fields that have a wrong type count as their defaults:
/// a list without `allow` lets nobody in).
pub fn allows(content: Option<&RawValue>, server: &ServerName) -> bool {
    let Some(content) = content else { return true };
    let Ok(map) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(content.get()) else {
        return true;
    };
    let list = |field: &str| -> Vec<String> {
        let items = map.get(field).and_then(|value| value.as_array());
        items.into_iter().flatten().filter_map(|item| item.as_str()).map(str::to_owned).collect()
    };
    let literals = map.get("allow_ip_literals").and_then(serde_json::Value::as_bool).unwrap_or(true);
    RoomServerAclEventContent::new(literals, list("allow"), list("deny")).is_allowed(server)
}

#[cfg(test)]
mod tests {
    use ruma::server_name;
    use serde_json::value::RawValue;

    use super::allows;

    fn check(content: &str, server: &str) -> bool {
        let raw = RawValue::from_string(content.to_owned()).unwrap();
        allows(Some(&raw), <&ruma::ServerName>::try_from(server).unwrap())
    }

    #[test]
    fn no_list_lets_everybody_in_and_an_empty_one_nobody() {
        assert!(allows(None, server_name!("one.example")));
        assert!(!check("{}", "one.example"));
        assert!(!check(r#"{"allow":"*"}"#, "one.example"));
    }

    #[test]
    fn deny_wins_and_ports_do_not_matter() {
        let content = r#"{"allow":["*"],"deny":["*.bad.example","evil.example"],"allow_ip_literals":false}"#;
        assert!(check(content, "one.example:8448"));
        assert!(!check(content, "evil.example:99"));
        assert!(!check(content, "a.bad.example"));
        assert!(!check(content, "10.0.0.1:8448"));
        assert!(!check(content, "[::1]"));
    }
}
