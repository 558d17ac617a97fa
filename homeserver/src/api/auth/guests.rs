//! What guests may do: the list of the specification's chapter on guest access.

use http::Method;

/// Whether a guest may send such a request.
pub fn may(method: &Method, path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/_matrix/client/") else { return false };
    // The version of the endpoint does not matter.
    let segments: Vec<&str> = rest.split('/').skip(1).collect();
    let get = method == Method::GET;
    match segments.as_slice() {
        // `/versions` has no version of its own.
        [] => get,
        ["rooms", _, "state" | "members" | "messages" | "initialSync"] => get,
        ["rooms", _, "context" | "event", _] => get,
        ["rooms", _, "state", ..] => get || method == Method::PUT,
        ["sync" | "events" | "devices"] => get,
        ["media", "download" | "thumbnail", ..] => get,
        ["rooms", _, "join" | "leave"] | ["join", _] => method == Method::POST,
        ["rooms", _, "send", _, _] | ["sendToDevice", _, _] => method == Method::PUT,
        ["profile", _, "displayname"] => true,
        ["devices", _] => get || method == Method::PUT,
        ["account", "whoami"] => get,
        ["keys", "upload" | "query" | "claim"] => method == Method::POST,
        ["logout"] | ["logout", "all"] => method == Method::POST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, may};

    #[test]
    fn guests_read_and_talk_but_do_not_make_rooms() {
        assert!(may(&Method::GET, "/_matrix/client/v3/rooms/!a/messages"));
        assert!(may(&Method::PUT, "/_matrix/client/v3/rooms/!a/send/m.room.message/1"));
        assert!(may(&Method::GET, "/_matrix/client/versions"));
        assert!(!may(&Method::POST, "/_matrix/client/v3/createRoom"));
        assert!(!may(&Method::DELETE, "/_matrix/client/v3/devices/A"));
        assert!(!may(&Method::POST, "/_matrix/media/v3/upload"));
    }
}
