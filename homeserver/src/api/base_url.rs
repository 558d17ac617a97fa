//! Under which URL clients reach this server: the settings say it, or the request that came in shows it.

use http::{header, request};
use url::Url;

use crate::{config::Config, net::listener::Peer};

/// What discovery tells. Without the settings only a client that came over TLS knows a URL that others can use.
pub fn to_tell(config: &Config, head: &request::Parts) -> Option<String> {
    match (&config.public_url, head.extensions.get::<Peer>()) {
        (Some(url), _) => Some(without_slash(url)),
        (None, Some(Peer::Tls(_))) => asked("https", head),
        _ => None,
    }
}

/// A URL under which the client that asks reaches this server again.
pub fn of_request(config: &Config, head: &request::Parts) -> String {
    let seen = match (&config.public_url, head.extensions.get::<Peer>()) {
        (Some(url), _) => Some(without_slash(url)),
        (None, Some(Peer::Tls(_))) => asked("https", head),
        (None, Some(Peer::Tcp(_))) => asked("http", head),
        _ => None,
    };
    seen.unwrap_or_else(|| "http://localhost".to_owned())
}

/// The host that the request names, as far as it is one and nothing more.
fn asked(scheme: &str, head: &request::Parts) -> Option<String> {
    let host = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head.headers.get(header::HOST)?.to_str().ok()?,
    };
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (plain && url.password().is_none() && url.has_host()).then(|| without_slash(&url))
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
