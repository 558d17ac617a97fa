//! Name look-ups: addresses and SRV records through the system's name servers, behind a seam for tests.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use hickory_resolver::{TokioResolver, proto::rr::RData};
use thiserror::Error;
use tokio::time::Instant;

/// Answers are bounded: nobody needs more.
const ADDRESSES_MAX: usize = 16;
const SERVICES_MAX: usize = 16;
/// The name servers of a laptop change with its network; after a failure they are read again, at most this often.
const RELOAD_AFTER: Duration = Duration::from_secs(5);
const CACHE_ENTRIES: u64 = 1024;

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// Without a dot at its end.
    pub target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DnsError {
    #[error("there is no such name")]
    NoRecords,
    #[error("{0}")]
    Failed(String),
}

/// Where names are looked up.
pub trait Dns: Send + Sync {
    /// The A and AAAA records of a host name, at least one.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>>;
    /// The SRV records of a name such as `_matrix-fed._tcp.example.org`, at least one.
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Srv>, DnsError>>;
    /// Forgets answers and reads the system's settings again: the network has changed.
    fn reload(&self) {}
}

/// The system's resolver settings, asked by our own client, which caches for the records' own time.
#[derive(Default)]
pub struct SystemDns {
    current: Mutex<Option<(Arc<TokioResolver>, Instant)>>,
}

impl SystemDns {
    pub fn new() -> Self {
        Self::default()
    }

    fn resolver(&self) -> Result<Arc<TokioResolver>, DnsError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((resolver, _)) = current.as_ref() {
            return Ok(resolver.clone());
        }
        let failed = |error: hickory_resolver::net::NetError| DnsError::Failed(error.to_string());
        let mut builder = TokioResolver::builder_tokio().map_err(failed)?;
        let options = builder.options_mut();
        options.timeout = Duration::from_secs(3);
        options.attempts = 2;
        options.cache_size = CACHE_ENTRIES;
        options.negative_max_ttl = Some(Duration::from_secs(300));
        let resolver = Arc::new(builder.build().map_err(failed)?);
        *current = Some((resolver.clone(), Instant::now()));
        Ok(resolver)
    }

    /// True when the settings were read long enough ago for a failure to be worth reading them again.
    fn forget_if_old(&self) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let old = current.as_ref().is_some_and(|(_, read)| read.elapsed() > RELOAD_AFTER);
        if old {
            *current = None;
        }
        old
    }

    async fn addresses_once(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        // With a dot at its end the name is whole: the search list of a café's network is not for us.
        let found = self.resolver()?.lookup_ip(format!("{host}.")).await.map_err(|error| failure(&error))?;
        let addresses: Vec<IpAddr> = found.iter().take(ADDRESSES_MAX).collect();
        if addresses.is_empty() { Err(DnsError::NoRecords) } else { Ok(addresses) }
    }

    async fn services_once(&self, name: &str) -> Result<Vec<Srv>, DnsError> {
        let found = self.resolver()?.srv_lookup(format!("{name}.")).await.map_err(|error| failure(&error))?;
        let services: Vec<Srv> = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(Srv {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                }),
                _ => None,
            })
            .take(SERVICES_MAX)
            .collect();
        if services.is_empty() { Err(DnsError::NoRecords) } else { Ok(services) }
    }
}

fn failure(error: &hickory_resolver::net::NetError) -> DnsError {
    if error.is_nx_domain() || error.is_no_records_found() {
        DnsError::NoRecords
    } else {
        DnsError::Failed(error.to_string())
    }
}

impl Dns for SystemDns {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async move {
            match self.addresses_once(host).await {
                Err(DnsError::Failed(_)) if self.forget_if_old() => self.addresses_once(host).await,
                answer => answer,
            }
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Srv>, DnsError>> {
        Box::pin(async move {
            match self.services_once(name).await {
                Err(DnsError::Failed(_)) if self.forget_if_old() => self.services_once(name).await,
                answer => answer,
            }
        })
    }

    fn reload(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// SRV records in the order to try them (RFC 2782): by priority, and among equals at random by weight.
pub(super) fn in_order(mut services: Vec<Srv>, rng: &mut impl rand::Rng) -> Vec<Srv> {
    services.sort_by_key(|service| (service.priority, service.weight));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(priority) = services.first().map(|service| service.priority) {
        let equals = services.iter().take_while(|service| service.priority == priority);
        let total: u32 = equals.clone().map(|service| u32::from(service.weight)).sum();
        let mark = rng.random_range(0..=total);
        let running = equals.scan(0, |sum: &mut u32, service| {
            *sum += u32::from(service.weight);
            Some(*sum)
        });
        let chosen = running.take_while(|sum| *sum < mark).count();
        ordered.push(services.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{Dns as _, DnsError, Srv, SystemDns, in_order};

    fn service(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 1, target: target.to_owned() }
    }

    #[test]
    fn priority_comes_first_and_weight_decides_among_equals() {
        let all =
            vec![service(20, 9, "last"), service(10, 0, "never"), service(10, 90, "often"), service(10, 10, "seldom")];
        let mut firsts = std::collections::BTreeMap::<String, u32>::new();
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..1000 {
            let ordered = in_order(all.clone(), &mut rng);
            assert_eq!(ordered.len(), 4);
            assert_eq!(ordered[3].target, "last");
            *firsts.entry(ordered[0].target.clone()).or_default() += 1;
        }
        assert!((850..950).contains(&firsts["often"]), "{firsts:?}");
        assert!(firsts.get("never").copied().unwrap_or(0) < 30, "{firsts:?}");
    }

    #[tokio::test]
    async fn the_hosts_file_is_read() {
        let dns = SystemDns::new();
        let addresses = dns.addresses("localhost").await.unwrap();
        assert!(addresses.iter().all(|address| address.is_loopback()) && !addresses.is_empty());
        assert!(matches!(dns.addresses("").await, Err(DnsError::NoRecords | DnsError::Failed(_))));
    }
}
