//! A started server, asked over its TLS listener.

mod services;

use std::{net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::start;
use crate::{
    config::{Config, Listen, ServerNameChoice},
    net::tls::self_made_paths,
};

/// The answer to a GET, head and body as they came.
async fn get(data: &Path, address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(self_made_paths(data).0)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    let port = address.port();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Peers that close without saying so are no error here.
    stream.read_to_end(&mut answer).await.ok();
    Ok(String::from_utf8(answer)?)
}

#[tokio::test]
async fn phones_are_served_on_the_tls_listener_when_it_is_wanted() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for client_tls in [true, false] {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_owned();
        let server_name = ServerNameChoice::Name("localhost".to_owned());
        let federation_listen = Listen::At("127.0.0.1:0".parse()?);
        let config = Config { data: data.clone(), server_name, federation_listen, client_tls, ..Config::default() };
        let server = start(config, None).await?;
        let address = server.federation_address().unwrap();
        let federation = get(&data, address, "/_matrix/federation/v1/version").await?;
        assert!(federation.starts_with("HTTP/1.1 200"), "{federation}");
        let versions = get(&data, address, "/_matrix/client/versions").await?;
        let well_known = get(&data, address, "/.well-known/matrix/client").await?;
        if client_tls {
            assert!(versions.starts_with("HTTP/1.1 200") && versions.contains("v1.11"), "{versions}");
            let told = format!("{{\"m.homeserver\":{{\"base_url\":\"https://localhost:{}\"}}}}", address.port());
            assert!(well_known.starts_with("HTTP/1.1 200") && well_known.ends_with(&told), "{well_known}");
            assert!(well_known.contains("access-control-allow-origin: *"), "{well_known}");
        } else {
            assert!(versions.starts_with("HTTP/1.1 404") && well_known.starts_with("HTTP/1.1 404"));
        }
        let owner = get(&data, address, "/_hearth/v1/users").await?;
        assert!(owner.starts_with("HTTP/1.1 404"), "the owner's API is on the socket alone");
        let admin = get(&data, address, "/_synapse/admin/v2/users").await?;
        assert!(!admin.starts_with("HTTP/1.1 200"), "{admin}");
        server.shutdown().await;
    }
    Ok(())
}

#[tokio::test]
async fn the_owner_replaces_the_signing_key_and_the_old_one_is_published() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_owned();
    let serve = async |name: ServerNameChoice| {
        let federation_listen = Listen::At("127.0.0.1:0".parse().unwrap());
        let config = Config { data: data.clone(), server_name: name, federation_listen, ..Config::default() };
        start(config, None).await.unwrap()
    };
    let published = async |address: SocketAddr| {
        let answer = get(&data, address, "/_matrix/key/v2/server").await.unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        let keys: serde_json::Value = serde_json::from_str(&body).unwrap();
        let ids = |field: &str| keys[field].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        (ids("verify_keys"), ids("old_verify_keys"))
    };
    let ask = async |method: http::Method, path: &str| {
        let owner = crate::Owner::of(&data).await.unwrap();
        let answer = owner.ask(method, path, Some(&serde_json::json!({}))).await;
        owner.close().await;
        answer
    };
    let named = || ServerNameChoice::Name("localhost".to_owned());
    let server = serve(named()).await;
    let (first, none) = published(server.federation_address().unwrap()).await;
    assert_eq!((first.len(), none.len()), (1, 0));
    let rotated = ask(http::Method::POST, "/_hearth/v1/keys/rotate").await.unwrap();
    let second = published(server.federation_address().unwrap()).await;
    assert_eq!(second, (vec![rotated["current"].as_str().unwrap().to_owned()], first.clone()));
    server.shutdown().await;
    // Nobody serves: the next start finds the third.
    ask(http::Method::POST, "/_hearth/v1/keys/rotate").await.unwrap();
    let server = serve(named()).await;
    let (third, old) = published(server.federation_address().unwrap()).await;
    assert!(third != second.0 && old.len() == 2 && old.contains(&first[0]), "{third:?} {old:?}");
    assert_eq!(ask(http::Method::GET, "/_hearth/v1/keys").await.unwrap()["current"], third[0]);
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_a_key_keeps_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
    let server = start(Config { server_name: ServerNameChoice::Key, ..config }, None).await?;
    let owner = crate::Owner::of(folder.path()).await?;
    let refused = owner.ask(http::Method::POST, "/_hearth/v1/keys/rotate", Some(&serde_json::json!({}))).await;
    assert!(refused.unwrap_err().to_string().contains("its key"), "it says why");
    owner.close().await;
    server.shutdown().await;
    Ok(())
}
