//! Two devices meet before one of them is signed in.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use crate::{
    api::testing::{Answer, Server},
    config::Config,
    net::listener::Peer,
};

const MSC4108: &str = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous";
const MSC4388: &str = "/_matrix/client/unstable/io.element.msc4388/rendezvous";

async fn ask(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Answer> {
    let mut request = Request::builder().method(method).uri(path).header("host", "one.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_owned()))?;
    request.extensions_mut().insert(Peer::Tls("203.0.113.9:5000".parse()?));
    server.send_request(request).await
}

#[tokio::test]
async fn payloads_are_exchanged_and_nobody_overwrites_unseen() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let text = ("content-type", "text/plain");
    let made = ask(&server, Method::POST, MSC4108, &[text], "hello").await?;
    assert_eq!(made.status, 201);
    let first = made.header("etag").to_owned();
    assert!(!made.header("expires").is_empty() && !made.header("last-modified").is_empty());
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://one.example").unwrap();
    assert!(path.starts_with(MSC4108));

    let got = ask(&server, Method::GET, path, &[], "").await?;
    assert_eq!((got.status.as_u16(), got.bytes.as_slice()), (200, b"hello".as_slice()));
    assert_eq!((got.header("content-type"), got.header("etag")), ("text/plain", first.as_str()));
    assert_eq!(got.header("access-control-expose-headers"), "etag");
    let same = ask(&server, Method::GET, path, &[("if-none-match", &first)], "").await?;
    assert_eq!((same.status.as_u16(), same.bytes.len()), (304, 0));

    let put = ask(&server, Method::PUT, path, &[text, ("if-match", &first)], "answer").await?;
    assert_eq!(put.status, 202);
    assert_ne!(put.header("etag"), first);
    let late = ask(&server, Method::PUT, path, &[text, ("if-match", &first)], "late").await?;
    assert_eq!((late.status.as_u16(), late.header("etag")), (412, put.header("etag")));
    assert_eq!(late.json()["org.matrix.msc4108.errcode"], "M_CONCURRENT_WRITE");
    let seen = ask(&server, Method::GET, path, &[("if-none-match", &first)], "").await?;
    assert_eq!((seen.status.as_u16(), seen.bytes.as_slice()), (200, b"answer".as_slice()));

    assert_eq!(ask(&server, Method::DELETE, path, &[], "").await?.status, 204);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(ask(&server, method, path, &[], "").await?.errcode(), "M_NOT_FOUND");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_payload_is_refused_and_meetings_end() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let text = ("content-type", "text/plain");
    let large = "x".repeat(4097);
    for (headers, body, status, errcode) in [
        (vec![], "hello", 400, "M_MISSING_PARAM"),
        (vec![("content-type", "application/json")], "{}", 400, "M_INVALID_PARAM"),
        (vec![text], large.as_str(), 413, "M_TOO_LARGE"),
    ] {
        let answer = ask(&server, Method::POST, MSC4108, &headers, body).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (status, errcode));
    }
    let made = ask(&server, Method::POST, MSC4108, &[text], &large[..4096]).await?;
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://one.example").unwrap();
    assert_eq!(ask(&server, Method::PUT, path, &[text], "x").await?.errcode(), "M_MISSING_PARAM");
    let unseen = [text, ("if-match", "\"x\"")];
    assert_eq!(ask(&server, Method::PUT, path, &unseen, &large).await?.errcode(), "M_TOO_LARGE");
    server.pass(5 * 60_000);
    assert_eq!(ask(&server, Method::GET, path, &[], "").await?.errcode(), "M_NOT_FOUND");
    assert_eq!(ask(&server, Method::PUT, path, &unseen, "x").await?.errcode(), "M_NOT_FOUND");
    Ok(())
}

#[tokio::test]
async fn the_newer_form_speaks_json() -> anyhow::Result<()> {
    let server = Server::start().await?;
    assert_eq!(server.get("", MSC4388).await?.ok()?, json!({ "create_available": true }));
    assert_eq!(server.post("", MSC4388, json!({})).await?.errcode(), "M_MISSING_PARAM");
    assert_eq!(server.post("", MSC4388, json!({ "data": "x".repeat(4097) })).await?.errcode(), "M_TOO_LARGE");
    let made = server.post("", MSC4388, json!({ "data": "hello" })).await?.ok()?;
    assert_eq!(made["expires_in_ms"], 300_000);
    let path = format!("{MSC4388}/{}", made["id"].as_str().unwrap());
    server.pass(1000);
    let got = server.get("", &path).await?.ok()?;
    assert_eq!(got, json!({ "data": "hello", "sequence_token": made["sequence_token"], "expires_in_ms": 299_000 }));
    let answer = json!({ "data": "answer", "sequence_token": made["sequence_token"] });
    let next = server.put("", &path, answer.clone()).await?.ok()?;
    assert_ne!(next["sequence_token"], made["sequence_token"]);
    let late = server.put("", &path, answer).await?;
    assert_eq!((late.status.as_u16(), late.errcode().as_str()), (409, "IO_ELEMENT_MSC4388_CONCURRENT_WRITE"));
    let shown = ask(&server, Method::GET, &path, &[("sec-fetch-dest", "document")], "").await?;
    assert_eq!(shown.errcode(), "M_FORBIDDEN");
    server.delete("", &path, json!({})).await?.ok()?;
    assert_eq!(server.get("", &path).await?.errcode(), "M_NOT_FOUND");
    assert_eq!(server.delete("", &path, json!({})).await?.errcode(), "M_NOT_FOUND");
    Ok(())
}

#[tokio::test]
async fn one_address_makes_so_many_and_no_more() -> anyhow::Result<()> {
    let server = Server::with(Config::default()).await?;
    let text = [("content-type", "text/plain")];
    for _ in 0..20 {
        assert_eq!(ask(&server, Method::POST, MSC4108, &text, "hello").await?.status, 201);
    }
    let slowed = ask(&server, Method::POST, MSC4108, &text, "hello").await?;
    assert_eq!((slowed.errcode().as_str(), slowed.header("retry-after")), ("M_LIMIT_EXCEEDED", "3"));
    assert_eq!(slowed.json()["retry_after_ms"], 3000);
    server.pass(3000);
    assert_eq!(ask(&server, Method::POST, MSC4108, &text, "hello").await?.status, 201);
    Ok(())
}
