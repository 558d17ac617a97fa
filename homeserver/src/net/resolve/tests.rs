//! Each step of name resolution, with a fake DNS and fake well-known documents.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use ruma::ServerName;
use tokio::time::advance;

use super::{Authority, FetchWellKnown, NoWellKnown, Resolver, WellKnown};
use crate::net::{
    connect::Host,
    dns::{Dns, DnsError, Srv},
};

#[derive(Default)]
struct FakeDns {
    services: HashMap<String, Vec<Srv>>,
    asked: Mutex<Vec<String>>,
}

impl Dns for FakeDns {
    fn addresses<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async { Err(DnsError::NoRecords) })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Srv>, DnsError>> {
        self.asked.lock().unwrap().push(name.to_owned());
        Box::pin(async { self.services.get(name).cloned().ok_or(DnsError::Failed("SERVFAIL".to_owned())) })
    }
}

#[derive(Default)]
struct FakeWellKnown {
    documents: Mutex<HashMap<String, &'static str>>,
    fetches: AtomicUsize,
    offline: AtomicBool,
}

impl FetchWellKnown for FakeWellKnown {
    fn fetch<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<WellKnown, NoWellKnown>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            if self.offline.load(Ordering::SeqCst) {
                return Err(NoWellKnown::Unreachable("timeout".to_owned()));
            }
            let documents = self.documents.lock().unwrap();
            let server = *documents.get(host).ok_or(NoWellKnown::Absent("404".to_owned()))?;
            let server = Authority::of(&ServerName::parse(server).unwrap()).unwrap();
            Ok(WellKnown { server, lifetime: Duration::from_secs(3600) })
        })
    }
}

struct Setting {
    resolver: Resolver,
    dns: Arc<FakeDns>,
    well_known: Arc<FakeWellKnown>,
}

fn setting(documents: &[(&str, &'static str)], services: &[(&str, &str, u16)]) -> Setting {
    let mut dns = FakeDns::default();
    for (name, target, port) in services {
        let service = Srv { priority: 10, weight: 5, port: *port, target: (*target).to_owned() };
        dns.services.entry((*name).to_owned()).or_default().push(service);
    }
    let dns = Arc::new(dns);
    let well_known = Arc::new(FakeWellKnown::default());
    well_known.documents.lock().unwrap().extend(documents.iter().map(|(host, server)| ((*host).to_owned(), *server)));
    Setting { resolver: Resolver::new(dns.clone(), well_known.clone()), dns, well_known }
}

/// `Host header → certificate @ host:port, …` of a server name.
async fn resolved(setting: &Setting, name: &str) -> String {
    let authority = setting.resolver.delegate(&ServerName::parse(name).unwrap()).await.unwrap();
    let show = |host: &Host| match host {
        Host::Ip(address) => address.to_string(),
        Host::Name(name) => name.clone(),
    };
    let targets = setting.resolver.targets(&authority).await;
    let targets = targets.iter().map(|target| {
        format!("{} @ {}:{}", show(target.certificate.as_ref().unwrap()), show(&target.host), target.port)
    });
    format!("{authority} → {}", targets.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn step_1_ip_literals_need_no_look_up() {
    let setting = setting(&[], &[]);
    assert_eq!(resolved(&setting, "1.2.3.4").await, "1.2.3.4 → 1.2.3.4 @ 1.2.3.4:8448");
    assert_eq!(resolved(&setting, "1.2.3.4:99").await, "1.2.3.4:99 → 1.2.3.4 @ 1.2.3.4:99");
    assert_eq!(resolved(&setting, "[2a00::1]").await, "[2a00::1] → 2a00::1 @ 2a00::1:8448");
    assert_eq!(resolved(&setting, "[2a00::1]:99").await, "[2a00::1]:99 → 2a00::1 @ 2a00::1:99");
    assert_eq!(setting.well_known.fetches.load(Ordering::SeqCst), 0);
    assert!(setting.dns.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn step_2_an_explicit_port_asks_neither_well_known_nor_srv() {
    let setting = setting(&[("example.org", "other.org")], &[("_matrix-fed._tcp.example.org", "srv.org", 1)]);
    assert_eq!(resolved(&setting, "example.org:8448").await, "example.org:8448 → example.org @ example.org:8448");
    assert_eq!(setting.well_known.fetches.load(Ordering::SeqCst), 0);
    assert!(setting.dns.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn step_3_well_known_delegates_to_each_kind_of_name() {
    let documents = [
        ("ip.org", "5.6.7.8"),
        ("ip-port.org", "5.6.7.8:443"),
        ("port.org", "m.port.org:443"),
        ("fed.org", "m.fed.org"),
        ("old.org", "m.old.org"),
        ("plain.org", "m.plain.org"),
    ];
    let services = [
        ("_matrix-fed._tcp.m.fed.org", "srv.fed.org", 1),
        ("_matrix._tcp.m.fed.org", "no.org", 2),
        ("_matrix._tcp.m.old.org", "srv.old.org", 3),
    ];
    let setting = setting(&documents, &services);
    assert_eq!(resolved(&setting, "ip.org").await, "5.6.7.8 → 5.6.7.8 @ 5.6.7.8:8448");
    assert_eq!(resolved(&setting, "ip-port.org").await, "5.6.7.8:443 → 5.6.7.8 @ 5.6.7.8:443");
    assert_eq!(resolved(&setting, "port.org").await, "m.port.org:443 → m.port.org @ m.port.org:443");
    assert_eq!(resolved(&setting, "fed.org").await, "m.fed.org → m.fed.org @ srv.fed.org:1");
    assert_eq!(resolved(&setting, "old.org").await, "m.old.org → m.old.org @ srv.old.org:3");
    assert_eq!(resolved(&setting, "plain.org").await, "m.plain.org → m.plain.org @ m.plain.org:8448");
}

#[tokio::test]
async fn steps_4_to_6_srv_and_then_the_default_port_under_the_own_name() {
    let services = [
        ("_matrix-fed._tcp.fed.org", "srv.org", 1),
        ("_matrix._tcp.old.org", "srv.org", 2),
        ("_matrix._tcp.dot.org", "", 3),
        ("_matrix._tcp.ip.org", "1.2.3.4", 3),
    ];
    let setting = setting(&[], &services);
    assert_eq!(resolved(&setting, "fed.org").await, "fed.org → fed.org @ srv.org:1");
    assert_eq!(resolved(&setting, "old.org").await, "old.org → old.org @ srv.org:2");
    assert_eq!(resolved(&setting, "plain.org").await, "plain.org → plain.org @ plain.org:8448");
    assert_eq!(resolved(&setting, "dot.org").await, "dot.org → dot.org @ dot.org:8448");
    assert_eq!(resolved(&setting, "ip.org").await, "ip.org → ip.org @ ip.org:8448");
}

#[tokio::test(start_paused = true)]
async fn a_document_is_kept_for_its_lifetime_and_a_failure_with_growing_patience() {
    let setting = setting(&[("good.org", "m.good.org")], &[]);
    let fetches = || setting.well_known.fetches.swap(0, Ordering::SeqCst);
    let ask = async |name: &str| resolved(&setting, name).await;
    ask("good.org").await;
    ask("good.org").await;
    assert_eq!(fetches(), 1);
    advance(Duration::from_secs(3601)).await;
    ask("good.org").await;
    assert_eq!(fetches(), 1);

    ask("bad.org").await;
    assert_eq!(fetches(), 1);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        advance(Duration::from_secs(minutes * 60 - 1)).await;
        ask("bad.org").await;
        assert_eq!(fetches(), 0, "too early before {minutes} minutes");
        advance(Duration::from_secs(2)).await;
        ask("bad.org").await;
        assert_eq!(fetches(), 1, "after {minutes} minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn doubt_and_waking_read_again() {
    let setting = setting(&[("good.org", "m.good.org")], &[]);
    let fetches = || setting.well_known.fetches.swap(0, Ordering::SeqCst);
    let name = ServerName::parse("good.org").unwrap();
    resolved(&setting, "good.org").await;
    resolved(&setting, "bad.org").await;
    assert_eq!(fetches(), 2);
    setting.resolver.doubt(&name);
    resolved(&setting, "good.org").await;
    assert_eq!(fetches(), 0, "a fresh document is not doubted");
    advance(Duration::from_secs(301)).await;
    setting.well_known.documents.lock().unwrap().insert("good.org".to_owned(), "new.org");
    setting.resolver.doubt(&name);
    assert_eq!(resolved(&setting, "good.org").await, "new.org → new.org @ new.org:8448");
    assert_eq!(fetches(), 1);

    resolved(&setting, "bad.org").await;
    fetches();
    setting.resolver.wake();
    resolved(&setting, "good.org").await;
    assert_eq!(fetches(), 0);
    resolved(&setting, "bad.org").await;
    assert_eq!(fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_cannot_be_asked_is_still_where_it_said_last() {
    let setting = setting(&[("good.org", "m.good.org")], &[]);
    let offline = |offline| setting.well_known.offline.store(offline, Ordering::SeqCst);
    let delegated = "m.good.org → m.good.org @ m.good.org:8448";
    let hour = Duration::from_secs(3601);
    assert_eq!(resolved(&setting, "good.org").await, delegated);
    offline(true);
    for _ in 0..5 {
        advance(hour).await;
        assert_eq!(resolved(&setting, "good.org").await, delegated);
    }
    offline(false);
    setting.well_known.documents.lock().unwrap().insert("good.org".to_owned(), "new.org");
    setting.resolver.wake();
    assert_eq!(resolved(&setting, "good.org").await, "new.org → new.org @ new.org:8448");

    offline(true);
    advance(Duration::from_secs(30 * 24 * 3600)).await;
    assert_eq!(resolved(&setting, "good.org").await, "good.org → good.org @ good.org:8448", "a month is too long");

    offline(false);
    advance(hour).await;
    assert_eq!(resolved(&setting, "good.org").await, "new.org → new.org @ new.org:8448");
    setting.well_known.documents.lock().unwrap().remove("good.org");
    advance(hour).await;
    assert_eq!(resolved(&setting, "good.org").await, "good.org → good.org @ good.org:8448", "it was taken back");
}
