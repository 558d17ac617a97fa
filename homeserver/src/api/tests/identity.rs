//! Identity servers: addresses that others find users by, and invites by an address.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use crypto::ServerIdentity;
use http::{Method, StatusCode, request};
use ruma::{
    api::federation::authentication::XMatrix,
    serde::{Base64, base64::Standard},
    signatures::{PublicKeyMap, PublicKeySet},
};
use serde_json::{Value, json};

use crate::{
    api::testing::{Answer, Server},
    config::Config,
    testing::{FakeNetwork, TestHome},
};

const ACCOUNT: &str = "/_matrix/client/v3/account";
/// Of `bob@one.example`, with the pepper `matrixrocks`.
const BOB: &str = "bob@one.example";

/// An identity server that knows one pepper and one user.
#[derive(Clone)]
struct Identity(Arc<Mutex<Inner>>);

struct Inner {
    /// Path and body of each request, in order.
    asked: Vec<(String, Value)>,
    bound: Option<(String, String)>,
    pepper: String,
    /// The pepper that is told once, though it is void.
    old_pepper: Option<String>,
    /// What the next requests to a path are answered instead.
    instead: Option<(&'static str, u16, String)>,
    key: (String, Base64),
}

impl Identity {
    fn asked(&self, path: &str) -> Vec<Value> {
        let inner = self.0.lock().unwrap();
        inner.asked.iter().filter(|(asked, _)| asked.ends_with(path)).map(|(_, body)| body.clone()).collect()
    }

    fn answer_instead(&self, path: &'static str, status: u16, body: &str) {
        self.0.lock().unwrap().instead = Some((path, status, body.to_owned()));
    }

    fn as_usual(&self) {
        self.0.lock().unwrap().instead = None;
    }

    fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

async fn answer(State(identity): State<Identity>, head: request::Parts, body: Bytes) -> Response {
    let mut inner = identity.0.lock().unwrap();
    let path = head.uri.path().strip_prefix("/_matrix/identity/v2").unwrap().to_owned();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    inner.asked.push((path.clone(), asked.clone()));
    if let Some((there, status, body)) = &inner.instead
        && path == *there
    {
        return (StatusCode::from_u16(*status).unwrap(), body.clone()).into_response();
    }
    let authorization = head.headers["authorization"].to_str().unwrap();
    if path != "/3pid/unbind" {
        assert_eq!(authorization, "Bearer a token");
    }
    let found = match path.as_str() {
        "/hash_details" => {
            assert_eq!(head.method, Method::GET);
            let pepper = inner.old_pepper.take().unwrap_or_else(|| inner.pepper.clone());
            json!({ "lookup_pepper": pepper, "algorithms": ["none", "sha256"] })
        }
        "/lookup" => {
            if asked["pepper"] != *inner.pepper {
                let error = json!({ "errcode": "M_INVALID_PEPPER", "error": "It was changed" });
                return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
            }
            assert_eq!(asked["algorithm"], "sha256");
            let mut mappings = serde_json::Map::new();
            if let Some((hash, user)) = &inner.bound
                && asked["addresses"] == json!([hash])
            {
                mappings.insert(hash.clone(), user.as_str().into());
            }
            json!({ "mappings": mappings })
        }
        "/store-invite" => json!({
            "token": format!("token{}", inner.asked.len()), "display_name": "c...@o...",
            "public_keys": [
                { "public_key": Base64::<Standard, _>::new([1; 32]).encode(), "key_validity_url": "https://id.example/valid" },
                { "public_key": Base64::<Standard, _>::new([2; 32]).encode(), "key_validity_url": "https://id.example/brief" },
            ],
        }),
        "/3pid/bind" => json!({
            "medium": "email", "address": "Alice@one.example", "mxid": asked["mxid"],
            "not_before": 1, "not_after": 4_000_000_000_000_i64, "ts": 1, "signatures": {},
        }),
        "/3pid/unbind" => {
            let proof = XMatrix::parse(authorization).unwrap();
            let (id, key) = inner.key.clone();
            let keys = PublicKeySet::from([(id, key)]);
            let keys = PublicKeyMap::from([("one.example".to_owned(), keys)]);
            let request = http::Request::from_parts(head, body);
            let destination = ruma::server_name!("id.example");
            proof.verify_request(&request, destination, &keys).unwrap();
            json!({})
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    found.to_string().into_response()
}

struct Home {
    home: TestHome,
    server: Server,
    identity: Identity,
}

async fn open() -> anyhow::Result<Home> {
    let key = ServerIdentity::generate_for_domain()?;
    let identity = Identity(Arc::new(Mutex::new(Inner {
        asked: Vec::new(),
        bound: None,
        pepper: "matrixrocks".to_owned(),
        old_pepper: None,
        instead: None,
        key: (key.key_id().to_string(), key.public_key_base64()),
    })));
    let config = Config { identity_servers: vec!["https://id.example/".parse()?], ..Config::default() };
    let home = TestHome::with_config("one.example", key, &FakeNetwork::default(), config).await;
    home.web.attach("id.example", identity.router());
    Ok(Home { server: Server::over(home.parts.clone()), identity, home })
}

impl Home {
    async fn room(&self, token: &str, more: Value) -> anyhow::Result<String> {
        let made = self.server.post(token, "/_matrix/client/v3/createRoom", more).await?.ok()?;
        Ok(made["room_id"].as_str().unwrap().to_owned())
    }

    async fn invite(&self, token: &str, room: &str, address: &str) -> anyhow::Result<Answer> {
        let path = format!("/_matrix/client/v3/rooms/{room}/invite");
        self.server.post(token, &path, by_address(address)).await
    }

    async fn state(&self, token: &str, room: &str, kind: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/_matrix/client/v3/rooms/{room}/state");
        let state = self.server.get(token, &path).await?.ok()?;
        Ok(state.as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect())
    }

    async fn bind(&self, token: &str) -> anyhow::Result<Answer> {
        let body =
            json!({ "client_secret": "secret", "sid": "1", "id_server": "id.example", "id_access_token": "a token" });
        self.server.post(token, &format!("{ACCOUNT}/3pid/bind"), body).await
    }
}

fn by_address(address: &str) -> Value {
    json!({ "id_server": "id.example", "id_access_token": "a token", "medium": "email", "address": address })
}

/// The hash that the specification wants of an address.
fn hashed(address: &str) -> String {
    use sha2::{Digest, Sha256};
    data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(format!("{address} email matrixrocks")))
}

#[tokio::test]
async fn who_is_known_by_an_address_is_invited_as_a_user() -> anyhow::Result<()> {
    let home = open().await?;
    let (alice, bob) = (home.server.user("alice").await?, home.server.user("bob").await?);
    {
        let mut inner = home.identity.0.lock().unwrap();
        inner.bound = Some((hashed(BOB), "@bob:one.example".to_owned()));
        // Between the question for the pepper and its use it is changed: it is asked for once more.
        inner.old_pepper = Some("void".to_owned());
    }
    let room = home.room(&alice, json!({})).await?;
    home.invite(&alice, &room, "Bob@One.Example").await?.ok()?;
    assert_eq!(home.identity.asked("/lookup").len(), 2);
    assert!(home.identity.asked("/store-invite").is_empty());
    let members = home.state(&alice, &room, "m.room.member").await?;
    let invited = members.iter().find(|event| event["state_key"] == "@bob:one.example").unwrap();
    assert_eq!(invited["content"]["membership"], "invite");
    home.server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;

    // In a new room he is as mighty as its maker, where that is wished.
    let wish = json!({ "preset": "trusted_private_chat", "room_version": "11", "invite_3pid": [by_address(BOB)] });
    let room = home.room(&alice, wish).await?;
    let levels = home.state(&alice, &room, "m.room.power_levels").await?;
    assert_eq!(levels[0]["content"]["users"], json!({ "@alice:one.example": 100, "@bob:one.example": 100 }));
    Ok(())
}

#[tokio::test]
async fn for_who_is_not_known_an_invite_is_left() -> anyhow::Result<()> {
    let home = open().await?;
    let (alice, bob) = (home.server.user("alice").await?, home.server.user("bob").await?);
    let room = home.room(&alice, json!({ "name": "Tea", "invite_3pid": [by_address("carol@one.example")] })).await?;
    home.invite(&alice, &room, "dora@one.example").await?.ok()?;
    let left = home.state(&alice, &room, "m.room.third_party_invite").await?;
    assert_eq!(left.len(), 2);
    for invite in &left {
        let content = &invite["content"];
        assert!(invite["state_key"].as_str().unwrap().starts_with("token"));
        assert_eq!(
            (&content["display_name"], &content["key_validity_url"]),
            (&json!("c...@o..."), &json!("https://id.example/valid"))
        );
        assert_eq!(content["public_keys"][0]["public_key"], content["public_key"]);
        assert_eq!(content["public_keys"].as_array().unwrap().len(), 2);
        // Whose address it was stays between the two and the identity server.
        assert!(!invite.to_string().contains("carol") && !invite.to_string().contains("dora"));
    }
    let stored = home.identity.asked("/store-invite");
    let told = |field: &str| stored[0][field].clone();
    assert_eq!((told("address"), told("medium")), (json!("carol@one.example"), json!("email")));
    assert_eq!((told("room_id"), told("sender")), (json!(room), json!("@alice:one.example")));
    assert_eq!((told("room_name"), told("room_join_rules")), (json!("Tea"), json!("invite")));

    // Nobody learns of an address for an invite that the room does not allow.
    let before = home.identity.0.lock().unwrap().asked.len();
    let refused = home.invite(&bob, &room, "eve@one.example").await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_FORBIDDEN"));
    home.server
        .post(&alice, &format!("/_matrix/client/v3/rooms/{room}/invite"), json!({ "user_id": "@bob:one.example" }))
        .await?
        .ok()?;
    home.server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
    let mut levels = home.state(&alice, &room, "m.room.power_levels").await?[0]["content"].clone();
    levels["invite"] = json!(50);
    home.server
        .put(&alice, &format!("/_matrix/client/v3/rooms/{room}/state/m.room.power_levels"), levels)
        .await?
        .ok()?;
    assert_eq!(home.invite(&bob, &room, "eve@one.example").await?.errcode(), "M_FORBIDDEN");
    assert_eq!(home.identity.0.lock().unwrap().asked.len(), before);
    Ok(())
}

#[tokio::test]
async fn a_binding_is_made_and_taken_back() -> anyhow::Result<()> {
    let home = open().await?;
    let alice = home.server.user("alice").await?;
    home.bind(&alice).await?.ok()?;
    let asked = home.identity.asked("/3pid/bind");
    assert_eq!(asked, [json!({ "sid": "1", "client_secret": "secret", "mxid": "@alice:one.example" })]);
    // That others find her by it does not make it an address of her account.
    assert_eq!(home.server.get(&alice, &format!("{ACCOUNT}/3pid")).await?.ok()?, json!({ "threepids": [] }));

    let address = json!({ "medium": "email", "address": "alice@one.example" });
    let unbind = async |more: Value| {
        let mut body = address.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        home.server.post(&alice, &format!("{ACCOUNT}/3pid/unbind"), body).await
    };
    // An error with an errcode is the client's to know; without one, the server cannot do it.
    home.identity.answer_instead("/3pid/unbind", 403, r#"{"errcode":"M_FORBIDDEN","error":"Not from you"}"#);
    let refused = unbind(json!({})).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_FORBIDDEN"));
    home.identity.answer_instead("/3pid/unbind", 501, "what?");
    assert_eq!(unbind(json!({})).await?.ok()?, json!({ "id_server_unbind_result": "no-support" }));
    home.identity.as_usual();
    let other = json!({ "id_server": "other.example" });
    assert_eq!(unbind(other).await?.ok()?, json!({ "id_server_unbind_result": "no-support" }));
    assert_eq!(unbind(json!({})).await?.ok()?, json!({ "id_server_unbind_result": "success" }));
    let threepid = json!({ "medium": "email", "address": "alice@one.example" });
    let last = home.identity.asked("/3pid/unbind").pop().unwrap();
    assert_eq!(last, json!({ "mxid": "@alice:one.example", "threepid": threepid }));
    // Now nothing is known of it, but whoever names the server may still try.
    assert_eq!(unbind(json!({})).await?.ok()?, json!({ "id_server_unbind_result": "no-support" }));
    let named = json!({ "id_server": "https://ID.example/" });
    assert_eq!(unbind(named).await?.ok()?, json!({ "id_server_unbind_result": "success" }));

    // The older way to bind; and with the account the binding goes.
    let creds =
        json!({ "client_secret": "secret", "sid": "1", "id_server": "id.example", "id_access_token": "a token" });
    let old = json!({ "three_pid_creds": creds });
    assert_eq!(home.server.post(&alice, &format!("{ACCOUNT}/3pid"), old).await?.ok()?, json!({}));
    let identifier = json!({ "type": "m.id.user", "user": "alice" });
    let auth = json!({ "type": "m.login.password", "identifier": identifier, "password": "secret" });
    let count = home.identity.asked("/3pid/unbind").len();
    let closed = home.server.post(&alice, &format!("{ACCOUNT}/deactivate"), json!({ "auth": auth })).await?.ok()?;
    assert_eq!(closed["id_server_unbind_result"], "success");
    assert_eq!(home.identity.asked("/3pid/unbind").len(), count + 1);
    Ok(())
}

#[tokio::test]
async fn what_an_identity_server_says_wrong_is_no_fault_of_ours() -> anyhow::Result<()> {
    let home = open().await?;
    let alice = home.server.user("alice").await?;
    let room = home.room(&alice, json!({})).await?;
    let refusal = |errcode: &str| json!({ "errcode": errcode, "error": "No" }).to_string();
    for (status, body, seen, errcode) in [
        (403, refusal("M_TERMS_NOT_SIGNED"), 403, "M_TERMS_NOT_SIGNED"),
        (400, refusal("M_SESSION_NOT_VALIDATED"), 400, "M_SESSION_NOT_VALIDATED"),
        (404, refusal("M_NO_VALID_SESSION"), 404, "M_NO_VALID_SESSION"),
        // A client would think that its own token is void.
        (401, refusal("M_UNKNOWN_TOKEN"), 401, "M_UNAUTHORIZED"),
        (500, "oops".to_owned(), 502, "M_UNKNOWN"),
        (302, "{}".to_owned(), 502, "M_UNKNOWN"),
        (200, "{}".to_owned(), 502, "M_UNKNOWN"),
        (200, "x".repeat(300_000), 502, "M_UNKNOWN"),
    ] {
        home.identity.answer_instead("/3pid/bind", status, &body);
        let answer = home.bind(&alice).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (seen, errcode), "{status} {}", body.len());
    }
    let keys =
        json!([{ "public_key": "short", "key_validity_url": "" }, { "public_key": "short", "key_validity_url": "" }]);
    for wrong in [
        json!({ "token": "two words", "display_name": "a", "public_keys": keys }),
        json!({ "token": "t", "display_name": "a", "public_keys": keys }),
        json!({ "token": "t", "display_name": "a", "public_keys": [] }),
    ] {
        home.identity.answer_instead("/store-invite", 200, &wrong.to_string());
        assert_eq!(home.invite(&alice, &room, "carol@one.example").await?.status, 502, "{wrong}");
    }
    assert!(home.state(&alice, &room, "m.room.third_party_invite").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn only_servers_that_the_owner_trusts_are_asked() -> anyhow::Result<()> {
    let home = open().await?;
    let alice = home.server.user("alice").await?;
    let room = home.room(&alice, json!({})).await?;
    let path = format!("/_matrix/client/v3/rooms/{room}/invite");
    for server in
        ["other.example", "id.example:8090", "id.example@other.example", "id.example/x", "", "169.254.169.254"]
    {
        let mut invite = by_address("carol@one.example");
        invite["id_server"] = server.into();
        let refused = home.server.post(&alice, &path, invite.clone()).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_SERVER_NOT_TRUSTED"), "{server}");
        let wish = json!({ "invite_3pid": [invite] });
        let refused = home.server.post(&alice, "/_matrix/client/v3/createRoom", wish).await?;
        assert_eq!(refused.errcode(), "M_SERVER_NOT_TRUSTED", "{server}");
    }
    for (medium, address) in [("email", "nobody"), ("msisdn", "+1 800"), ("msisdn", ""), ("pigeon", "a@one.example")] {
        let mut invite = by_address(address);
        invite["medium"] = medium.into();
        let refused = home.server.post(&alice, &path, invite).await?;
        assert_eq!(
            (refused.status.as_u16(), refused.errcode().as_str()),
            (400, "M_INVALID_PARAM"),
            "{medium} {address}"
        );
    }
    let many: Vec<Value> = (0..21).map(|n| by_address(&format!("n{n}@one.example"))).collect();
    let wish = json!({ "invite_3pid": many });
    let refused = home.server.post(&alice, "/_matrix/client/v3/createRoom", wish).await?;
    assert_eq!(refused.errcode(), "M_INVALID_PARAM");
    assert!(home.home.web.asked().is_empty());
    let rooms = home.server.get(&alice, "/_matrix/client/v3/joined_rooms").await?.ok()?;
    assert_eq!(rooms["joined_rooms"].as_array().unwrap().len(), 1);
    Ok(())
}
