//! Resolving server names, in the exact steps of the Server-Server API's "Resolving server names".
//!
//! The steps fall into two halves. [`Resolver::delegate`] turns a server name into the authority that stands in `Host`
//! and in the certificate: the name itself (steps 1, 2, 4–6) or what well-known says (step 3). [`Resolver::targets`] turns
//! that authority into hosts and ports by the same rules for both: IP literal, explicit port, `_matrix-fed._tcp`,
//! `_matrix._tcp`, port 8448 (steps 1, 2, 4–6 and 3.1–3.5).

mod well_known;

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use ruma::ServerName;
use tokio::time::Instant;

#[cfg(any(test, fuzzing))]
pub use self::well_known::read_answer;
pub use self::well_known::{FetchWellKnown, NoWellKnown, WellKnown, WellKnownOverHttps};
use super::{
    connect::{Host, Target},
    dns::{Dns, in_order},
};

const DEFAULT_PORT: u16 = 8448;
const CACHED_NAMES: usize = 1024;
/// Errors are cached with growing patience, up to an hour (the spec's advice).
const FIRST_RETRY: Duration = Duration::from_secs(60);
const LAST_RETRY: Duration = Duration::from_secs(3600);
/// What a document said holds this long while its host cannot be asked.
const BELIEVED: Duration = Duration::from_secs(30 * 24 * 3600);

/// `host[:port]`: what goes into `Host`, and whose certificate is expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    pub host: Host,
    pub port: Option<u16>,
}

impl Authority {
    /// The authority that a server name spells out.
    pub fn of(name: &ServerName) -> Option<Self> {
        Some(Self { host: Host::parse(name.host())?, port: name.port() })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(std::net::IpAddr::V6(address)) => write!(to, "[{address}]")?,
            Host::Ip(address) => write!(to, "{address}")?,
            Host::Name(name) => to.write_str(name)?,
        }
        self.port.map_or(Ok(()), |port| write!(to, ":{port}"))
    }
}

/// Resolves server names and remembers what well-known documents said.
pub struct Resolver {
    dns: Arc<dyn Dns>,
    well_known: Arc<dyn FetchWellKnown>,
    cache: Mutex<LruCache<String, Cached>>,
}

#[derive(Clone)]
struct Cached {
    /// `None`: there is no valid document.
    delegated: Option<Authority>,
    /// When the host said so.
    read: Instant,
    until: Instant,
    failures: u32,
}

impl Resolver {
    pub fn new(dns: Arc<dyn Dns>, well_known: Arc<dyn FetchWellKnown>) -> Self {
        let size = NonZeroUsize::new(CACHED_NAMES).unwrap_or(NonZeroUsize::MIN);
        Self { dns, well_known, cache: Mutex::new(LruCache::new(size)) }
    }

    /// The authority of a server: `None` only for a name that is no host.
    pub async fn delegate(&self, name: &ServerName) -> Option<Authority> {
        let own = Authority::of(name)?;
        let (Host::Name(host), None) = (&own.host, own.port) else { return Some(own) };
        let delegated = self.well_known_of(host).await;
        Some(delegated.unwrap_or(own))
    }

    /// Where to connect for this authority, in the order to try. Never empty.
    pub async fn targets(&self, authority: &Authority) -> Vec<Target> {
        let certificate = Some(authority.host.clone());
        let direct = |port| vec![Target { host: authority.host.clone(), port, certificate: certificate.clone() }];
        let name = match (&authority.host, authority.port) {
            (_, Some(port)) => return direct(port),
            (Host::Ip(_), None) => return direct(DEFAULT_PORT),
            (Host::Name(name), None) => name,
        };
        for service in ["_matrix-fed._tcp", "_matrix._tcp"] {
            // A failing look-up counts as "not found": many home routers answer SRV questions with an error, and the
            // certificate is checked against the name all the same.
            let Ok(found) = self.dns.services(&format!("{service}.{name}")).await else { continue };
            let targets: Vec<Target> = in_order(found, &mut rand::rng())
                .into_iter()
                .filter_map(|service| match Host::parse(&service.target)? {
                    host @ Host::Name(_) => Some(Target { host, port: service.port, certificate: certificate.clone() }),
                    Host::Ip(_) => None,
                })
                .collect();
            if !targets.is_empty() {
                return targets;
            }
        }
        direct(DEFAULT_PORT)
    }

    /// The server could not be reached where its document of more than five minutes ago says: read it again next time.
    pub fn doubt(&self, name: &ServerName) {
        let mut cache = self.lock();
        if let Some(cached) = cache.peek_mut(name.host())
            && cached.read.elapsed() > Duration::from_secs(300)
        {
            cached.until = Instant::now();
        }
    }

    /// Forgets failures, which belong to the network of before; what documents said stays.
    pub fn wake(&self) {
        self.dns.reload();
        let mut cache = self.lock();
        let failed: Vec<String> =
            cache.iter().filter(|(_, cached)| cached.failures > 0).map(|(name, _)| name.clone()).collect();
        for name in failed {
            match cache.peek_mut(&name) {
                Some(cached) if cached.delegated.is_some() => cached.until = Instant::now(),
                _ => drop(cache.pop(&name)),
            }
        }
    }

    async fn well_known_of(&self, host: &str) -> Option<Authority> {
        let earlier = self.lock().get(host).cloned();
        if let Some(cached) = &earlier
            && cached.until > Instant::now()
        {
            return cached.delegated.clone();
        }
        let fetched = self.well_known.fetch(host).await;
        let now = Instant::now();
        let cached = match fetched {
            Ok(WellKnown { server, lifetime }) => {
                Cached { delegated: Some(server), read: now, until: now + lifetime, failures: 0 }
            }
            Err(reason) => {
                tracing::debug!(server = host, %reason, "no well-known delegation");
                let failures = earlier.as_ref().map_or(0, |cached| cached.failures);
                let patience = FIRST_RETRY.saturating_mul(1 << failures.min(6)).min(LAST_RETRY);
                let believed = earlier.filter(|cached| {
                    matches!(reason, NoWellKnown::Unreachable(_)) && now.duration_since(cached.read) < BELIEVED
                });
                let (delegated, read) = believed.map_or((None, now), |cached| (cached.delegated, cached.read));
                Cached { delegated, read, until: now + patience, failures: failures.saturating_add(1) }
            }
        };
        let delegated = cached.delegated.clone();
        self.lock().put(host.to_owned(), cached);
        delegated
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
