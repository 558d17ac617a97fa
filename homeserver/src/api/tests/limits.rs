//! How often clients may ask.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::{
    api::testing::{Answer, Server},
    config::Config,
    net::listener::Peer,
};

async fn ask(server: &Server, peer: Peer, token: &str, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut request = request.body(Body::from(body.map(|body| body.to_string()).unwrap_or_default()))?;
    request.extensions_mut().insert(peer);
    server.send_request(request).await
}

fn peer(ip: &str) -> Peer {
    Peer::Tls(format!("{ip}:5000").parse().unwrap())
}

#[tokio::test]
async fn a_flood_of_one_user_is_slowed_and_nobody_else_feels_it() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let (limited, unlimited) = ("/_matrix/client/v3/capabilities", "/_matrix/client/v3/joined_rooms");
    for _ in 0..500 {
        ask(&server, peer("203.0.113.9"), &alice, limited, None).await?.ok()?;
    }
    let slowed = ask(&server, peer("203.0.113.9"), &alice, limited, None).await?;
    assert_eq!((slowed.status.as_u16(), slowed.errcode().as_str()), (429, "M_LIMIT_EXCEEDED"));
    assert_eq!((slowed.json()["retry_after_ms"].clone(), slowed.header("retry-after")), (json!(20), "1"));
    let media = ask(&server, peer("203.0.113.9"), &alice, "/_matrix/client/v1/media/config", None).await?;
    assert_eq!(media.errcode(), "M_LIMIT_EXCEEDED");
    ask(&server, peer("203.0.113.9"), &alice, unlimited, None).await?.ok()?;
    ask(&server, peer("203.0.113.9"), &bob, limited, None).await?.ok()?;
    // The owner's own app comes through the socket.
    ask(&server, Peer::Unix, &alice, limited, None).await?.ok()?;
    server.pass(20);
    ask(&server, peer("203.0.113.9"), &alice, limited, None).await?.ok()?;

    let without = Server::with(Config { rate_limits: false, ..Config::default() }).await?;
    let alice = without.user("alice").await?;
    for _ in 0..600 {
        ask(&without, peer("203.0.113.9"), &alice, limited, None).await?.ok()?;
    }
    Ok(())
}

#[tokio::test]
async fn strangers_are_counted_by_address_and_ipv6_by_network() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    let path = "/_matrix/client/v3/login";
    for _ in 0..500 {
        ask(&server, peer("[2001:db8:1:2::1]"), "", path, None).await?.ok()?;
    }
    let slowed = ask(&server, peer("[2001:db8:1:2::ffff]"), "", path, None).await?;
    assert_eq!(slowed.errcode(), "M_LIMIT_EXCEEDED");
    ask(&server, peer("[2001:db8:1:3::1]"), "", path, None).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn logins_of_one_address_are_limited_whoever_they_name() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    let login = |name: String| json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": name }, "password": "guess" });
    for n in 0..20 {
        let body = Some(login(format!("somebody{n}")));
        let answer = ask(&server, peer("203.0.113.9"), "", "/_matrix/client/v3/login", body).await?;
        assert_eq!(answer.errcode(), "M_FORBIDDEN");
    }
    let body = Some(login("another".to_owned()));
    let slowed = ask(&server, peer("203.0.113.9"), "", "/_matrix/client/v3/login", body.clone()).await?;
    assert_eq!((slowed.errcode().as_str(), slowed.header("retry-after")), ("M_LIMIT_EXCEEDED", "3"));
    let other = ask(&server, peer("203.0.113.10"), "", "/_matrix/client/v3/login", body).await?;
    assert_eq!(other.errcode(), "M_FORBIDDEN");
    Ok(())
}
