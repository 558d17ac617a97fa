//! An invite for an address becomes an invite for its owner, wherever they live.

use bytes::Bytes;
use crypto::ServerIdentity;
use http::Request;
use ruma::{CanonicalJsonObject, ServerName, signatures::sign_json};
use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::{
    domain::federation::{Limits, Transport as _},
    testing::FakeNetwork,
};

/// What an identity server says of a user who has shown that the address is theirs.
fn signed(by: &ServerIdentity, mxid: &str) -> Value {
    let mut object: CanonicalJsonObject = serde_json::from_value(json!({"mxid": mxid, "token": "abc"})).unwrap();
    sign_json("id.example", by, &mut object).unwrap();
    serde_json::to_value(object).unwrap()
}

async fn invite_address(by: &Person<'_>, room_id: &str, key: &ServerIdentity) {
    let key = key.public_key_base64().encode();
    let content = json!({
        "display_name": "b...@e...", "key_validity_url": "https://id.example/valid", "public_key": key,
        "public_keys": [{"public_key": key}],
    });
    by.put(&format!("v3/rooms/{room_id}/state/m.room.third_party_invite/abc"), content).await.unwrap();
}

async fn bind(network: &FakeNetwork, at: &ServerName, body: Value) -> (u16, Value) {
    let request = Request::put("/_matrix/federation/v1/3pid/onbind").body(Bytes::from(body.to_string())).unwrap();
    let limits = Limits { deadline: std::time::Duration::from_secs(20), body: 1 << 20 };
    let response = network.send(at, request, limits).await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

fn bound(room_id: &str, sender: &str, mxid: &str, signed: &Value) -> Value {
    json!({
        "medium": "email", "address": "b@example.org", "mxid": mxid,
        "invites": [{
            "medium": "email", "address": "b@example.org", "mxid": mxid, "room_id": room_id, "sender": sender,
            "signed": signed,
        }],
    })
}

async fn is_invited(person: &Person<'_>, room_id: &str) -> bool {
    person.sync().await.is_ok_and(|sync| sync["rooms"]["invite"][room_id].is_object())
}

#[tokio::test]
async fn an_address_is_bound_here_and_elsewhere() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b, c) = (one.person("a").await, two.person("b").await, one.person("c").await);
    let key = ServerIdentity::generate_for_domain()?;
    for (person, home) in [(&b, &two), (&c, &one)] {
        let room_id = a.make_room(json!({})).await?;
        invite_address(&a, &room_id, &key).await;
        let statement = signed(&key, &person.user_id);
        let (status, _) =
            bind(&network, home.home.name(), bound(&room_id, &a.user_id, &person.user_id, &statement)).await;
        assert_eq!(status, 200);
        person.until("the invite", async || is_invited(person, &room_id).await).await;
        person.join(&room_id, one.name()).await?;
        a.sees(&room_id, &person.user_id, "join").await;
    }
    Ok(())
}

#[tokio::test]
async fn nobody_comes_in_by_what_somebody_else_signed() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b) = (one.person("a").await, two.person("b").await);
    let (key, liar) = (ServerIdentity::generate_for_domain()?, ServerIdentity::generate_for_domain()?);
    let room_id = a.make_room(json!({})).await?;
    invite_address(&a, &room_id, &key).await;
    let name = two.home.name();
    for statement in [signed(&liar, &b.user_id), signed(&key, "@other:two.example"), json!({"mxid": b.user_id})] {
        bind(&network, name, bound(&room_id, &a.user_id, &b.user_id, &statement)).await;
        assert!(!is_invited(&b, &room_id).await, "{statement}");
    }
    let good = signed(&key, &b.user_id);
    // In the name of somebody who did not make the invite.
    let (status, _) = bind(&network, name, bound(&room_id, "@other:one.example", &b.user_id, &good)).await;
    assert!(status == 200 && !is_invited(&b, &room_id).await);
    let (status, error) = bind(&network, name, bound(&room_id, &a.user_id, "@nobody:two.example", &good)).await;
    assert!(status == 400 && error["errcode"].is_string(), "{error}");
    let many = vec![bound(&room_id, &a.user_id, &b.user_id, &good)["invites"][0].clone(); 101];
    let flood = json!({"medium": "email", "address": "b@example.org", "mxid": b.user_id, "invites": many});
    assert_eq!(bind(&network, name, flood).await.0, 413);
    Ok(())
}
