//! Keys are fetched once, believed as long as they say, and never when somebody else made them.

use std::sync::{Arc, Mutex, atomic::Ordering};

use crypto::{ServerIdentity, name::server_name};
use http::StatusCode;
use ruma::{
    CanonicalJsonObject, OwnedServerName, RoomVersionId, ServerName,
    room_version_rules::RoomVersionRules,
    signatures::{Verified, hash_and_sign_event, verify_event},
};
use serde_json::json;

use super::{Keyring, VerifyError};
use crate::{
    domain::federation::key_answer,
    testing::{FakeNetwork, TestHome, always, notary, noting},
};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn rules() -> RoomVersionRules {
    RoomVersionId::V11.rules().unwrap()
}

fn event(home: &TestHome, ts: i64) -> CanonicalJsonObject {
    let mut event: CanonicalJsonObject = serde_json::from_value(json!({
        "type": "m.room.message", "room_id": "!r:one.example", "sender": format!("@a:{}", home.name()),
        "origin_server_ts": ts, "content": {"body": "hello"}, "prev_events": [], "auth_events": [], "depth": 3,
    }))
    .unwrap();
    hash_and_sign_event(home.name().as_str(), &*home.identity, &mut event, &rules().redaction).unwrap();
    event
}

#[tokio::test]
async fn an_event_of_another_server_is_checked_with_its_fetched_key() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let keyring = &one.parts.federation.keyring;
    let now = two.parts.clock.now_ms();
    let good = event(&two, now);
    assert_eq!(keyring.verify_event(&rules(), &good).await.unwrap(), Verified::All);
    assert_eq!(keyring.verify_event(&rules(), &event(&two, now - 7)).await.unwrap(), Verified::All);
    assert_eq!(network.requests(two.name()), 1);

    let mut changed = good.clone();
    changed.insert("content".to_owned(), CanonicalJsonObject::from([("body".to_owned(), "bye".into())]).into());
    assert_eq!(keyring.verify_event(&rules(), &changed).await.unwrap(), Verified::Signatures);
    let mut forged = good;
    forged.insert("depth".to_owned(), ruma::CanonicalJsonValue::Integer(4.into()));
    assert!(matches!(keyring.verify_event(&rules(), &forged).await, Err(VerifyError::Signature(_))));
    forged.remove("signatures");
    assert!(keyring.verify_event(&rules(), &forged).await.is_err());
}

#[tokio::test]
async fn keys_stay_known_over_restarts_and_run_out() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let now = two.parts.clock.now_ms();
    one.parts.federation.keyring.verify_event(&rules(), &event(&two, now)).await.unwrap();
    network.set_down(two.name(), true);

    let keyring = crate::domain::federation::Keyring::new(
        crate::domain::federation::OwnKeys::new(one.identity.clone()),
        one.name().to_owned(),
        one.parts.store.clone(),
        one.parts.clock.clone(),
        std::sync::Arc::new(network.clone()),
    );
    keyring.verify_event(&rules(), &event(&two, now)).await.unwrap();
    one.ahead.store(30 * DAY_MS, Ordering::SeqCst);
    keyring.verify_event(&rules(), &event(&two, now)).await.unwrap();
    let later = event(&two, now + 30 * DAY_MS);
    assert!(matches!(keyring.verify_event(&rules(), &later).await, Err(VerifyError::NoKey(_))));
}

#[tokio::test]
async fn an_absent_server_is_not_asked_again_and_again() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let liar = ServerIdentity::generate_for_domain().unwrap();
    let two = TestHome::new("two.example", &network).await;
    let mut unknown = event(&two, 5);
    unknown.remove("signatures");
    unknown.remove("hashes");
    hash_and_sign_event("two.example", &liar, &mut unknown, &rules().redaction).unwrap();
    for _ in 0..5 {
        assert!(one.parts.federation.keyring.verify_event(&rules(), &unknown).await.is_err());
    }
    assert_eq!(network.requests(two.name()), 1);
}

#[tokio::test]
async fn a_key_name_needs_nobody() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let identity = ServerIdentity::generate_in_key_mode();
    let name = server_name(&identity.public_key(), "hearth.alt").unwrap();
    let two = TestHome::with_identity(name.as_str(), identity, &network).await;
    network.set_down(&name, true);
    let keyring = &one.parts.federation.keyring;
    assert_eq!(keyring.verify_event(&rules(), &event(&two, 9)).await.unwrap(), Verified::All);

    let mut forged = event(&two, 9);
    forged.remove("signatures");
    let liar = ServerIdentity::generate_in_key_mode();
    hash_and_sign_event(name.as_str(), &liar, &mut forged, &rules().redaction).unwrap();
    assert!(matches!(keyring.verify_event(&rules(), &forged).await, Err(VerifyError::Signature(_))));

    let shouted = event(&two, 9);
    let shouted: CanonicalJsonObject = serde_json::from_str(
        &serde_json::to_string(&shouted).unwrap().replace(name.as_str(), &name.as_str().to_uppercase()),
    )
    .unwrap();
    assert!(matches!(keyring.verify_event(&rules(), &shouted).await, Err(VerifyError::Misspelt(_))));
}

/// A server that tells everybody who asks a key of its own for `of`.
fn liar(name: &ServerName, of: &ServerName, network: &FakeNetwork, now: i64) -> ServerIdentity {
    let (own, forged) =
        (ServerIdentity::generate_for_domain().unwrap(), ServerIdentity::generate_for_domain().unwrap());
    let own_answer = key_answer::make(&own, &[], name, now).unwrap().json;
    let mut answer: CanonicalJsonObject =
        serde_json::from_str(&key_answer::make(&forged, &[], of, now).unwrap().json).unwrap();
    ruma::signatures::sign_json(name.as_str(), &own, &mut answer).unwrap();
    network.attach(name, notary(own_answer, vec![serde_json::to_value(answer).unwrap()]));
    forged
}

fn forged(event: &CanonicalJsonObject, by: &ServerIdentity, server: &ServerName) -> CanonicalJsonObject {
    let mut forged = event.clone();
    forged.remove("signatures");
    hash_and_sign_event(server.as_str(), by, &mut forged, &rules().redaction).unwrap();
    forged
}

async fn prepared(
    keyring: &Keyring,
    event: &CanonicalJsonObject,
    notaries: &[&ServerName],
) -> Result<Verified, VerifyError> {
    let notaries: Vec<OwnedServerName> = notaries.iter().map(|name| (*name).to_owned()).collect();
    let prepared = keyring.prepare(&rules(), std::slice::from_ref(event), &notaries).await;
    let keys = keyring.prepared_keys(&prepared, &rules(), event).await?;
    Ok(verify_event(&keys, event, &rules())?)
}

#[tokio::test]
async fn who_is_gone_is_vouched_for_by_those_who_remember() {
    let network = FakeNetwork::default();
    let [one, two, three, four] =
        ["one.example", "two.example", "three.example", "four.example"].map(|name| TestHome::new(name, &network));
    let (one, two, three, four) = (one.await, two.await, three.await, four.await);
    let now = two.parts.clock.now_ms();
    let good = event(&two, now);
    for home in [&three, &four] {
        home.parts.federation.keyring.verify_event(&rules(), &good).await.unwrap();
    }
    network.set_down(two.name(), true);
    let keyring = &one.parts.federation.keyring;
    assert!(matches!(prepared(keyring, &good, &[]).await, Err(VerifyError::NoKey(_))));
    assert_eq!(prepared(keyring, &good, &[three.name()]).await.unwrap(), Verified::All);
    // Only for the events at hand: nobody may speak for another server for good.
    assert!(matches!(keyring.verify_event(&rules(), &good).await, Err(VerifyError::NoKey(_))));

    let name = ruma::server_name!("liar.example");
    let false_key = liar(name, two.name(), &network, now);
    let false_event = forged(&good, &false_key, two.name());
    let everybody = [name, three.name(), four.name()];
    assert_eq!(prepared(keyring, &good, &everybody).await.unwrap(), Verified::All);
    assert!(matches!(prepared(keyring, &false_event, &everybody).await, Err(VerifyError::NoKey(_))));
    assert!(matches!(prepared(keyring, &false_event, &[name, three.name()]).await, Err(VerifyError::NoKey(_))));

    network.set_down(two.name(), false);
    keyring.forget_failures();
    assert!(prepared(keyring, &false_event, &[name]).await.is_err(), "the server itself is asked first");
    assert_eq!(prepared(keyring, &good, &[name]).await.unwrap(), Verified::All);
}

#[tokio::test]
async fn a_silent_server_is_asked_less_and_less_often() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let good = event(&two, two.parts.clock.now_ms());
    let (router, asked) = always(StatusCode::INTERNAL_SERVER_ERROR, json!({}));
    network.attach(two.name(), router);
    let keyring = &one.parts.federation.keyring;
    let mut times = Vec::new();
    for seconds in [0, 31, 31, 31, 60, 65, 3600] {
        one.ahead.fetch_add(seconds * 1000, Ordering::SeqCst);
        assert!(keyring.verify_event(&rules(), &good).await.is_err());
        times.push(asked.load(Ordering::SeqCst));
    }
    // After a failure it has a minute, then two, then four.
    assert_eq!(times, [1, 1, 2, 2, 2, 3, 4]);
    keyring.forget_failures();
    assert!(keyring.verify_event(&rules(), &good).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_notary_fetches_for_those_who_need_keys_of_later_but_not_each_time() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let keyring = &one.parts.federation.keyring;
    let later = one.parts.clock.now_ms() + 100 * DAY_MS;
    for _ in 0..3 {
        assert!(keyring.notarise(two.name(), later).await.unwrap().is_some());
    }
    assert_eq!(network.requests(two.name()), 1);
    one.ahead.store(4 * DAY_MS, Ordering::SeqCst);
    two.ahead.store(4 * DAY_MS, Ordering::SeqCst);
    keyring.notarise(two.name(), later).await.unwrap();
    assert_eq!(network.requests(two.name()), 2);
}

#[tokio::test]
async fn of_many_servers_those_that_live_are_asked_first() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let now = one.parts.clock.now_ms();
    let (notary_name, notary_key) =
        (ruma::server_name!("notary.example"), ServerIdentity::generate_for_domain().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (mut remembered, mut events, mut living) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..70 {
        let name = ServerName::parse(format!("server{n}.example")).unwrap();
        let identity = ServerIdentity::generate_for_domain().unwrap();
        let lives = n % 20 == 19;
        // The others went a month ago.
        let seen = if lives { now } else { now - 30 * DAY_MS };
        let mut answer: CanonicalJsonObject =
            serde_json::from_str(&key_answer::make(&identity, &[], &name, seen).unwrap().json).unwrap();
        ruma::signatures::sign_json(notary_name.as_str(), &notary_key, &mut answer).unwrap();
        remembered.push(serde_json::to_value(answer).unwrap());
        let answer = (StatusCode::OK, key_answer::make(&identity, &[], &name, now).unwrap().json);
        let (status, text) = if lives { answer } else { (StatusCode::INTERNAL_SERVER_ERROR, String::new()) };
        network.attach(&name, noting(name.as_str(), &asked, status, text));
        living.extend(lives.then(|| name.to_string()));
        let mut event: CanonicalJsonObject = serde_json::from_value(json!({
            "type": "m.room.message", "room_id": "!r:one.example", "sender": format!("@a:{name}"), "depth": 3,
            "origin_server_ts": seen, "content": {"body": "hello"}, "prev_events": [], "auth_events": [],
        }))
        .unwrap();
        hash_and_sign_event(name.as_str(), &identity, &mut event, &rules().redaction).unwrap();
        events.push(event);
    }
    let own = key_answer::make(&notary_key, &[], notary_name, now).unwrap().json;
    network.attach(notary_name, notary(own, remembered));

    let keyring = &one.parts.federation.keyring;
    let known = keyring.prepare(&rules(), &events, &[notary_name.to_owned()]).await;
    for event in &events {
        let keys = keyring.prepared_keys(&known, &rules(), event).await.unwrap();
        assert_eq!(verify_event(&keys, event, &rules()).unwrap(), Verified::All);
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 70, "each is asked all the same");
    assert!(living.iter().all(|name| asked[..10].contains(name)), "{asked:?}");
}
