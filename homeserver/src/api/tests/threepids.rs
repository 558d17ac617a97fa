//! Addresses of people: this server binds none, and says so as the specification wants it.

use serde_json::json;

use crate::{
    api::{router, testing::Server},
    testing::{FakeNetwork, TestHome},
};

#[tokio::test]
async fn every_endpoint_of_addresses_answers_that_there_are_none() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let account = "/_matrix/client/v3/account";
    assert_eq!(server.get(&token, &format!("{account}/3pid")).await?.ok()?, json!({ "threepids": [] }));
    let at = json!({ "client_secret": "secret", "sid": "1", "id_server": "id.example", "id_access_token": "t" });
    let mail = json!({ "client_secret": "secret", "email": "alice@one.example", "send_attempt": 1 });
    let phone = json!({ "client_secret": "secret", "country": "DE", "phone_number": "1", "send_attempt": 1 });
    let address = json!({ "medium": "email", "address": "alice@one.example" });
    for (path, body, status, errcode) in [
        ("account/3pid", json!({ "three_pid_creds": at }), 400, "M_SERVER_NOT_TRUSTED"),
        ("account/3pid", json!({}), 400, "M_MISSING_PARAM"),
        ("account/3pid", json!({ "three_pid_creds": { "sid": 1 } }), 400, "M_BAD_JSON"),
        ("account/3pid/add", json!({ "client_secret": "secret", "sid": "1" }), 403, "M_FORBIDDEN"),
        ("account/3pid/bind", at.clone(), 400, "M_SERVER_NOT_TRUSTED"),
        ("account/3pid/email/requestToken", mail.clone(), 400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
        ("account/3pid/msisdn/requestToken", phone.clone(), 400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
        ("account/password/email/requestToken", mail.clone(), 403, "M_THREEPID_DENIED"),
        ("account/password/msisdn/requestToken", phone.clone(), 403, "M_THREEPID_DENIED"),
        ("register/email/requestToken", mail.clone(), 403, "M_THREEPID_DENIED"),
        ("register/msisdn/requestToken", phone.clone(), 403, "M_THREEPID_DENIED"),
        ("register/email/requestToken", json!({}), 400, "M_MISSING_PARAM"),
    ] {
        let answer = server.post(&token, &format!("/_matrix/client/v3/{path}"), body).await?;
        assert_eq!((answer.status.as_u16(), answer.errcode().as_str()), (status, errcode), "{path}");
    }
    for path in ["3pid/delete", "3pid/unbind"] {
        let answer = server.post(&token, &format!("{account}/{path}"), address.clone()).await?.ok()?;
        assert_eq!(answer, json!({ "id_server_unbind_result": "no-support" }));
    }
    for path in ["3pid", "3pid/add", "3pid/bind", "3pid/delete", "3pid/unbind"] {
        let answer = server.post("", &format!("{account}/{path}"), json!({})).await?;
        assert_eq!(answer.errcode(), "M_MISSING_TOKEN", "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_openid_token_proves_who_made_it_to_others() -> anyhow::Result<()> {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    let home = TestHome::new("one.example", &FakeNetwork::default()).await;
    let server = Server::over(home.parts.clone());
    let alice = server.user("alice").await?;
    let path = "/_matrix/client/v3/user/@alice:one.example/openid/request_token";
    let made = server.post(&alice, path, json!({})).await?.ok()?;
    assert_eq!(
        (made["token_type"].clone(), made["matrix_server_name"].clone()),
        (json!("Bearer"), json!("one.example"))
    );
    let ask = async |query: &str| {
        let path = format!("/_matrix/federation/v1/openid/userinfo{query}");
        let request = http::Request::get(path).body(Body::empty())?;
        let answer = router::federation(home.parts.clone()).oneshot(request).await?;
        let status = answer.status().as_u16();
        let body: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
        anyhow::Ok((status, body))
    };
    let query = format!("?access_token={}", made["access_token"].as_str().unwrap());
    assert_eq!(ask(&query).await?, (200, json!({ "sub": "@alice:one.example" })));
    let (status, error) = ask("?access_token=guessed").await?;
    assert_eq!((status, error["errcode"].clone()), (401, json!("M_UNKNOWN_TOKEN")));
    assert_eq!(ask("").await?.1["errcode"], "M_MISSING_PARAM");
    // An access token is no OpenID token.
    assert_eq!(ask(&format!("?access_token={alice}")).await?.0, 401);
    home.ahead.fetch_add(3_600_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(ask(&query).await?.0, 401);
    Ok(())
}
