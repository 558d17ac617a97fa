//! Pages on which people complete what their app does not know.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    api::testing::{Answer, Server},
    config::{Config, Registration},
};

const REGISTER: &str = "/_matrix/client/v3/register";

fn page(stage: &str, session: &Value) -> String {
    format!("/_matrix/client/v3/auth/{stage}/fallback/web?session={}", session.as_str().unwrap_or_default())
}

async fn submit(server: &Server, path: &str, form: &str) -> anyhow::Result<Answer> {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    server.send_request(request.body(Body::from(form.to_owned()))?).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

/// The page's policy lets its own script and style run, and nothing else.
fn runs_only_its_own(answer: &Answer) {
    let (html, policy) = (text(answer), answer.header("content-security-policy").to_owned());
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for tag in ["script", "style"] {
        let Some((_, rest)) = html.split_once(&format!("<{tag}>")) else { continue };
        let (inline, _) = rest.split_once(&format!("</{tag}>")).unwrap();
        let hash = data_encoding::BASE64.encode(&Sha256::digest(inline.as_bytes()));
        assert!(policy.contains(&format!("{tag}-src 'sha256-{hash}'")), "{tag}: {policy}");
    }
    assert!(!html.contains(" onclick") && !html.contains("src="));
}

#[tokio::test]
async fn an_account_is_made_with_terms_and_an_invite_given_on_pages() -> anyhow::Result<()> {
    let settings = r#"
        [terms.privacy]
        version = "1"
        languages.en = { name = "<Privacy> & \"more\"", url = "https://one.example/?a=1&b=2" }
    "#;
    let config = Config {
        registration: Registration::Token,
        registration_token: Some("welcome".to_owned()),
        ..toml::from_str(settings)?
    };
    let server = Server::with(config).await?;
    let wish = json!({ "username": "alice", "password": "secret" });
    let asked = server.post("", REGISTER, wish.clone()).await?.json();
    assert_eq!(asked["flows"], json!([{ "stages": ["m.login.registration_token", "m.login.terms"] }]));
    let policies = &asked["params"]["m.login.terms"]["policies"];
    assert_eq!(policies["privacy"]["version"], "1");
    assert_eq!(policies["privacy"]["en"]["url"], "https://one.example/?a=1&b=2");
    let session = &asked["session"];

    let token = page("m.login.registration_token", session);
    let form = server.get("", &token).await?;
    runs_only_its_own(&form);
    assert!(text(&form).contains("name=token"));
    for wrong in ["token=guessed", "token=", "", "%ff%fe"] {
        let again = submit(&server, &token, wrong).await?;
        assert!(again.status == 200 && text(&again).contains("<p role=alert>"), "{wrong}");
    }
    let thanks = submit(&server, &token, "token=welcome").await?;
    runs_only_its_own(&thanks);
    assert!(text(&thanks).contains("window.onAuthDone()") && text(&thanks).contains("\"authDone\""));
    assert!(text(&server.get("", &token).await?).contains("onAuthDone"));

    let mut again = wish.clone();
    again["auth"] = json!({ "session": session });
    let half = server.post("", REGISTER, again.clone()).await?;
    assert_eq!((half.status.as_u16(), half.json()["completed"].clone()), (401, json!(["m.login.registration_token"])));

    let terms = page("m.login.terms", session);
    let form = server.get("", &terms).await?;
    runs_only_its_own(&form);
    assert!(text(&form).contains("&lt;Privacy&gt; &amp; &quot;more&quot;"));
    assert!(text(&form).contains("href=\"https://one.example/?a=1&amp;b=2\""));
    submit(&server, &terms, "").await?;
    let made = server.post("", REGISTER, again).await?.ok()?;
    assert_eq!(made["user_id"], "@alice:one.example");
    Ok(())
}

#[tokio::test]
async fn a_password_on_a_page_is_that_of_the_session_s_user() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    server.user("bob").await?;
    let asked = server.post(&token, "/_matrix/client/v1/login/get_token", json!({})).await?.json();
    let password = page("m.login.password", &asked["session"]);
    let form = server.get("", &password).await?;
    assert!(!text(&form).contains("name=user"), "the session knows who it is");
    assert!(text(&submit(&server, &password, "password=wrong").await?).contains("<p role=alert>"));
    let body = json!({ "auth": { "session": asked["session"] } });
    assert_eq!(server.post(&token, "/_matrix/client/v1/login/get_token", body.clone()).await?.status, 401);
    assert!(text(&submit(&server, &password, "password=secret&user=bob").await?).contains("onAuthDone"));
    server.post(&token, "/_matrix/client/v1/login/get_token", body).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn pages_of_unknown_sessions_and_stages_show_nothing_of_the_request() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let asked = server.post("", REGISTER, json!({ "username": "alice", "password": "secret" })).await?.json();
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        page("m.login.dummy", &json!(evil)),
        page(evil, &asked["session"]),
        page("m.login.password", &asked["session"]),
        "/_matrix/client/v3/auth/m.login.dummy/fallback/web".to_owned(),
    ] {
        for answer in [server.get("", &path).await?, submit(&server, &path, "password=x&user=y").await?] {
            assert_eq!(answer.status, 404, "{path}");
            runs_only_its_own(&answer);
            assert!(!text(&answer).contains("alert(1)"));
        }
    }
    let dummy = page("m.login.dummy", &asked["session"]);
    runs_only_its_own(&server.get("", &dummy).await?);
    submit(&server, &dummy, "").await?;
    let auth = json!({ "username": "alice", "password": "secret", "auth": { "session": asked["session"] } });
    server.post("", REGISTER, auth).await?.ok()?;
    let over = server.get("", &dummy).await?;
    assert_eq!(over.status, 404, "the session ended with the registration");
    Ok(())
}

#[tokio::test]
async fn the_login_page_signs_in_by_its_own_script_alone() -> anyhow::Result<()> {
    let server = Server::start().await?;
    for path in ["/_matrix/static/client/login/?device_id=%3Cb%3E", "/_matrix/static/client/login"] {
        let answer = server.get("", path).await?;
        assert_eq!(answer.status, 200);
        runs_only_its_own(&answer);
        assert!(text(&answer).contains("window.matrixLogin.onLogin(body)") && !text(&answer).contains("<b>"));
        assert!(answer.header("content-security-policy").contains("connect-src 'self'"));
    }
    Ok(())
}
