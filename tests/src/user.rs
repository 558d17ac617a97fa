//! A user who speaks the Client-Server API in plain JSON, so that what goes over the wire is what the test says.

use anyhow::{Context, Result, ensure};
use http::Method;
use reqwest::{Client, Url};
use serde_json::{Value, json};

use crate::{install_tls, server::TestServer, sync::Follow};

/// What the tests' users sign in with.
pub const PASSWORD: &str = "correct horse battery staple";

/// A signed-in user of one server.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub user_id: String,
    pub device_id: String,
    pub access_token: String,
    pub base: Url,
    http: Client,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    asked: String,
}

impl Answer {
    /// The body of a success.
    pub fn ok(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "{} answered {}: {}", self.asked, self.status, self.body);
        Ok(self.body)
    }

    /// Checks that the request was refused in exactly this way.
    pub fn refused(&self, status: u16, errcode: &str) -> Result<()> {
        let got = (self.status, self.body.get("errcode").and_then(Value::as_str));
        ensure!(got == (status, Some(errcode)), "{} answered {}: {}", self.asked, self.status, self.body);
        ensure!(self.body.get("error").is_some_and(Value::is_string), "{}: no `error` text: {}", self.asked, self.body);
        Ok(())
    }
}

impl TestUser {
    /// Makes an account through open registration.
    pub async fn register(server: &TestServer, name: &str) -> Result<Self> {
        let base = Url::parse(server.client_url()?)?;
        let http = http_client()?;
        let url = api(&base, &["register"])?;
        let ask = json!({ "username": name, "password": PASSWORD, "initial_device_display_name": "test" });
        let first = send(&http, Method::POST, url.clone(), None, Some(&ask)).await?;
        ensure!(first.status == 401, "registration asks for its stages first: {first:?}");
        let mut ask = ask;
        let session = first.body.get("session").cloned().context("a session of the registration")?;
        field(&mut ask, "auth", json!({ "type": "m.login.dummy", "session": session }));
        let account = send(&http, Method::POST, url, None, Some(&ask)).await?.ok()?;
        Self::signed_in(base, http, &account)
    }

    /// Signs in once more: the same user on another device.
    pub async fn login(&self) -> Result<Self> {
        let ask = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": self.user_id },
            "password": PASSWORD,
        });
        let http = http_client()?;
        let account = send(&http, Method::POST, api(&self.base, &["login"])?, None, Some(&ask)).await?.ok()?;
        Self::signed_in(self.base.clone(), http, &account)
    }

    /// The same session at a server that came back on another port.
    pub fn at(&self, server: &TestServer) -> Result<Self> {
        Ok(Self { base: Url::parse(server.client_url()?)?, http: http_client()?, ..self.clone() })
    }

    /// The same user with a token that nobody gave out.
    pub fn with_token(&self, token: &str) -> Self {
        Self { access_token: token.to_owned(), ..self.clone() }
    }

    fn signed_in(base: Url, http: Client, account: &Value) -> Result<Self> {
        Ok(Self {
            user_id: text(account, "user_id")?,
            device_id: text(account, "device_id")?,
            access_token: text(account, "access_token")?,
            base,
            http,
        })
    }

    pub async fn get(&self, path: &[&str]) -> Result<Answer> {
        self.request(Method::GET, api(&self.base, path)?, None).await
    }

    pub async fn put(&self, path: &[&str], body: Value) -> Result<Answer> {
        self.request(Method::PUT, api(&self.base, path)?, Some(&body)).await
    }

    pub async fn post(&self, path: &[&str], body: Value) -> Result<Answer> {
        self.request(Method::POST, api(&self.base, path)?, Some(&body)).await
    }

    pub async fn delete(&self, path: &[&str]) -> Result<Answer> {
        self.request(Method::DELETE, api(&self.base, path)?, None).await
    }

    /// Asks with a path and query of one's own.
    pub async fn ask(&self, method: Method, path_and_query: &str, body: Option<&Value>) -> Result<Answer> {
        self.request(method, self.base.join(path_and_query)?, body).await
    }

    /// Sends bytes that need not be JSON, signed in.
    pub async fn send_raw(&self, method: Method, path: &[&str], body: Vec<u8>) -> Result<Answer> {
        let url = api(&self.base, path)?;
        let asked = format!("{method} {}", url.path());
        let request = self.http.request(method, url).bearer_auth(&self.access_token);
        answer(request.header("content-type", "application/json").body(body), asked).await
    }

    async fn request(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Answer> {
        send(&self.http, method, url, Some(&self.access_token), body).await
    }

    /// Sends a text message; answers its event id.
    pub async fn say(&self, room: &str, words: &str) -> Result<String> {
        self.send(room, "m.room.message", json!({ "msgtype": "m.text", "body": words })).await
    }

    /// Sends an event of any type; answers its event id.
    pub async fn send(&self, room: &str, event_type: &str, content: Value) -> Result<String> {
        let transaction = format!("t{:032x}", rand::Rng::random::<u128>(&mut rand::rng()));
        let sent = self.put(&["rooms", room, "send", event_type, &transaction], content).await?.ok()?;
        text(&sent, "event_id")
    }

    pub async fn set_state(&self, room: &str, event_type: &str, state_key: &str, content: Value) -> Result<String> {
        text(&self.put(&["rooms", room, "state", event_type, state_key], content).await?.ok()?, "event_id")
    }

    pub async fn state(&self, room: &str, event_type: &str, state_key: &str) -> Result<Answer> {
        self.get(&["rooms", room, "state", event_type, state_key]).await
    }

    pub async fn invite(&self, room: &str, who: &Self) -> Result<()> {
        self.post(&["rooms", room, "invite"], json!({ "user_id": who.user_id })).await?.ok().map(drop)
    }

    /// Joins a room by id or alias, asking the servers in `via` for rooms that ours does not know.
    pub async fn join(&self, room: &str, via: &[&str]) -> Result<()> {
        let mut url = api(&self.base, &["join", room])?;
        for server in via {
            url.query_pairs_mut().append_pair("via", server);
        }
        self.request(Method::POST, url, Some(&json!({}))).await?.ok().map(drop)
    }

    pub async fn leave(&self, room: &str) -> Result<()> {
        self.post(&["rooms", room, "leave"], json!({})).await?.ok().map(drop)
    }

    /// The newest `limit` events of a room, the newest first.
    pub async fn history(&self, room: &str, limit: u32) -> Result<Vec<Value>> {
        let mut url = api(&self.base, &["rooms", room, "messages"])?;
        url.query_pairs_mut().append_pair("dir", "b").append_pair("limit", &limit.to_string());
        let page = self.request(Method::GET, url, None).await?.ok()?;
        Ok(page.get("chunk").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// One request of /v3/sync.
    pub async fn sync(&self, since: Option<&str>, timeout_ms: u64) -> Result<Value> {
        let mut url = api(&self.base, &["sync"])?;
        url.query_pairs_mut().append_pair("timeout", &timeout_ms.to_string());
        if let Some(since) = since {
            url.query_pairs_mut().append_pair("since", since);
        }
        self.request(Method::GET, url, None).await?.ok()
    }

    /// Begins to follow what happens, from the state of now.
    pub async fn follow(&self) -> Result<Follow> {
        Follow::from_now(self.clone()).await
    }
}

/// A string field of an answer.
pub fn text(answer: &Value, name: &str) -> Result<String> {
    answer.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no {name} in {answer}"))
}

/// Sets a field of a JSON object.
pub fn field(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// Asks a server without being anyone.
pub async fn anonymous(
    server: &TestServer,
    method: Method,
    path_and_query: &str,
    body: Option<&Value>,
) -> Result<Answer> {
    let url = Url::parse(server.client_url()?)?.join(path_and_query)?;
    send(&http_client()?, method, url, None, body).await
}

fn http_client() -> Result<Client> {
    install_tls();
    Client::builder().no_proxy().timeout(crate::DEADLINE).build().map_err(Into::into)
}

fn api(base: &Url, path: &[&str]) -> Result<Url> {
    let mut url = base.clone();
    let mut segments = url.path_segments_mut().ok().context("a base address with a path")?;
    segments.clear().extend(["_matrix", "client", "v3"]).extend(path);
    drop(segments);
    Ok(url)
}

async fn send(http: &Client, method: Method, url: Url, token: Option<&str>, body: Option<&Value>) -> Result<Answer> {
    let asked = format!("{method} {}", url.path());
    let mut request = http.request(method, url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    answer(request, asked).await
}

async fn answer(request: reqwest::RequestBuilder, asked: String) -> Result<Answer> {
    let response = request.send().await.with_context(|| asked.clone())?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.with_context(|| asked.clone())?;
    let body =
        serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({ "not_json": String::from_utf8_lossy(&bytes) }));
    Ok(Answer { status, body, asked })
}
