//! What is learned before signing in, and what calls need.

use axum::body::Body;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use serde_json::json;
use sha1::Sha1;

use crate::{api::testing::Server, config::Config, net::listener::Peer};

fn config(text: &str) -> anyhow::Result<Config> {
    let config: Config = toml::from_str(text)?;
    config.check()?;
    Ok(config)
}

#[tokio::test]
async fn what_the_settings_do_not_say_is_not_found() -> anyhow::Result<()> {
    let server = Server::start().await?;
    for (path, errcode) in [
        ("/.well-known/matrix/client", "M_NOT_FOUND"),
        ("/.well-known/matrix/server", "M_NOT_FOUND"),
        ("/.well-known/matrix/support", "M_NOT_FOUND"),
        ("/.well-known/matrix/policy_server", "M_NOT_FOUND"),
        ("/_matrix/client/v1/auth_metadata", "M_UNRECOGNIZED"),
        ("/_matrix/client/unstable/org.matrix.msc2965/auth_metadata", "M_UNRECOGNIZED"),
        ("/_matrix/client/v3/login/sso/redirect?redirectUrl=https%3A%2F%2Fapp.example", "M_NOT_FOUND"),
        ("/_matrix/client/v3/login/sso/redirect/somebody?redirectUrl=https%3A%2F%2Fapp.example", "M_NOT_FOUND"),
    ] {
        let answer = server.get("", path).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (404, errcode), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let versions = server.get("", "/_matrix/client/versions").await?.ok()?;
    assert_eq!(versions["unstable_features"]["org.matrix.msc4108"], true);
    Ok(())
}

#[tokio::test]
async fn what_the_settings_say_is_told() -> anyhow::Result<()> {
    let settings = r#"
        public_url = "https://matrix.one.example/"
        delegated_name = "fed.one.example:443"
        rtc_transports = [{ type = "livekit", livekit_service_url = "https://sfu.one.example" }]
        [support]
        page = "https://one.example/help"
        contacts = [{ role = "m.role.admin", matrix_id = "@alice:one.example" }]
    "#;
    let server = Server::with(config(settings)?).await?;
    let transport = json!({ "type": "livekit", "livekit_service_url": "https://sfu.one.example" });
    assert_eq!(
        server.get("", "/.well-known/matrix/client").await?.ok()?,
        json!({
            "m.homeserver": { "base_url": "https://matrix.one.example" },
            "org.matrix.msc4143.rtc_foci": [transport],
        })
    );
    let other = server.get("", "/.well-known/matrix/server").await?.ok()?;
    assert_eq!(other, json!({ "m.server": "fed.one.example:443" }));
    assert_eq!(
        server.get("", "/.well-known/matrix/support").await?.ok()?,
        json!({
            "contacts": [{ "role": "m.role.admin", "matrix_id": "@alice:one.example" }],
            "support_page": "https://one.example/help",
        })
    );
    let path = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports";
    assert_eq!(server.get("", path).await?.errcode(), "M_MISSING_TOKEN");
    let token = server.user("alice").await?;
    assert_eq!(server.get(&token, path).await?.ok()?, json!({ "rtc_transports": [transport] }));
    Ok(())
}

#[tokio::test]
async fn who_comes_over_tls_is_told_the_host_it_asked() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let ask = async |peer: Peer, host: &str| {
        let mut request = Request::get("/.well-known/matrix/client").header("host", host).body(Body::empty())?;
        request.extensions_mut().insert(peer);
        server.send_request(request).await
    };
    let address = "203.0.113.9:5000".parse()?;
    let told = ask(Peer::Tls(address), "one.example:8448").await?.ok()?;
    assert_eq!(told, json!({ "m.homeserver": { "base_url": "https://one.example:8448" } }));
    assert_eq!(ask(Peer::Tcp(address), "one.example:8448").await?.status, 404);
    for host in ["one.example/path", "a@b", "one.example?x", "", "a b"] {
        assert_eq!(ask(Peer::Tls(address), host).await?.status, 404, "{host}");
    }
    Ok(())
}

#[test]
fn settings_that_cannot_work_are_refused_in_words() {
    for (settings, words) in [
        ("public_url = \"https://one.example/?a=b\"", "public_url"),
        ("public_url = \"ftp://one.example\"", "public_url"),
        ("[turn]\nuris = []\nsecret = \"s\"", "turn"),
        ("[turn]\nuris = [\"http://one.example\"]\nsecret = \"s\"", "turn:"),
        ("[turn]\nuris = [\"turn:one.example\"]", "either a secret"),
        (
            "[turn]\nuris = [\"turn:one.example\"]\nsecret = \"s\"\nusername = \"u\"\npassword = \"p\"",
            "either a secret",
        ),
        ("[support]\ncontacts = []", "support"),
        ("[support]\ncontacts = [{ role = \"m.role.admin\" }]", "matrix_id"),
        (
            "[terms.privacy]\nversion = \"1\"\nlanguages.en = { name = \"Privacy\", url = \"javascript:alert(1)\" }",
            "privacy",
        ),
    ] {
        let error = config(settings).unwrap_err().to_string();
        assert!(error.contains(words), "{settings}: {error}");
    }
}

#[tokio::test]
async fn turn_credentials_are_made_for_each_user_and_end() -> anyhow::Result<()> {
    let path = "/_matrix/client/v3/voip/turnServer";
    let none = Server::start().await?;
    let token = none.user("alice").await?;
    assert_eq!(none.get(&token, path).await?.ok()?, json!({}));
    assert_eq!(none.get("", path).await?.errcode(), "M_MISSING_TOKEN");

    let settings = "[turn]\nuris = [\"turn:turn.one.example?transport=udp\"]\nsecret = \"shared\"\nlifetime = 600";
    let server = Server::with(config(settings)?).await?;
    let token = server.user("alice").await?;
    let given = server.get(&token, path).await?.ok()?;
    let username = "1700000600:@alice:one.example";
    let mut mac = Hmac::<Sha1>::new_from_slice(b"shared")?;
    mac.update(username.as_bytes());
    let password = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
    let uris = ["turn:turn.one.example?transport=udp"];
    assert_eq!(given, json!({ "username": username, "password": password, "uris": uris, "ttl": 600 }));

    let settings = "[turn]\nuris = [\"turns:turn.one.example\"]\nusername = \"all\"\npassword = \"secret\"";
    let server = Server::with(config(settings)?).await?;
    let token = server.user("alice").await?;
    let given = server.get(&token, path).await?.ok()?;
    assert_eq!(
        given,
        json!({ "username": "all", "password": "secret", "uris": ["turns:turn.one.example"], "ttl": 86400 })
    );
    Ok(())
}
