//! One copy of the app shows its invite as a code, the camera of another reads it; and what the camera says when it cannot.

use ::calls::device::{
    card::{self, Held},
    file::Film,
};
use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::{Value, json};
use tests::Person;

use crate::calls::{acquainted, in_state, reference, rests};

/// Holds a code before somebody's camera, as a window draws it.
fn hold(code: &[u8], before: &Person) -> Result<()> {
    let code = QrCode::with_error_correction_level(code, EcLevel::L)?;
    let modules: Vec<bool> = code.to_colors().into_iter().map(|colour| colour == Color::Dark).collect();
    let module = 400.0 / code.width() as f64;
    let picture = card::code(640, 480, &modules, Held { module, degrees: 4.0 }).context("no picture")?;
    before.devices.show(Film::of(vec![picture]).context("no film")?);
    Ok(())
}

fn scan(person: &Person) -> Result<u32> {
    person.subscribe(json!({ "topic": "scan" }))
}

fn failed(why: &str) -> impl Fn(&Value) -> bool {
    move |shown| *shown == json!({ "state": "failed", "why": why })
}

fn looks(shown: &Value) -> bool {
    shown["state"] == "looking"
}

#[tokio::test]
async fn an_invite_goes_from_a_screen_through_a_camera() -> Result<()> {
    let (ann, bob) = tokio::try_join!(Person::named("Ann"), Person::named("Bob"))?;
    let link = bob.ask("get_invite_link", Value::Null).await?["link"].as_str().context("no link")?.to_owned();
    let at_ann = scan(&ann)?;
    let seen = ann.until(at_ann, "what the camera sees", looks).await?;
    assert_eq!(seen["no_invite"], false);
    let file = STANDARD.decode(seen["picture"].as_str().context("no picture")?)?;
    let picture = image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg)?;
    assert!(picture.width() <= 320 && picture.height() <= 240, "{} × {}", picture.width(), picture.height());

    // A ticket of the railway is none, and the camera goes on looking.
    hold(b"#UT01\x00\xff\xfe\x80 not a text at all", &ann)?;
    ann.until(at_ann, "that it is no invite", |shown| shown["no_invite"] == true).await?;
    hold(link.as_bytes(), &ann)?;
    let found = ann.until(at_ann, "Bob's invite", |shown| shown["state"] == "found").await?;
    assert_eq!(found["link"], link);
    rests(&ann).await?;

    let opened = ann.ask("open_invite_link", json!({ "link": found["link"] })).await?;
    let rooms = bob.subscribe(json!({ "topic": "room_list" }))?;
    let invite = bob.row(rooms, "the invitation", |row| row["kind"] == "invite" && row["name"] == "Ann").await?;
    assert_eq!(invite["room_id"], opened["room_id"]);
    Ok(())
}

#[tokio::test]
async fn a_camera_is_closed_when_nobody_watches_and_missed_when_it_goes() -> Result<()> {
    let ann = Person::named("Ann").await?;
    let first = scan(&ann)?;
    ann.until(first, "what the camera sees", looks).await?;
    assert_eq!(ann.devices.open(), 1);
    // There is one scan at a time: the newest.
    let second = scan(&ann)?;
    ann.until(first, "that another scan has the camera", failed("busy")).await?;
    ann.until(second, "what the camera sees", looks).await?;
    assert_eq!(ann.devices.open(), 1);
    ann.unsubscribe(second);
    rests(&ann).await?;

    let third = scan(&ann)?;
    ann.until(third, "what the camera sees", looks).await?;
    ann.devices.set_broken(true);
    ann.until(third, "that the camera is gone", failed("vanished")).await?;
    let fourth = scan(&ann)?;
    ann.until(fourth, "that there is no camera", failed("not_there")).await?;
    ann.devices.set_broken(false);
    let fifth = scan(&ann)?;
    ann.until(fifth, "what the camera sees", looks).await?;
    // Who scans and quits leaves nothing open.
    ann.app.shutdown().await;
    rests(&ann).await
}

#[tokio::test]
async fn a_call_that_films_has_the_camera_to_itself() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let scanning = scan(&ann)?;
    ann.until(scanning, "what the camera sees", looks).await?;
    // A voice call takes nothing away.
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    let call = reference(&ann.row(at_ann, "the connection", in_state("connected")).await?);
    let before = ann.shown(scanning);
    assert!(looks(&before), "{before}");
    ann.until(scanning, "newer pictures", |shown| looks(shown) && *shown != before).await?;

    ann.ask("set_call_media", json!({ "call": call, "wish": { "camera": true } })).await?;
    ann.until(scanning, "that a call has the camera", failed("busy")).await?;
    let again = scan(&ann)?;
    ann.until(again, "that a call has the camera", failed("busy")).await?;
    bob.row(at_bob, "Ann's camera", |call| call["theirs"]["camera"] == true).await?;
    let frames = bob.subscribe(json!({
        "topic": "call_frames", "room_id": call["room_id"], "call_id": call["call_id"],
    }))?;
    bob.until(frames, "Ann's pictures", |frame| frame["ours"] == false).await?;
    let shown = ann.row(at_ann, "that she films", |call| call["ours"]["camera"] == true).await?;
    assert!(shown["no_picture"].is_null(), "{shown}");

    ann.ask("set_call_media", json!({ "call": call, "wish": { "camera": false } })).await?;
    ann.row(at_ann, "that she does not film", |call| call["ours"]["camera"] == false).await?;
    let free = scan(&ann)?;
    ann.until(free, "what the camera sees", looks).await?;
    Ok(())
}
