//! Previews of pages: what they tell, what they never ask for, and what a hostile page costs.

use axum::{Router, response::Redirect, routing::get};
use http::header;
use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};

use crate::{
    api::testing::{Answer, Server},
    config::Config,
    testing::{FakeNetwork, TestHome},
};

const PREVIEW: &str = "/_matrix/client/v1/media/preview_url?url=";

async fn home(url_previews: bool) -> anyhow::Result<(TestHome, Server, String)> {
    let identity = crypto::ServerIdentity::generate_for_domain()?;
    let config = Config { url_previews, ..Config::default() };
    let home = TestHome::with_config("one.example", identity, &FakeNetwork::default(), config).await;
    let server = Server::over(home.parts.clone());
    let token = server.user("alice").await?;
    Ok((home, server, token))
}

fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(40, 20).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn page(html: &'static str) -> axum::routing::MethodRouter {
    get(move || async move { ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html) })
}

fn site() -> Router {
    Router::new()
        .route(
            "/tea",
            page("<meta property='og:title' content='Tea'><meta property='og:image' content='/cup.png'><title>Other</title>"),
        )
        .route("/cup.png", get(|| async { ([(header::CONTENT_TYPE, "image/png")], picture()) }))
        .route("/plain", get(|| async { ([(header::CONTENT_TYPE, "application/zip")], vec![0_u8; 1 << 20]) }))
        .route("/moved", get(|| async { Redirect::permanent("https://page.example/tea#cup") }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/inside", get(|| async { Redirect::temporary("file:///etc/passwd") }))
        .route("/broken", page("<title>B</title><meta property='og:image' content='/none.png'>"))
}

async fn preview(server: &Server, token: &str, url: &str) -> anyhow::Result<Answer> {
    server.get(token, &format!("{PREVIEW}{url}")).await
}

#[tokio::test]
async fn a_page_and_its_picture_are_told_and_fetched_once() -> anyhow::Result<()> {
    let (home, server, token) = home(true).await?;
    home.web.attach("page.example", site());
    let told = preview(&server, &token, "https://page.example/tea").await?.ok()?;
    let picture_uri = told["og:image"].as_str().unwrap().to_owned();
    let expected = json!({
        "og:title": "Tea", "og:image": picture_uri, "og:image:type": "image/png", "og:image:width": 40, "og:image:height": 20,
        "matrix:image:size": picture().len(),
    });
    assert_eq!(told, expected);
    let path = picture_uri.strip_prefix("mxc://").unwrap();
    let given = server.get(&token, &format!("/_matrix/client/v1/media/download/{path}")).await?;
    assert_eq!((given.bytes, given.headers["content-type"].to_str()?), (picture(), "image/png"));

    // Again, and at the endpoint of old: from memory.
    assert_eq!(preview(&server, &token, "https://page.example/tea%23cup").await?.ok()?, told);
    let old = server.get(&token, "/_matrix/media/v3/preview_url?url=https://page.example/tea").await?;
    assert_eq!(old.ok()?, told);
    assert_eq!(home.web.asked(), ["https://page.example/tea", "https://page.example/cup.png"]);
    // An hour later the page is looked at anew.
    home.ahead.fetch_add(3_700_000, std::sync::atomic::Ordering::SeqCst);
    preview(&server, &token, "https://page.example/tea").await?.ok()?;
    assert_eq!(home.web.asked().len(), 4);
    Ok(())
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_nowhere_else() -> anyhow::Result<()> {
    let (home, server, token) = home(true).await?;
    home.web.attach("page.example", site());
    assert_eq!(preview(&server, &token, "https://page.example/moved").await?.ok()?["og:title"], "Tea");
    let round = preview(&server, &token, "https://page.example/round").await?;
    assert_eq!((round.status.as_u16(), round.errcode().as_str()), (404, "M_NOT_FOUND"));
    assert!(home.web.asked().len() < 12);
    let inside = preview(&server, &token, "https://page.example/inside").await?;
    assert_eq!((inside.status.as_u16(), inside.errcode().as_str()), (400, "M_INVALID_PARAM"));
    Ok(())
}

#[tokio::test]
async fn what_is_no_page_tells_little() -> anyhow::Result<()> {
    let (home, server, token) = home(true).await?;
    home.web.attach("page.example", site());
    assert_eq!(preview(&server, &token, "https://page.example/plain").await?.ok()?, json!({}));
    let told = preview(&server, &token, "https://page.example/cup.png").await?.ok()?;
    assert_eq!(told["og:image:width"], 40);
    assert_eq!(preview(&server, &token, "https://page.example/broken").await?.ok()?, json!({ "og:title": "B" }));
    let none = preview(&server, &token, "https://page.example/none").await?;
    assert_eq!((none.status.as_u16(), none.errcode().as_str()), (404, "M_NOT_FOUND"));
    let nobody = preview(&server, &token, "https://nobody.example/").await?;
    assert_eq!((nobody.status.as_u16(), nobody.errcode().as_str()), (404, "M_NOT_FOUND"));
    Ok(())
}

#[tokio::test]
async fn only_addresses_of_the_web_are_asked_for() -> anyhow::Result<()> {
    let (home, server, token) = home(true).await?;
    for url in ["file:///etc/passwd", "ftp://page.example/", "tea", "https://", "https://a:b@page.example/", "data:,x"]
    {
        let refused = preview(&server, &token, url).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"), "{url}");
    }
    let missing = server.get(&token, "/_matrix/client/v1/media/preview_url").await?;
    assert_eq!((missing.status.as_u16(), missing.errcode().as_str()), (400, "M_MISSING_PARAM"));
    assert_eq!(preview(&server, "", "https://page.example/").await?.errcode(), "M_MISSING_TOKEN");
    assert_eq!(home.web.asked(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn without_the_setting_nothing_is_asked_for() -> anyhow::Result<()> {
    let (home, server, token) = home(false).await?;
    let refused = preview(&server, &token, "https://page.example/tea").await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (404, "M_UNRECOGNIZED"));
    assert_eq!((refused.json()["og:title"].clone(), home.web.asked().len()), (Value::Null, 0));
    Ok(())
}
