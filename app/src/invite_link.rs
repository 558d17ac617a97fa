//! Invite links: `hearth:u/alice:server?ticket=…`, who to write to and how to reach them.

use data_encoding::BASE64URL_NOPAD;
use url::Url;

use crate::api::error::{AppError, ErrorCode};

/// Longer than any ticket; a link also has to fit into a QR code.
const MAX_LINK: usize = 4096;
const MAX_TICKET: usize = 2048;
const MAX_USER_ID: usize = 255;

/// Whom a link names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteTarget {
    pub user_id: String,
    /// What our server needs to reach theirs, where a name alone is not enough.
    pub ticket: Option<String>,
}

/// Reads a link of ours, a `matrix:` or matrix.to address of a person, or a bare `@name:server`.
pub fn parse(link: &str) -> Result<InviteTarget, AppError> {
    let link = link.trim().trim_matches(['<', '>', '"']);
    if link.is_empty() || link.len() > MAX_LINK {
        return Err(bad("That is not an invite link."));
    }
    if link.starts_with('@') {
        return target(link.to_owned(), None);
    }
    let url = Url::parse(link).map_err(|_| bad("That is not an invite link."))?;
    match url.scheme() {
        "hearth" | "matrix" => {
            let ticket = url.query_pairs().find(|(name, _)| name == "ticket").map(|(_, ticket)| ticket.into_owned());
            let id = url.path().strip_prefix("u/").or_else(|| url.path().strip_prefix("user/"));
            let id = id.ok_or_else(|| bad("That link names no person."))?;
            target(format!("@{}", decoded(id)?), ticket.filter(|_| url.scheme() == "hearth"))
        }
        "https" | "http" if url.host_str() == Some("matrix.to") => {
            let fragment = url.fragment().unwrap_or_default();
            let id = fragment.trim_start_matches('/').split(['?', '/']).next().unwrap_or_default();
            target(decoded(id)?, None)
        }
        _ => Err(bad("That is not an invite link.")),
    }
}

/// The link of a person.
pub(crate) fn write(user_id: &str, ticket: Option<&str>) -> String {
    let bare = encoded(user_id.strip_prefix('@').unwrap_or(user_id));
    match ticket {
        Some(ticket) => format!("hearth:u/{bare}?ticket={}", encoded(ticket)),
        None => format!("hearth:u/{bare}"),
    }
}

/// The same person for other apps.
pub(crate) fn matrix_uri(user_id: &str) -> String {
    format!("matrix:u/{}?action=chat", encoded(user_id.strip_prefix('@').unwrap_or(user_id)))
}

fn target(user_id: String, ticket: Option<String>) -> Result<InviteTarget, AppError> {
    let valid = user_id.len() <= MAX_USER_ID
        && user_id.starts_with('@')
        && user_id.split_once(':').is_some_and(|(name, server)| name.len() > 1 && is_server_name(server));
    if !valid {
        return Err(bad("That link names no person."));
    }
    if let Some(ticket) = &ticket
        && (ticket.is_empty() || ticket.len() > MAX_TICKET || !ticket.bytes().all(is_ticket_byte))
    {
        return Err(bad("That invite link is damaged. Ask for a new one."));
    }
    Ok(InviteTarget { user_id, ticket })
}

fn is_server_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
}

fn is_ticket_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~' | b':' | b'=' | b'+' | b'/' | b'-')
}

fn decoded(text: &str) -> Result<String, AppError> {
    // A query pair is the one place where `url` decodes percents for us.
    let query = format!("x:?v={}", text.replace('+', "%2B").replace('&', "%26").replace('#', "%23"));
    let url = Url::parse(&query).map_err(|_| bad("That is not an invite link."))?;
    url.query_pairs().next().map(|(_, value)| value.into_owned()).ok_or_else(|| bad("That is not an invite link."))
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'=' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn bad(sentence: &str) -> AppError {
    AppError::new(ErrorCode::BadInviteLink, sentence)
}

/// A short random name, safe in links and file names.
pub(crate) fn random_name() -> String {
    BASE64URL_NOPAD.encode(crypto::Key::random().expose().first_chunk::<18>().unwrap_or(&[0; 18]))
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, InviteTarget, matrix_uri, parse, write};

    fn target(user_id: &str, ticket: Option<&str>) -> InviteTarget {
        InviteTarget { user_id: user_id.to_owned(), ticket: ticket.map(str::to_owned) }
    }

    #[test]
    fn what_is_written_is_read() {
        for (user_id, ticket) in [
            ("@alice:example.org", None),
            ("@a/b+c=d:abcdef.hearth.alt", Some("hearth1_ab-cd.EF=")),
            ("@alice:[::1]:8448", Some("a/b+c:d~e")),
        ] {
            assert_eq!(parse(&write(user_id, ticket)).unwrap(), target(user_id, ticket), "{user_id}");
            assert_eq!(parse(&matrix_uri(user_id)).unwrap(), target(user_id, None), "{user_id}");
        }
    }

    #[test]
    fn what_others_write_is_read() {
        for link in [
            "  @alice:example.org ",
            "https://matrix.to/#/@alice:example.org",
            "https://matrix.to/#/%40alice%3Aexample.org?via=x",
            "matrix:u/alice:example.org?action=chat",
            "<matrix:u/alice:example.org>",
        ] {
            assert_eq!(parse(link).unwrap(), target("@alice:example.org", None), "{link}");
        }
    }

    #[test]
    fn what_is_no_link_is_refused() {
        let long = format!("hearth:u/alice:example.org?ticket={}", "a".repeat(3000));
        let huge = "x".repeat(10_000);
        for link in [
            "",
            "hello",
            "@alice",
            "@:example.org",
            "@alice:",
            "hearth:",
            "hearth:u/",
            "hearth:r/room:example.org",
            "hearth:u/alice:exa mple.org",
            "https://example.org/#/@alice:example.org",
            "matrix:roomid/x:example.org",
            "hearth:u/alice:example.org?ticket=",
            "hearth:u/alice:example.org?ticket=%00%01",
            "javascript:alert(1)",
            long.as_str(),
            huge.as_str(),
        ] {
            assert_eq!(parse(link).unwrap_err().code, ErrorCode::BadInviteLink, "{link}");
        }
    }
}
