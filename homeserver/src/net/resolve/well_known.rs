//! GET /.well-known/matrix/server of another host: whom it delegates federation to, and for how long.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use ruma::OwnedServerName;
use serde::Deserialize;
use url::Url;

use super::Authority;
use crate::net::{
    body::BodyLimits,
    error::TransportError,
    outgoing::{ExchangeLimits, Outgoing},
};

const REDIRECTS: usize = 5;
const BODY_MAX: u64 = 50 * 1024;
const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const LIFETIME_MAX: Duration = Duration::from_secs(48 * 3600);
/// A document that must not be cached is still not fetched for every request.
const LIFETIME_MIN: Duration = Duration::from_secs(60);

/// A valid document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellKnown {
    pub server: Authority,
    pub lifetime: Duration,
}

/// Why there is none, in words for the log. Whoever never had one goes on without in both cases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWellKnown {
    /// The host answered, and delegates to nobody.
    #[error("{0}")]
    Absent(String),
    /// The host could not be asked: what it said before still holds.
    #[error("{0}")]
    Unreachable(String),
}

/// Where documents come from.
pub trait FetchWellKnown: Send + Sync {
    fn fetch<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<WellKnown, NoWellKnown>>;
}

/// The real source.
pub struct WellKnownOverHttps {
    outgoing: Arc<Outgoing>,
    port: u16,
}

impl WellKnownOverHttps {
    pub fn new(outgoing: Arc<Outgoing>) -> Self {
        Self::on_port(outgoing, 443)
    }

    /// For tests, which cannot listen on port 443.
    pub(in crate::net) fn on_port(outgoing: Arc<Outgoing>, port: u16) -> Self {
        Self { outgoing, port }
    }

    async fn read(&self, host: &str) -> Result<WellKnown, NoWellKnown> {
        let absent = |reason: String| NoWellKnown::Absent(reason);
        let url = format!("https://{host}:{}/.well-known/matrix/server", self.port);
        let url = Url::parse(&url).map_err(|error| absent(error.to_string()))?;
        let body = BodyLimits { bytes: BODY_MAX, idle: Duration::from_secs(5), total: Duration::from_secs(10) };
        let limits = ExchangeLimits { head: Duration::from_secs(15), body };
        let unreachable = |error: TransportError| NoWellKnown::Unreachable(error.to_string());
        let (_, response) = self.outgoing.get(&url, REDIRECTS, limits).await.map_err(unreachable)?;
        let status = response.status();
        if status != StatusCode::OK {
            let reason = format!("the answer is {status}");
            let for_now = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err(if for_now { NoWellKnown::Unreachable(reason) } else { absent(reason) });
        }
        let lifetime = lifetime(response.headers());
        let body = response.into_body().bytes(BODY_MAX).await.map_err(|error| match error {
            TransportError::TooLarge(_) => absent(error.to_string()),
            error => unreachable(error),
        })?;
        Ok(WellKnown { server: parse(&body).map_err(absent)?, lifetime })
    }
}

impl FetchWellKnown for WellKnownOverHttps {
    fn fetch<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<WellKnown, NoWellKnown>> {
        Box::pin(self.read(host))
    }
}

/// What an answer with these headers and this body says.
#[cfg(any(test, fuzzing))]
pub fn read_answer(headers: &HeaderMap, body: &[u8]) -> Result<WellKnown, String> {
    Ok(WellKnown { server: parse(body)?, lifetime: lifetime(headers) })
}

/// The document's one property; its content type does not matter.
fn parse(body: &[u8]) -> Result<Authority, String> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "m.server")]
        server: OwnedServerName,
    }
    let document: Document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Authority::of(&document.server).ok_or_else(|| "m.server is no host".to_owned())
}

/// `Cache-Control` decides, a day otherwise; within a minute and two days. `Expires` alone is too rare to parse dates for.
fn lifetime(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = directives.flat_map(|value| value.split(',')).map(|part| part.trim().to_ascii_lowercase());
    let mut lifetime = DEFAULT_LIFETIME;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return LIFETIME_MIN;
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            lifetime = seconds.trim_matches('"').parse().map_or(DEFAULT_LIFETIME, Duration::from_secs);
        }
    }
    lifetime.clamp(LIFETIME_MIN, LIFETIME_MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};

    use super::{lifetime, parse};

    #[test]
    fn only_a_document_with_a_server_name_is_valid() {
        let valid = |json: &str| parse(json.as_bytes()).map(|server| server.to_string());
        assert_eq!(
            valid(r#"{"m.server":"Matrix.Example.org:443","other":1}"#),
            Ok("matrix.example.org:443".to_owned())
        );
        assert_eq!(valid(r#"{"m.server":"[::1]"}"#), Ok("[::1]".to_owned()));
        for invalid in [
            "",
            "{}",
            "[]",
            r#"{"m.server":1}"#,
            r#"{"m.server":""}"#,
            r#"{"m.server":"a b"}"#,
            r#"{"m.server":"a:b"}"#,
        ] {
            assert!(valid(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn the_lifetime_stays_within_a_minute_and_two_days() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
            lifetime(&headers).as_secs()
        };
        assert_eq!(lifetime(&HeaderMap::new()), Duration::from_secs(24 * 3600));
        assert_eq!(with("public, max-age=3600"), 3600);
        assert_eq!(with("Max-Age=999999999999"), 48 * 3600);
        assert_eq!(with("max-age=0"), 60);
        assert_eq!(with("max-age=99999999999999999999999"), 24 * 3600);
        assert_eq!(with("no-store"), 60);
    }
}
