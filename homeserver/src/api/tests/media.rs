//! Files: taken, given, made small, and kept from harm.

use http::{Method, Request, header};
use image::{DynamicImage, ImageFormat};
use serde_json::json;

use crate::{
    api::testing::{Answer, Server},
    config::{Config, Registration},
    testing::{FakeNetwork, TestHome},
};

async fn upload(server: &Server, token: &str, kind: &str, bytes: Vec<u8>) -> anyhow::Result<Answer> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/_matrix/media/v3/upload?filename=caf%C3%A9.txt")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, kind);
    server.send_request(request.body(bytes.into())?).await
}

fn path(answer: &serde_json::Value) -> String {
    answer["content_uri"].as_str().unwrap().trim_start_matches("mxc://").to_owned()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_and_runs_nothing() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let text = path(&upload(&server, &token, "text/plain", b"hello".to_vec()).await?.ok()?);
    let given = server.get(&token, &format!("/_matrix/client/v1/media/download/{text}")).await?;
    assert_eq!(given.bytes, b"hello");
    assert_eq!(given.header("content-type"), "text/plain");
    assert_eq!(given.header("content-disposition"), "inline; filename*=utf-8''caf%C3%A9.txt");
    assert!(given.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(given.header("cross-origin-resource-policy"), "cross-origin");
    let page = path(&upload(&server, &token, "text/html", b"<script>".to_vec()).await?.ok()?);
    let given = server.get(&token, &format!("/_matrix/client/v1/media/download/{page}/a.html")).await?;
    assert_eq!(given.header("content-disposition"), "attachment; filename=a.html");

    // New media is not given without a login, nor by the endpoints of old.
    assert_eq!(
        server.get("", &format!("/_matrix/client/v1/media/download/{text}")).await?.errcode(),
        "M_MISSING_TOKEN"
    );
    assert_eq!(server.get("", &format!("/_matrix/media/v3/download/{text}")).await?.errcode(), "M_NOT_FOUND");
    let none = server.get(&token, "/_matrix/client/v1/media/download/one.example/none").await?;
    assert_eq!((none.status.as_u16(), none.errcode().as_str()), (404, "M_NOT_FOUND"));
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_leaves_nothing() -> anyhow::Result<()> {
    let config = Config { max_upload_size: 10, registration: Registration::Open, ..Config::default() };
    let server = Server::with(config).await?;
    let token = server.user("alice").await?;
    let large = upload(&server, &token, "text/plain", vec![0; 11]).await?;
    assert_eq!((large.status.as_u16(), large.errcode().as_str()), (413, "M_TOO_LARGE"));
    upload(&server, &token, "text/plain", vec![0; 10]).await?.ok()?;
    let told = server.get(&token, "/_matrix/client/v1/media/config").await?.ok()?;
    assert_eq!(told, json!({ "m.upload.size": 10 }));
    Ok(())
}

#[tokio::test]
async fn an_id_is_filled_later_and_once() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let made = server.post(&alice, "/_matrix/media/v1/create", json!({})).await?.ok()?;
    let (uri, id) = (path(&made), format!("/_matrix/media/v3/upload/{}", path(&made)));
    let early = server.get(&bob, &format!("/_matrix/client/v1/media/download/{uri}?timeout_ms=1")).await?;
    assert_eq!((early.status.as_u16(), early.errcode().as_str()), (504, "M_NOT_YET_UPLOADED"));
    assert_eq!(server.send(Method::PUT, &bob, &id, b"x".to_vec()).await?.errcode(), "M_FORBIDDEN");
    server.send(Method::PUT, &alice, &id, b"x".to_vec()).await?.ok()?;
    let twice = server.send(Method::PUT, &alice, &id, b"y".to_vec()).await?;
    assert_eq!((twice.status.as_u16(), twice.errcode().as_str()), (409, "M_CANNOT_OVERWRITE_MEDIA"));
    let given = server.get(&bob, &format!("/_matrix/client/v1/media/download/{uri}")).await?;
    assert_eq!(given.bytes, b"x");
    Ok(())
}

fn picture(width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

#[tokio::test]
async fn thumbnails_are_small_and_never_larger_than_the_picture() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let large = path(&upload(&server, &token, "image/png", picture(1000, 500)?).await?.ok()?);
    let size = async |path: &str, query: &str| {
        let given = server.get(&token, &format!("/_matrix/client/v1/media/thumbnail/{path}?{query}")).await?;
        anyhow::ensure!(given.status == 200, "{} {}", given.status, given.errcode());
        let picture = image::load_from_memory(&given.bytes)?;
        anyhow::Ok((picture.width(), picture.height()))
    };
    assert_eq!(size(&large, "width=40&height=40&method=crop").await?, (96, 96));
    assert_eq!(size(&large, "width=40&height=40&method=crop").await?, (96, 96));
    assert_eq!(size(&large, "width=300&height=200&method=scale").await?, (320, 160));
    let small = path(&upload(&server, &token, "image/png", picture(20, 10)?).await?.ok()?);
    assert_eq!(size(&small, "width=96&height=96&method=scale").await?, (20, 10));
    let text = path(&upload(&server, &token, "image/png", b"no picture".to_vec()).await?.ok()?);
    let path = format!("/_matrix/client/v1/media/thumbnail/{text}?width=9&height=9");
    assert_eq!(server.get(&token, &path).await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn another_servers_file_is_fetched_once() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let (alice, bob) = (Server::over(one.parts.clone()), Server::over(two.parts.clone()));
    let (a, b) = (alice.user("alice").await?, bob.user("bob").await?);
    let file = path(&upload(&alice, &a, "text/plain", b"far away".to_vec()).await?.ok()?);
    let path = format!("/_matrix/client/v1/media/download/{file}");
    let given = bob.get(&b, &path).await?;
    assert_eq!((given.status.as_u16(), given.bytes.as_slice()), (200, b"far away".as_slice()));
    network.set_down(one.name(), true);
    assert_eq!(bob.get(&b, &path).await?.bytes, b"far away");
    Ok(())
}

fn gif(width: u32, height: u32, frames: u32) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for n in 0..frames {
        let shade = u8::try_from(n * 40)?;
        encoder.encode_frame(image::Frame::new(image::RgbaImage::from_pixel(
            width,
            height,
            image::Rgba([shade, 0, 0, 255]),
        )))?;
    }
    drop(encoder);
    Ok(bytes)
}

fn frames(bytes: &[u8]) -> anyhow::Result<usize> {
    use image::AnimationDecoder;
    Ok(image::codecs::gif::GifDecoder::new(std::io::Cursor::new(bytes))?.into_frames().count())
}

#[tokio::test]
async fn a_thumbnail_moves_only_when_asked_to() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let large = path(&upload(&server, &token, "image/gif", gif(200, 100, 3)?).await?.ok()?);
    let small = path(&upload(&server, &token, "image/gif", gif(10, 10, 3)?).await?.ok()?);
    let ask = async |path: &str, query: &str| {
        server.get(&token, &format!("/_matrix/client/v1/media/thumbnail/{path}?width=32&height=32&{query}")).await
    };
    let moving = ask(&large, "animated=true").await?;
    assert_eq!(moving.header("content-type"), "image/gif");
    assert_eq!(moving.header("content-disposition"), "inline; filename=thumbnail.gif");
    let decoded = image::load_from_memory(&moving.bytes)?;
    assert_eq!((frames(&moving.bytes)?, decoded.width(), decoded.height()), (3, 32, 16));
    assert_eq!(frames(&ask(&small, "animated=true").await?.bytes)?, 3);
    for (path, query) in [(&large, "animated=false"), (&large, ""), (&small, "")] {
        let still = ask(path, query).await?;
        assert!(["image/png", "image/jpeg"].contains(&still.header("content-type")), "{path} {query}");
    }
    // What cannot move stands still.
    let picture = path(&upload(&server, &token, "text/html", picture(100, 100)?).await?.ok()?);
    assert_eq!(ask(&picture, "animated=true").await?.header("content-type"), "image/jpeg");
    let original =
        server.get(&token, &format!("/_matrix/client/v1/media/thumbnail/{picture}?width=640&height=480")).await?;
    assert_eq!(
        (original.header("content-type"), original.header("content-disposition")),
        ("image/png", "inline; filename=thumbnail.png")
    );
    for (query, errcode) in [
        ("width=32", "M_MISSING_PARAM"),
        ("width=-1&height=2", "M_INVALID_PARAM"),
        ("width=1.5&height=2", "M_INVALID_PARAM"),
        ("width=32&height=32&method=stretch", "M_INVALID_PARAM"),
        ("width=0&height=32", "M_UNKNOWN"),
    ] {
        let refused = server.get(&token, &format!("/_matrix/client/v1/media/thumbnail/{picture}?{query}")).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, errcode), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_picture_that_would_fill_the_memory_is_too_large() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    // A PNG whose head says that it has 16,000 pixels a side, and no more.
    let mut bomb = picture(1, 1)?;
    bomb[16..24].copy_from_slice(&[0, 0, 0x3e, 0x80, 0, 0, 0x3e, 0x80]);
    let check = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&check.to_be_bytes());
    let path = path(&upload(&server, &token, "image/png", bomb).await?.ok()?);
    let refused = server.get(&token, &format!("/_matrix/client/v1/media/thumbnail/{path}?width=32&height=32")).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (413, "M_TOO_LARGE"));
    Ok(())
}

/// The check sum of PNG.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[tokio::test]
async fn the_cache_forgets_what_was_not_used_for_longest() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let identity = crypto::ServerIdentity::generate_for_domain()?;
    let config = Config { media_cache_size: 25, ..Config::default() };
    let two = TestHome::with_config("two.example", identity, &network, config).await;
    let (alice, bob) = (Server::over(one.parts.clone()), Server::over(two.parts.clone()));
    let (a, b) = (alice.user("alice").await?, bob.user("bob").await?);
    let mut files = Vec::new();
    for n in 0..3 {
        files.push(path(&upload(&alice, &a, "text/plain", vec![b'a' + n; 10]).await?.ok()?));
    }
    let get = async |file: &str| bob.get(&b, &format!("/_matrix/client/v1/media/download/{file}")).await;
    let hours = |n: i64| two.ahead.fetch_add(n * 3_600_000, std::sync::atomic::Ordering::SeqCst);
    get(&files[0]).await?;
    hours(1);
    get(&files[1]).await?;
    hours(1);
    // The first is used again, so the second has to go for the third.
    get(&files[0]).await?;
    hours(1);
    assert_eq!(get(&files[2]).await?.bytes, b"cccccccccc");
    network.set_down(one.name(), true);
    assert_eq!(get(&files[0]).await?.status, 200);
    assert_eq!(get(&files[1]).await?.status, 404);
    assert_eq!(get(&files[2]).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_server_of_old_gives_its_files_in_the_old_way() -> anyhow::Result<()> {
    use axum::{Json, Router, http::StatusCode, routing::get};
    let network = FakeNetwork::default();
    let two = TestHome::new("two.example", &network).await;
    let bob = Server::over(two.parts.clone());
    let b = bob.user("bob").await?;
    let headers = [("content-type", "text/plain"), ("content-disposition", "inline; filename=old.txt")];
    let router = Router::new()
        .route(
            "/_matrix/media/v3/download/old.example/abc",
            get(async move |query: axum::extract::RawQuery| {
                assert!(query.0.unwrap().contains("allow_remote=false"));
                (headers, "as ever")
            }),
        )
        .fallback(async || {
            (StatusCode::NOT_FOUND, Json(serde_json::json!({"errcode": "M_UNRECOGNIZED", "error": "?"})))
        });
    network.attach(ruma::server_name!("old.example"), router);
    let answer = bob.get(&b, "/_matrix/client/v1/media/download/old.example/abc").await?;
    assert_eq!((answer.status.as_u16(), answer.bytes.as_ref()), (200, b"as ever".as_ref()));
    let missing = bob.get(&b, "/_matrix/client/v1/media/download/old.example/xyz").await?;
    assert_eq!((missing.status.as_u16(), missing.errcode()), (404, "M_NOT_FOUND".to_owned()));
    Ok(())
}
