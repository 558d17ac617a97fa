//! Which `Host` a plain listener answers: a page that rebinds its own name to loopback must get nothing.

use std::{collections::BTreeSet, sync::Arc};

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri, header};

/// The host names that requests may carry. Ports do not matter.
#[derive(Clone, Debug)]
pub struct Hosts(Option<Arc<BTreeSet<String>>>);

impl Hosts {
    /// Every host: for TLS, where the certificate has spoken, and for sockets that no browser reaches.
    pub fn any() -> Self {
        Self(None)
    }

    /// `localhost`, the loopback addresses and these, without ports.
    pub fn local_and(names: impl IntoIterator<Item = String>) -> Self {
        let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        Self(Some(Arc::new(local.into_iter().chain(names).map(|name| normal(&name)).collect())))
    }

    /// `None` when the request may pass, else the answer to give.
    pub(super) fn refuse(&self, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        let names = self.0.as_ref()?;
        let mut carried = headers.get_all(header::HOST).iter();
        let host = match (uri.authority(), carried.next(), carried.next()) {
            (Some(authority), None, None) => Some(authority.clone()),
            (None, Some(host), None) => host.to_str().ok().and_then(|host| host.parse().ok()),
            (Some(authority), Some(host), None) => {
                Some(authority.clone()).filter(|authority| authority.as_str() == host)
            }
            _ => None,
        };
        if host.is_some_and(|host| names.contains(&normal(host.host()))) {
            return None;
        }
        let body = axum::Json(serde_json::json!({
            "errcode": "M_FORBIDDEN",
            "error": "This server does not answer for that host name",
        }));
        Some((StatusCode::FORBIDDEN, body).into_response())
    }
}

fn normal(name: &str) -> String {
    name.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Uri, header};

    use super::Hosts;

    fn passes(hosts: &Hosts, carried: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in carried {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        hosts.refuse(&Uri::from_static("/x"), &headers).is_none()
    }

    #[test]
    fn only_known_hosts_pass_with_any_port_and_in_any_case() {
        let hosts = Hosts::local_and(["Example.org".to_owned()]);
        for known in ["localhost:8008", "LOCALHOST", "127.0.0.1:1", "[::1]:8008", "example.ORG", "example.org.:443"] {
            assert!(passes(&hosts, &[known]), "{known}");
        }
        for unknown in ["evil.example", "localhost.evil.example", "127.0.0.2", "", "a b", "user@evil:x"] {
            assert!(!passes(&hosts, &[unknown]), "{unknown}");
        }
        assert!(!passes(&hosts, &[]));
        assert!(!passes(&hosts, &["localhost", "evil.example"]));
        assert!(passes(&Hosts::any(), &["evil.example"]));
        let absolute = Uri::from_static("http://evil.example/x");
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        assert!(hosts.refuse(&absolute, &headers).is_some());
    }
}
