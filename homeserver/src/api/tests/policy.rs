//! Rooms with a policy server: what it does not sign is not sent, and not shown when others send it.

use axum::{Json, Router, http::StatusCode, routing::post};
use crypto::ServerIdentity;
use ruma::{CanonicalJsonObject, RoomVersionId, signatures::sign_event};
use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::{FakeNetwork, Held};

/// A server with a user, `policy.example`, that signs what does not say "spam".
async fn policy_server(network: &FakeNetwork) -> (Home, ServerIdentity) {
    let home = Home::new("policy.example", network).await;
    let key = ServerIdentity::with_version(&ServerIdentity::generate_in_key_mode().secret(), "policy_server").unwrap();
    let signing = ServerIdentity::from_line(&key.to_line()).unwrap();
    let signing = std::sync::Arc::new(signing);
    let sign = async move |Json(pdu): Json<CanonicalJsonObject>| {
        if serde_json::to_string(&pdu).unwrap().contains("spam") {
            let refusal = json!({"errcode": "M_FORBIDDEN", "error": "No spam here"});
            return (StatusCode::BAD_REQUEST, Json(refusal));
        }
        let mut pdu = pdu;
        let rules = RoomVersionId::V12.rules().unwrap();
        sign_event("policy.example", &*signing, &mut pdu, &rules.redaction).unwrap();
        let pdu = serde_json::to_value(pdu).unwrap();
        let signature = &pdu["signatures"]["policy.example"]["ed25519:policy_server"];
        (StatusCode::OK, Json(json!({"policy.example": {"ed25519:policy_server": signature}})))
    };
    let router = crate::api::router::federation(home.home.parts.clone())
        .merge(Router::new().route("/_matrix/policy/v1/sign", post(sign)));
    network.attach(home.home.name(), router);
    (home, key)
}

async fn say(person: &Person<'_>, room_id: &str, text: &str) -> anyhow::Result<(u16, Value)> {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/send/m.room.message/{text}");
    let body = json!({"msgtype": "m.text", "body": text});
    let answer = person.home.client.put(&person.token, &path, body).await?;
    Ok((answer.status.as_u16(), answer.json()))
}

async fn hears(person: &Person<'_>, room_id: &str, text: &str) -> bool {
    let page = person.get(&format!("v3/rooms/{room_id}/messages?dir=b&limit=20")).await;
    page.is_ok_and(|page| page["chunk"].as_array().unwrap().iter().any(|event| event["content"]["body"] == text))
}

/// A room of the first that all are in, with the policy server of the last; also the path of what says so, and what it says.
async fn guarded_room(people: [&Person<'_>; 3], key: &ServerIdentity) -> anyhow::Result<(String, String, Value)> {
    let [a, b, p] = people;
    let room_id = a.make_room(json!({"preset": "public_chat", "room_version": "12"})).await?;
    b.join(&room_id, a.home.name()).await?;
    p.join(&room_id, a.home.name()).await?;
    b.sees(&room_id, &p.user_id, "join").await;
    let settings = json!({"via": "policy.example", "public_keys": {"ed25519": key.public_key_base64().encode()}});
    let state = format!("v3/rooms/{room_id}/state/m.room.policy/");
    a.put(&state, settings.clone()).await?;
    b.until("the policy", async || b.get(&state).await.is_ok()).await;
    Ok((room_id, state, settings))
}

#[tokio::test]
async fn while_the_policy_server_thinks_the_room_goes_on() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (policy, key) = policy_server(&network).await;
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b, p) = (one.person("a").await, two.person("b").await, policy.person("p").await);
    let (room_id, state, mut settings) = guarded_room([&a, &b, &p], &key).await?;
    let gate = network.hold(policy.home.name(), "/policy/v1/sign", Held::Request);
    let meanwhile = async {
        gate.reached().await;
        // The policy itself needs nobody's signature, and does not wait for those who do.
        settings["note"] = json!("changed");
        a.put(&state, settings).await.unwrap();
        gate.open();
    };
    let (said, ()) = tokio::join!(say(&a, &room_id, "slow"), meanwhile);
    assert_eq!(said?.0, 200);
    b.until("the change", async || b.get(&state).await.is_ok_and(|now| now["note"] == "changed")).await;
    b.until("what was signed", async || hears(&b, &room_id, "slow").await).await;
    assert!(hears(&a, &room_id, "slow").await);
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_room_is_signed_by_its_policy_server() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (policy, key) = policy_server(&network).await;
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b, p) = (one.person("a").await, two.person("b").await, policy.person("p").await);
    let (room_id, ..) = guarded_room([&a, &b, &p], &key).await?;
    let upgrade = format!("v3/rooms/{room_id}/upgrade");
    let tombstone = format!("v3/rooms/{room_id}/state/m.room.tombstone/");
    network.set_down(policy.home.name(), true);
    let (status, _) = a.refused_post(&upgrade, json!({"new_version": "12"})).await?;
    assert_eq!(status, 502);
    assert_eq!(a.refused_get(&tombstone).await?.0, 404, "nothing has ended");

    network.set_down(policy.home.name(), false);
    one.home.parts.federation.destinations.forget_waits();
    let new = a.post(&upgrade, json!({"new_version": "12"})).await?["replacement_room"].clone();
    assert_eq!(a.get(&tombstone).await?["replacement_room"], new);
    let mut db = one.home.parts.store.read().await?;
    let room = db.room_sn(&ruma::RoomId::parse(&room_id)?).await?.unwrap();
    for kind in ["m.room.tombstone", "m.room.power_levels"] {
        let event = db.current_state_event(room, kind, "").await?.unwrap();
        assert!(event.json.contains("ed25519:policy_server"), "{kind}");
    }
    drop(db);
    b.until("the end", async || b.get(&tombstone).await.is_ok()).await;
    Ok(())
}

#[tokio::test]
async fn what_the_policy_server_refuses_is_neither_sent_nor_shown() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (policy, key) = policy_server(&network).await;
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b, p) = (one.person("a").await, two.person("b").await, policy.person("p").await);
    let (room_id, state, _) = guarded_room([&a, &b, &p], &key).await?;

    assert_eq!(say(&a, &room_id, "hello").await?.0, 200);
    b.until("what was signed", async || hears(&b, &room_id, "hello").await).await;
    let (status, error) = say(&a, &room_id, "spam").await?;
    assert_eq!((status, &error["errcode"], &error["error"]), (400, &json!("M_FORBIDDEN"), &json!("No spam here")));
    assert!(!hears(&a, &room_id, "spam").await);
    assert_eq!(say(&b, &room_id, "answer").await?.0, 200);
    a.until("the answer", async || hears(&a, &room_id, "answer").await).await;

    network.set_down(policy.home.name(), true);
    assert_eq!(say(&a, &room_id, "unsigned").await?.0, 502);
    a.put(&state, json!({})).await?;
    assert_eq!(say(&a, &room_id, "free").await?.0, 200);
    b.until("what needs no signature any more", async || hears(&b, &room_id, "free").await).await;
    Ok(())
}
