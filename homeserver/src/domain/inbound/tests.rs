//! Requests of other servers: only signed ones, transactions taken once and bounded.

mod ends;
mod floods;
mod holes;
mod hostile;
mod joins;
mod liar;
mod logged;
mod partial;
mod rooms;
mod running;

use bytes::Bytes;
use http::{Request, StatusCode, header::AUTHORIZATION};
use ruma::{ServerName, server_name};
use serde_json::{Value, json};

use crate::{
    domain::federation::{Limits, Transport as _},
    testing::{FakeNetwork, TestHome, signed},
};

const LIMITS: Limits = Limits { deadline: std::time::Duration::from_secs(5), body: 1 << 20 };

async fn send(network: &FakeNetwork, to: &ServerName, request: Request<Bytes>) -> (StatusCode, Value) {
    let response = network.send(to, request, LIMITS).await.unwrap();
    (response.status(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

fn transaction(origin: &ServerName, pdus: &[Value], edus: usize) -> Value {
    let edus: Vec<Value> = (0..edus).map(|n| json!({"edu_type": "m.odd", "content": {"n": n}})).collect();
    json!({"origin": origin, "origin_server_ts": 5, "pdus": pdus, "edus": edus})
}

const PATH: &str = "/_matrix/federation/v1/send/one";

#[tokio::test]
async fn only_signed_requests_for_us_are_heard() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let three = TestHome::new("three.example", &network).await;
    let body = transaction(two.name(), &[], 0);
    let good = || signed(&two, one.name(), "PUT", PATH, Some(&body));
    assert_eq!(send(&network, one.name(), good()).await, (StatusCode::OK, json!({"pdus": {}})));

    let unauthorized = |answer: (StatusCode, Value)| {
        assert_eq!((answer.0, answer.1["errcode"].as_str()), (StatusCode::UNAUTHORIZED, Some("M_UNAUTHORIZED")));
    };
    let mut bare = good();
    bare.headers_mut().remove(AUTHORIZATION);
    unauthorized(send(&network, one.name(), bare).await);
    let mut garbage = good();
    garbage.headers_mut().insert(AUTHORIZATION, "X-Matrix origin=,,,".parse().unwrap());
    unauthorized(send(&network, one.name(), garbage).await);
    // Meant for somebody else and passed on.
    unauthorized(send(&network, three.name(), good()).await);
    // Another path, another body, another method than signed.
    let mut moved = good();
    *moved.uri_mut() = "/_matrix/federation/v1/send/two".parse().unwrap();
    unauthorized(send(&network, one.name(), moved).await);
    let mut changed = good();
    *changed.body_mut() = Bytes::from(serde_json::to_vec(&transaction(two.name(), &[], 1)).unwrap());
    unauthorized(send(&network, one.name(), changed).await);
    // A signature of one server under the name of another.
    let mut stolen = good();
    let header = stolen.headers()[AUTHORIZATION].to_str().unwrap().replace("two.example", "three.example");
    stolen.headers_mut().insert(AUTHORIZATION, header.parse().unwrap());
    unauthorized(send(&network, one.name(), stolen).await);
    // Ourselves, from outside.
    let own = signed(&one, one.name(), "PUT", PATH, Some(&transaction(one.name(), &[], 0)));
    unauthorized(send(&network, one.name(), own).await);
}

#[tokio::test]
async fn an_iroh_connection_speaks_for_its_own_key_only() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let identity = crypto::ServerIdentity::generate_in_key_mode();
    let name = crypto::name::server_name(&identity.public_key(), "hearth.alt").unwrap();
    let key = identity.public_key();
    let two = TestHome::with_identity(name.as_str(), identity, &network).await;
    let mut request = signed(&two, one.name(), "PUT", PATH, Some(&transaction(two.name(), &[], 0)));
    request.extensions_mut().insert(crate::net::listener::Peer::Iroh([7; 32]));
    let (status, answer) = send(&network, one.name(), request.clone()).await;
    assert_eq!((status, answer["errcode"].as_str()), (StatusCode::FORBIDDEN, Some("M_FORBIDDEN")));
    request.extensions_mut().insert(crate::net::listener::Peer::Iroh(key));
    assert_eq!(send(&network, one.name(), request).await.0, StatusCode::OK);
}

#[tokio::test]
async fn transactions_are_bounded_and_name_their_sender() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let ask = async |body: Value, path: &str| {
        send(&network, one.name(), signed(&two, one.name(), "PUT", path, Some(&body))).await
    };
    let pdus = vec![json!({"room_id": "!r:two.example"}); 51];
    assert_eq!(ask(transaction(two.name(), &pdus, 0), PATH).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(transaction(two.name(), &[], 101), PATH).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(transaction(server_name!("three.example"), &[], 0), PATH).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(json!({"origin": "two.example"}), PATH).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(json!([1]), PATH).await.0, StatusCode::BAD_REQUEST);
    // What is no event has no result, and events of rooms that we are not in are refused one by one.
    let odd = [
        json!({"room_id": "!unknown:two.example", "type": "m.x", "content": {}, "sender": "@a:two.example"}),
        json!(7),
    ];
    let (status, answer) = ask(transaction(two.name(), &odd, 3), PATH).await;
    assert_eq!(status, StatusCode::OK);
    let results: Vec<&Value> = answer["pdus"].as_object().unwrap().values().collect();
    assert_eq!(results.len(), 1);
    assert!(results[0]["error"].is_string());
    // The same id again gets the same answer, whatever it brings.
    assert_eq!(ask(transaction(two.name(), &[], 0), PATH).await.1, answer);
    assert_eq!(ask(transaction(two.name(), &[], 0), "/_matrix/federation/v1/send/other").await.1, json!({"pdus": {}}));
}

#[tokio::test]
async fn rooms_are_closed_to_servers_that_are_not_in_them() {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    for path in [
        "/_matrix/federation/v1/event/$e",
        "/_matrix/federation/v1/state/!r:one.example?event_id=$e",
        "/_matrix/federation/v1/state_ids/!r:one.example?event_id=$e",
        "/_matrix/federation/v1/event_auth/!r:one.example/$e",
        "/_matrix/federation/v1/backfill/!r:one.example?v=$e&limit=5",
        "/_matrix/federation/v1/timestamp_to_event/!r:one.example?ts=5&dir=b",
    ] {
        let (status, answer) = send(&network, one.name(), signed(&two, one.name(), "GET", path, None)).await;
        assert_eq!((status, answer["errcode"].as_str()), (StatusCode::NOT_FOUND, Some("M_NOT_FOUND")), "{path}");
    }
    let (status, answer) =
        send(&network, one.name(), signed(&two, one.name(), "GET", "/_matrix/federation/v1/odd", None)).await;
    assert_eq!((status, answer["errcode"].as_str()), (StatusCode::NOT_FOUND, Some("M_UNRECOGNIZED")));
}
