//! E-mail addresses of accounts: shown by a mail, for signing in and for another password.

mod postbox;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use self::postbox::Postbox;
use crate::{
    api::testing::{Answer, Server},
    config::{Config, Registration},
};

const ACCOUNT: &str = "/_matrix/client/v3/account";
const REGISTER: &str = "/_matrix/client/v3/register";
const SECRET: &str = "a.client=secret_-1";

async fn open() -> anyhow::Result<(Server, Postbox)> {
    with(Config { registration: Registration::Open, rate_limits: false, ..Config::default() }).await
}

async fn with(config: Config) -> anyhow::Result<(Server, Postbox)> {
    let postbox = Postbox::open().await;
    let config = Config {
        smtp: Some(format!("smtp://{}", postbox.address).parse()?),
        smtp_from: Some("Hearth <hearth@one.example>".to_owned()),
        public_url: Some("https://one.example/".parse()?),
        ..config
    };
    config.check()?;
    Ok((Server::with(config).await?, postbox))
}

/// Asks for a mail and answers the attempt's id.
async fn ask(server: &Server, path: &str, email: &str, attempt: u32) -> anyhow::Result<String> {
    let body = json!({ "client_secret": SECRET, "email": email, "send_attempt": attempt });
    let answer = server.post("", &format!("/_matrix/client/v3/{path}/email/requestToken"), body).await?.ok()?;
    Ok(answer["sid"].as_str().unwrap().to_owned())
}

async fn press(server: &Server, path: &str, form: &str) -> anyhow::Result<Answer> {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    server.send_request(request.body(Body::from(form.to_owned()))?).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

fn password_of(user: &str, session: &Value) -> Value {
    let identifier = json!({ "type": "m.id.user", "user": user });
    json!({ "type": "m.login.password", "identifier": identifier, "password": "secret", "session": session })
}

fn by_mail(sid: &str, session: &Value) -> Value {
    let creds = json!({ "sid": sid, "client_secret": SECRET });
    json!({ "type": "m.login.email.identity", "threepid_creds": creds, "session": session })
}

/// Adds a confirmed address to an account whose password is `secret`.
async fn add(server: &Server, token: &str, user: &str, sid: &str) -> anyhow::Result<Answer> {
    let mut wish = json!({ "sid": sid, "client_secret": SECRET });
    let asked = server.post(token, &format!("{ACCOUNT}/3pid/add"), wish.clone()).await?;
    if asked.status != 401 {
        return Ok(asked);
    }
    assert_eq!(asked.json()["flows"], json!([{ "stages": ["m.login.password"] }]));
    wish["auth"] = password_of(user, &asked.json()["session"]);
    server.post(token, &format!("{ACCOUNT}/3pid/add"), wish).await
}

async fn has_address(server: &Server, postbox: &Postbox, user: &str, email: &str) -> anyhow::Result<String> {
    let token = server.user(user).await?;
    let sid = ask(server, "account/3pid", email, 1).await?;
    press(server, &postbox.last().path(), "").await?;
    add(server, &token, user, &sid).await?.ok()?;
    Ok(token)
}

async fn sign_in(server: &Server, email: &str, password: &str) -> anyhow::Result<Answer> {
    let identifier = json!({ "type": "m.id.thirdparty", "medium": "email", "address": email });
    let body = json!({ "type": "m.login.password", "identifier": identifier, "password": password });
    server.post("", "/_matrix/client/v3/login", body).await
}

#[tokio::test]
async fn an_address_is_added_once_its_mail_is_confirmed() -> anyhow::Result<()> {
    let (server, postbox) = open().await?;
    let alice = server.user("alice").await?;
    let told = server.get(&alice, "/_matrix/client/v3/capabilities").await?.ok()?;
    assert_ne!(told["capabilities"]["m.3pid_changes"]["enabled"], false);

    let sid = ask(&server, "account/3pid", "Alice@One.Example", 1).await?;
    // The same attempt again and a lower one send nothing; a higher one sends another mail of the same attempt.
    assert_eq!(ask(&server, "account/3pid", "alice@one.example", 1).await?, sid);
    assert_eq!(ask(&server, "account/3pid", "alice@one.example", 0).await?, sid);
    assert_eq!(postbox.mails().len(), 1);
    assert_eq!(ask(&server, "account/3pid", "alice@one.example", 2).await?, sid);
    let mails = postbox.mails();
    assert_eq!(mails.len(), 2);
    let first = mails.first().unwrap();
    assert_eq!((first.from.as_str(), first.to.as_str()), ("<hearth@one.example>", "<alice@one.example>"));
    for part in
        ["From: Hearth <hearth@one.example>", "To: alice@one.example", "Subject: ", "Auto-Submitted: auto-generated"]
    {
        assert!(first.text.contains(part), "{part}: {}", first.text);
    }
    assert!(first.text.contains("Date: Tue, 14 Nov 2023") && !first.text.contains(SECRET));

    // Looking at the page confirms nothing.
    let early = add(&server, &alice, "alice", &sid).await?;
    assert_eq!((early.status.as_u16(), early.errcode().as_str()), (400, "M_THREEPID_AUTH_FAILED"));
    let page = server.get("", &first.path()).await?;
    assert!(text(&page).contains("<b>alice@one.example</b>") && text(&page).contains("method=post"));
    assert_eq!(add(&server, &alice, "alice", &sid).await?.errcode(), "M_THREEPID_AUTH_FAILED");
    server.pass(1000);
    assert!(text(&press(&server, &first.path(), "").await?).contains("Thank you"));
    server.pass(1000);
    add(&server, &alice, "alice", &sid).await?.ok()?;
    // Once more is no mistake.
    add(&server, &alice, "alice", &sid).await?.ok()?;
    let addresses = server.get(&alice, &format!("{ACCOUNT}/3pid")).await?.ok()?;
    let row = json!({
        "medium": "email", "address": "alice@one.example",
        "validated_at": 1_700_000_001_000_i64, "added_at": 1_700_000_002_000_i64,
    });
    assert_eq!(addresses, json!({ "threepids": [row] }));

    assert_eq!(sign_in(&server, "ALICE@one.example", "secret").await?.ok()?["user_id"], "@alice:one.example");
    let old =
        json!({ "type": "m.login.password", "medium": "email", "address": "alice@one.example", "password": "secret" });
    server.post("", "/_matrix/client/v3/login", old).await?.ok()?;
    for (email, password) in [("alice@one.example", "wrong"), ("bob@one.example", "secret"), ("alice", "secret")] {
        let refused = sign_in(&server, email, password).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_FORBIDDEN"));
    }

    // It is nobody else's until she gives it up.
    let body = json!({ "client_secret": "other", "email": "alice@one.example", "send_attempt": 1 });
    for path in ["account/3pid", "register"] {
        let taken = server.post("", &format!("/_matrix/client/v3/{path}/email/requestToken"), body.clone()).await?;
        assert_eq!((taken.status.as_u16(), taken.errcode().as_str()), (400, "M_THREEPID_IN_USE"), "{path}");
    }
    let bob = server.user("bob").await?;
    assert_eq!(add(&server, &bob, "bob", &sid).await?.errcode(), "M_THREEPID_IN_USE");
    let address = json!({ "medium": "email", "address": "Alice@one.example" });
    let deleted = server.post(&bob, &format!("{ACCOUNT}/3pid/delete"), address.clone()).await?.ok()?;
    assert_eq!(deleted, json!({ "id_server_unbind_result": "no-support" }));
    sign_in(&server, "alice@one.example", "secret").await?.ok()?;
    server.post(&alice, &format!("{ACCOUNT}/3pid/delete"), address).await?.ok()?;
    assert_eq!(server.get(&alice, &format!("{ACCOUNT}/3pid")).await?.ok()?, json!({ "threepids": [] }));
    assert_eq!(sign_in(&server, "alice@one.example", "secret").await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_by_mail() -> anyhow::Result<()> {
    let (server, postbox) = open().await?;
    let alice = has_address(&server, &postbox, "alice", "alice@one.example").await?;
    let nobody = json!({ "client_secret": SECRET, "email": "nobody@one.example", "send_attempt": 1 });
    let unknown = server.post("", &format!("{ACCOUNT}/password/email/requestToken"), nobody).await?;
    assert_eq!((unknown.status.as_u16(), unknown.errcode().as_str()), (400, "M_THREEPID_NOT_FOUND"));

    let wish = json!({ "new_password": "another" });
    let path = format!("{ACCOUNT}/password");
    let asked = server.post("", &path, wish.clone()).await?;
    let flows = json!([{ "stages": ["m.login.password"] }, { "stages": ["m.login.email.identity"] }]);
    assert_eq!((asked.status.as_u16(), asked.json()["flows"].clone()), (401, flows));
    let session = asked.json()["session"].clone();
    let change = async |sid: &str, session: &Value| {
        let body = json!({ "new_password": "another", "auth": by_mail(sid, session) });
        server.post("", &path, body).await
    };

    // A mail that was confirmed for something else proves nothing here.
    let adding = ask(&server, "account/3pid", "other@one.example", 1).await?;
    press(&server, &postbox.last().path(), "").await?;
    let sid = ask(&server, "account/password", "alice@one.example", 1).await?;
    for wrong in [adding.as_str(), sid.as_str(), "guessed"] {
        let refused = change(wrong, &session).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (401, "M_UNAUTHORIZED"), "{wrong}");
        assert_eq!(refused.json()["session"], session);
    }
    assert!(text(&server.get("", &postbox.last().path()).await?).contains("new password"));
    press(&server, &postbox.last().path(), "").await?;
    change(&sid, &session).await?.ok()?;
    // Her devices are signed out, the old password is void, and the mail was good for once.
    assert_eq!(server.get(&alice, &format!("{ACCOUNT}/whoami")).await?.errcode(), "M_UNKNOWN_TOKEN");
    assert_eq!(sign_in(&server, "alice@one.example", "secret").await?.status, 403);
    sign_in(&server, "alice@one.example", "another").await?.ok()?;
    let session = server.post("", &path, wish.clone()).await?.json()["session"].clone();
    assert_eq!(change(&sid, &session).await?.errcode(), "M_UNAUTHORIZED");

    // After an hour a mail is void, confirmed or not.
    let sid = ask(&server, "account/password", "alice@one.example", 1).await?;
    let link = postbox.last().path();
    server.pass(3_600_000);
    assert_eq!(press(&server, &link, "").await?.status, 404);
    assert_eq!(server.get("", &link).await?.status, 404);
    let session = server.post("", &path, wish).await?.json()["session"].clone();
    assert_eq!(change(&sid, &session).await?.errcode(), "M_UNAUTHORIZED");
    assert_ne!(ask(&server, "account/password", "alice@one.example", 1).await?, sid);
    Ok(())
}

#[tokio::test]
async fn an_account_is_made_with_an_address() -> anyhow::Result<()> {
    let config = Config {
        registration: Registration::Token,
        registration_token: Some("welcome".to_owned()),
        rate_limits: false,
        ..Config::default()
    };
    let (server, postbox) = with(config).await?;
    let mut wish = json!({ "username": "alice", "password": "secret" });
    let asked = server.post("", REGISTER, wish.clone()).await?.json();
    let invite = "m.login.registration_token";
    let flows = json!([{ "stages": [invite, "m.login.dummy"] }, { "stages": [invite, "m.login.email.identity"] }]);
    assert_eq!(asked["flows"], flows);
    wish["auth"] = json!({ "type": invite, "token": "welcome", "session": asked["session"] });
    assert_eq!(server.post("", REGISTER, wish.clone()).await?.json()["completed"], json!([invite]));
    let sid = ask(&server, "register", "alice@one.example", 1).await?;
    press(&server, &postbox.last().path(), "").await?;
    wish["auth"] = by_mail(&sid, &asked["session"]);
    let made = server.post("", REGISTER, wish).await?.ok()?;
    let alice = made["access_token"].as_str().unwrap();
    let addresses = server.get(alice, &format!("{ACCOUNT}/3pid")).await?.ok()?;
    assert_eq!(addresses["threepids"][0]["address"], "alice@one.example");

    // Who wants no address gives none.
    let wish = json!({ "username": "bob", "password": "secret" });
    let session = server.post("", REGISTER, wish.clone()).await?.json()["session"].clone();
    for auth in [json!({ "type": invite, "token": "welcome" }), json!({ "type": "m.login.dummy" })] {
        let mut wish = wish.clone();
        wish["auth"] = auth;
        wish["auth"]["session"] = session.clone();
        server.post("", REGISTER, wish).await?;
    }
    let body = json!({ "type": "m.login.password", "user": "bob", "password": "secret" });
    server.post("", "/_matrix/client/v3/login", body).await?.ok()?;

    // With the account the address goes.
    let close = json!({ "auth": password_of("alice", &Value::Null) });
    let closed = server.post(alice, &format!("{ACCOUNT}/deactivate"), close).await?.ok()?;
    assert_eq!(closed["id_server_unbind_result"], "success");
    ask(&server, "register", "alice@one.example", 7).await?;
    Ok(())
}

#[tokio::test]
async fn the_address_is_shown_on_pages_too() -> anyhow::Result<()> {
    let (server, postbox) = open().await?;
    let mut wish = json!({ "username": "alice", "password": "secret" });
    let session = server.post("", REGISTER, wish.clone()).await?.json()["session"].clone();
    let stage = "/_matrix/client/v3/auth/m.login.email.identity/fallback/web?session=";
    let stage = format!("{stage}{}", session.as_str().unwrap());
    assert!(text(&server.get("", &stage).await?).contains("name=email"));
    let again = press(&server, &stage, "email=nobody").await?;
    assert!(text(&again).contains("<p role=alert>") && text(&again).contains("name=email"));
    let sent = text(&press(&server, &stage, "email=alice%40one.example").await?);
    let value = |name: &str| {
        let (_, rest) = sent.split_once(&format!("name={name} value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let form = format!("sid={}&client_secret={}", value("sid"), value("client_secret"));
    let early = text(&press(&server, &stage, &form).await?);
    assert!(early.contains("<p role=alert>") && early.contains(&value("sid")));
    press(&server, &postbox.last().path(), "").await?;
    assert!(text(&press(&server, &stage, &form).await?).contains("onAuthDone"));
    wish["auth"] = json!({ "session": session });
    let alice = server.post("", REGISTER, wish).await?.ok()?["access_token"].as_str().unwrap().to_owned();
    let addresses = server.get(&alice, &format!("{ACCOUNT}/3pid")).await?.ok()?;
    assert_eq!(addresses["threepids"][0]["address"], "alice@one.example");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_asked_for_sends_no_mail() -> anyhow::Result<()> {
    let (server, postbox) = open().await?;
    let whole = json!({ "client_secret": SECRET, "email": "a@one.example", "send_attempt": 1 });
    for (field, value, errcode) in [
        ("email", json!("a"), "M_INVALID_PARAM"),
        ("email", json!("a@one.example\r\nBcc: b@one.example"), "M_INVALID_PARAM"),
        ("email", json!("a@one.example, b@one.example"), "M_INVALID_PARAM"),
        ("email", json!(format!("{}@one.example", "x".repeat(300))), "M_INVALID_PARAM"),
        ("email", json!(7), "M_BAD_JSON"),
        ("next_link", json!("javascript:alert(1)"), "M_INVALID_PARAM"),
        ("next_link", json!("/relative"), "M_INVALID_PARAM"),
        ("next_link", json!(format!("https://one.example/{}", "x".repeat(3000))), "M_INVALID_PARAM"),
        ("client_secret", json!("two words"), "M_BAD_JSON"),
        ("client_secret", json!(""), "M_BAD_JSON"),
        ("client_secret", json!("x".repeat(256)), "M_BAD_JSON"),
        ("send_attempt", json!(-1), "M_BAD_JSON"),
        ("send_attempt", json!("1"), "M_BAD_JSON"),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        for path in ["account/3pid", "register"] {
            let path = format!("/_matrix/client/v3/{path}/email/requestToken");
            let refused = server.post("", &path, body.clone()).await?;
            assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, errcode), "{body}");
        }
    }
    for field in ["client_secret", "email", "send_attempt"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(field);
        let refused = server.post("", &format!("{ACCOUNT}/3pid/email/requestToken"), body).await?;
        assert_eq!(refused.errcode(), "M_MISSING_PARAM", "{field}");
    }
    assert!(postbox.mails().is_empty());
    for path in ["", "?token=", "?token=guessed", "?token=%ff"] {
        let path = format!("/_hearth/client/v1/email/confirm{path}");
        assert!(server.get("", &path).await?.status.is_client_error(), "{path}");
        assert!(press(&server, &path, "").await?.status.is_client_error(), "{path}");
    }

    let (closed, postbox) = with(Config::default()).await?;
    let refused = closed.post("", &format!("{REGISTER}/email/requestToken"), whole).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_THREEPID_DENIED"));
    let phone = json!({ "client_secret": "secret", "country": "DE", "phone_number": "1", "send_attempt": 1 });
    let refused = closed.post("", &format!("{ACCOUNT}/3pid/msisdn/requestToken"), phone).await?;
    assert_eq!(refused.errcode(), "M_THREEPID_MEDIUM_NOT_SUPPORTED");
    assert!(postbox.mails().is_empty());
    Ok(())
}

#[tokio::test]
async fn the_person_goes_on_where_the_client_said() -> anyhow::Result<()> {
    let (server, postbox) = open().await?;
    let next = "https://app.example/done?a=1&b=%22#there";
    let body = json!({ "client_secret": SECRET, "email": "a@one.example", "send_attempt": 1, "next_link": next });
    server.post("", &format!("{REGISTER}/email/requestToken"), body).await?.ok()?;
    let page = server.get("", &postbox.last().path()).await?;
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
    let onwards = press(&server, &postbox.last().path(), "").await?;
    assert_eq!((onwards.status.as_u16(), onwards.header("location")), (303, next));
    Ok(())
}

#[tokio::test]
async fn a_mail_that_was_not_taken_is_sent_for_the_same_attempt_again() -> anyhow::Result<()> {
    let (server, postbox) = open().await?;
    postbox.refuse(true);
    let body = json!({ "client_secret": SECRET, "email": "a@one.example", "send_attempt": 1 });
    let path = format!("{REGISTER}/email/requestToken");
    let failed = server.post("", &path, body.clone()).await?;
    assert_eq!((failed.status.as_u16(), failed.errcode().as_str()), (502, "M_UNKNOWN"));
    assert!(postbox.mails().is_empty());
    postbox.refuse(false);
    server.post("", &path, body).await?.ok()?;
    assert_eq!(postbox.mails().len(), 1);
    Ok(())
}

#[tokio::test]
async fn nobody_is_flooded_with_mail() -> anyhow::Result<()> {
    let (server, postbox) = with(Config { registration: Registration::Open, ..Config::default() }).await?;
    for attempt in 1..=5 {
        ask(&server, "register", "a@one.example", attempt).await?;
    }
    let body = json!({ "client_secret": "another", "email": "A@one.example", "send_attempt": 1 });
    let path = format!("{REGISTER}/email/requestToken");
    let held = server.post("", &path, body.clone()).await?;
    assert_eq!((held.status.as_u16(), held.errcode().as_str()), (429, "M_LIMIT_EXCEEDED"));
    assert_eq!(postbox.mails().len(), 5);
    server.pass(600_000);
    server.post("", &path, body).await?.ok()?;
    Ok(())
}
