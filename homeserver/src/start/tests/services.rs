//! A whole server and the services of its settings, over real connections.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{Json, Router, routing::put};
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::start;
use crate::{
    config::{Config, ServerNameChoice},
    net::{
        connect::Connector,
        dns::SystemDns,
        listener::{self, Hosts, Limits, Serve},
        networks::AllowedNetworks,
        outgoing::{ExchangeLimits, Outgoing},
        tls::{ClientTls, self_made_paths, self_made_server_config},
    },
};

/// A port that was free a moment ago.
async fn free_address() -> SocketAddr {
    let probe = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    probe.local_addr().unwrap()
}

fn registration(folder: &Path, id: &str, url: &str) -> std::path::PathBuf {
    let path = folder.join(format!("{id}.yaml"));
    let yaml = format!(
        "id: {id}\nurl: {url}\nas_token: as-{id}\nhs_token: hs-{id}\nsender_localpart: {id}\n\
         namespaces: {{ rooms: [{{ exclusive: false, regex: '!' }}] }}\n"
    );
    std::fs::write(&path, yaml).unwrap();
    path
}

/// What services are sent: the id of the transaction's room creation and the token that came with it.
fn service(sent: mpsc::UnboundedSender<(String, Value)>) -> Router {
    let take = async move |headers: HeaderMap, Json(body): Json<Value>| {
        let token = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
        sent.send((token, body)).unwrap();
        Json(json!({}))
    };
    Router::new().route("/_matrix/app/v1/transactions/{id}", put(take))
}

#[tokio::test]
async fn services_at_loopback_are_sent_what_waited_over_a_restart_in_the_clear_and_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let tls = self_made_server_config(folder.path(), "127.0.0.1").unwrap();
    let (plain, secure) = (free_address().await, free_address().await);
    let config = Config {
        data: folder.path().join("data"),
        server_name: ServerNameChoice::Name("one.example".to_owned()),
        client_listen: "127.0.0.1:0".parse().unwrap(),
        trusted_ca: vec![self_made_paths(folder.path()).0],
        appservices: vec![
            registration(folder.path(), "plain", &format!("http://{plain}")),
            registration(folder.path(), "secure", &format!("https://{secure}/")),
        ],
        ..Config::default()
    };
    let server = start(config.clone(), None).await.unwrap();
    let loopback = AllowedNetworks::new(["127.0.0.0/8".parse().unwrap()]);
    let client = Outgoing::new(Connector::new(ClientTls::new(&[]).unwrap(), loopback, Arc::new(SystemDns::new())));
    let make = Request::post(format!("http://{}/_matrix/client/v3/createRoom", server.client_address().unwrap()))
        .header(header::AUTHORIZATION, "Bearer as-plain")
        .body(Bytes::from("{}"))
        .unwrap();
    assert_eq!(client.send(make, ExchangeLimits::default()).await.unwrap().status(), 200);
    server.shutdown().await;

    let (sent, mut taken) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let serve = || Serve { router: service(sent.clone()), limits: Limits::default(), shutdown: stop.clone() };
    listener::tcp(plain, Hosts::any(), serve()).await.unwrap();
    listener::tls(secure, tls, serve()).await.unwrap();
    let server = start(config, None).await.unwrap();
    let mut tokens = Vec::new();
    while tokens.len() < 2 {
        let next = tokio::time::timeout(Duration::from_secs(20), taken.recv()).await;
        let (token, body) = next.unwrap_or_else(|_| panic!("only {tokens:?} were sent anything")).unwrap();
        if body["events"].as_array().unwrap().iter().any(|event| event["type"] == "m.room.create") {
            tokens.push(token);
        }
    }
    tokens.sort();
    assert_eq!(tokens, ["Bearer hs-plain", "Bearer hs-secure"]);
    stop.cancel();
    server.shutdown().await;
}

#[tokio::test]
async fn a_registration_that_cannot_be_used_stops_the_start_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        data: folder.path().join("data"),
        server_name: ServerNameChoice::Name("one.example".to_owned()),
        appservices: vec![registration(folder.path(), "bridge", "gopher://127.0.0.1")],
        ..Config::default()
    };
    let error = start(config, None).await.err().unwrap().to_string();
    assert!(error.contains("bridge.yaml") && error.contains("url") && !error.contains("as-bridge"), "{error}");
}
