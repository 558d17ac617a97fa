//! What suspended accounts may not do: the chapter on account suspension. Reading, leaving, verifying and signing out go on.

use http::Method;

/// Whether a suspended account is refused such a request. Redactions are the endpoint's: a user's own events may be redacted.
pub fn may_not(method: &Method, path: &str) -> bool {
    let changes = method == Method::PUT || method == Method::POST || method == Method::DELETE;
    let Some(rest) = path.strip_prefix("/_matrix/").filter(|_| changes) else { return false };
    // The API's and the endpoint's version do not matter.
    let segments: Vec<&str> = rest.split('/').skip(2).collect();
    match segments.as_slice() {
        ["rooms", _, "join" | "knock" | "invite" | "kick" | "ban" | "unban" | "upgrade"] => true,
        ["rooms", _, "send" | "state", ..] | ["join" | "knock", _] | ["createRoom"] => true,
        ["profile", ..] | ["directory", ..] | ["account", "3pid", "delete"] => true,
        ["create"] | ["upload", ..] => rest.starts_with("media/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, may_not};

    #[test]
    fn the_suspended_read_and_leave_but_do_not_speak() {
        for path in [
            "client/v3/join/!a",
            "client/v3/rooms/!a/join",
            "client/v3/knock/%23a",
            "client/v3/rooms/!a/invite",
            "client/v3/createRoom",
            "media/v3/upload",
            "media/v1/create",
        ] {
            assert!(may_not(&Method::POST, &format!("/_matrix/{path}")), "{path}");
        }
        for path in
            ["client/v3/rooms/!a/send/m.room.message/1", "client/v3/rooms/!a/state/m.x", "client/v3/profile/@a/x"]
        {
            assert!(may_not(&Method::PUT, &format!("/_matrix/{path}")), "{path}");
            assert!(!may_not(&Method::GET, &format!("/_matrix/{path}")), "{path}");
        }
        for path in [
            "client/v3/rooms/!a/leave",
            "client/v3/rooms/!a/receipt/m.read/$a",
            "client/v3/logout",
            "client/v3/keys/upload",
            "client/v3/account/deactivate",
            "client/v3/account/3pid/add",
            "client/v3/rooms/!a/redact/$a/1",
        ] {
            assert!(!may_not(&Method::POST, &format!("/_matrix/{path}")), "{path}");
        }
    }
}
