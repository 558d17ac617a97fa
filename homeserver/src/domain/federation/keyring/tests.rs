//! Keys are fetched once, believed as long as they say, and never when somebody else made them.

use std::sync::atomic::Ordering;

use crypto::{ServerIdentity, name::server_name};
use ruma::{
    CanonicalJsonObject, RoomVersionId,
    room_version_rules::RoomVersionRules,
    signatures::{Verified, hash_and_sign_event},
};
use serde_json::json;

use super::VerifyError;
use crate::testing::{FakeNetwork, TestHome};

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
        one.identity.clone(),
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
