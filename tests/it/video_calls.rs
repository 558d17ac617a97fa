//! Two copies of the app see each other: cameras, a screen, and pictures for pages that decode none.

use std::{cell::RefCell, collections::HashSet};

use ::calls::device::NoPicture;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::Person;

use crate::calls::{acquainted, in_state, reference, rests};

/// Waits until a page was shown some pictures of that kind; answers the last one.
async fn sees(person: &Person, frames: u32, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let stamps = RefCell::new(HashSet::new());
    person
        .until(frames, what, |frame| {
            let mut stamps = stamps.borrow_mut();
            if wanted(frame) {
                stamps.insert(frame["stamp"].as_u64());
            }
            wanted(frame) && stamps.len() > 10
        })
        .await
}

fn of_theirs(frame: &Value) -> bool {
    frame["ours"] == false
}

fn of_ours(frame: &Value) -> bool {
    frame["ours"] == true
}

/// A video call that both answered with their cameras on; answers each one's view of it and their pictures.
async fn in_a_video_call(ann: &Person, bob: &Person, room: &str) -> Result<[(u32, Value, u32); 2]> {
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": true })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    assert_eq!(ringing["state"]["video"], true);
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": true })).await?;
    let mut both = Vec::new();
    for (person, calls) in [(ann, at_ann), (bob, at_bob)] {
        let call = person.row(calls, "the connection", in_state("connected")).await?;
        let frames = person.subscribe(json!({
            "topic": "call_frames", "room_id": call["room_id"], "call_id": call["call_id"],
        }))?;
        both.push((calls, reference(&call), frames));
    }
    both.try_into().ok().context("two people are two")
}

#[tokio::test]
async fn both_see_each_other_and_themselves() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let [(at_ann, call, ann_sees), (at_bob, _, bob_sees)] = in_a_video_call(&ann, &bob, &room).await?;
    for (person, frames) in [(&ann, ann_sees), (&bob, bob_sees)] {
        let seen = sees(person, frames, "the other's pictures", of_theirs).await?;
        assert!(seen["width"].as_u64() >= Some(160) && seen["height"].as_u64() >= Some(90), "{seen}");
        sees(person, frames, "one's own pictures", of_ours).await?;
    }
    bob.row(at_bob, "Ann's camera", |call| call["theirs"]["camera"] == true).await?;

    // A page whose system decodes nothing gets them decoded.
    let stream =
        sees(&bob, bob_sees, "Ann's pictures", of_theirs).await?["stream"].as_str().unwrap_or_default().to_owned();
    for raw in [true, false] {
        let (room_id, call_id) = (call["room_id"].as_str(), call["call_id"].as_str());
        let wish = [
            ("room_id", room_id.unwrap_or_default()),
            ("call_id", call_id.unwrap_or_default()),
            ("stream", &stream),
            ("after", "0"),
            ("raw", if raw { "true" } else { "false" }),
        ];
        let address = reqwest::Url::parse_with_params("call-picture:", wish)?;
        let picture = bob.app.call_picture(address.query().unwrap_or_default()).await?.context("no picture came")?;
        let word = |at: usize| u32::from_le_bytes(picture[at..at + 4].try_into().unwrap_or_default());
        let (width, height) = (word(4), word(8));
        assert!(word(0) > 0 && width >= 160 && height >= 90, "{width} × {height}");
        let rest = &picture[12..];
        if raw {
            assert_eq!(rest.len(), (width * height * 3 / 2) as usize);
        } else {
            assert!(rest.starts_with(&[0xff, 0xd8]) && rest.len() > 500);
        }
    }

    ann.ask("set_call_media", json!({ "call": call, "wish": { "camera": false } })).await?;
    bob.row(at_bob, "that Ann's camera is off", |call| call["theirs"]["camera"] == false).await?;
    ann.ask("choose_camera", json!({ "camera": "pretended:second" })).await?;
    ann.ask("set_call_media", json!({ "call": call, "wish": { "camera": true } })).await?;
    bob.row(at_bob, "Ann's camera again", |call| call["theirs"]["camera"] == true).await?;
    sees(&bob, bob_sees, "Ann's pictures again", of_theirs).await?;
    assert_eq!(ann.devices.filming().as_deref(), Some("pretended:second"));
    let cameras = ann.subscribe(json!({ "topic": "cameras" }))?;
    let listed = ann.until(cameras, "two cameras", |cameras| cameras["found"][1].is_object()).await?;
    assert_eq!(listed["chosen"], "pretended:second");
    let nobody = ann.ask("choose_camera", json!({ "camera": "" })).await;
    assert!(nobody.is_err());

    ann.ask("hang_up", json!({ "call": call })).await?;
    bob.row(at_bob, "the end", in_state("ended")).await?;
    ann.until(at_ann, "no call", |calls| calls == &json!([])).await?;
    tokio::try_join!(rests(&ann), rests(&bob))?;
    Ok(())
}

#[tokio::test]
async fn a_screen_is_shared_once_it_is_chosen() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let [(at_ann, call, _), (at_bob, _, bob_sees)] = in_a_video_call(&ann, &bob, &room).await?;
    let share = |on: bool| ann.ask("set_call_media", json!({ "call": call, "wish": { "screen": on } }));
    share(true).await?;
    let shared = bob.row(at_bob, "Ann's screen", |call| call["theirs"]["screen"] == true).await?;
    let stream = shared["theirs"]["screen_stream"].clone();
    sees(&bob, bob_sees, "Ann's screen", |frame| of_theirs(frame) && frame["stream"] == stream).await?;
    sees(&bob, bob_sees, "Ann's face", |frame| of_theirs(frame) && frame["stream"] != stream).await?;
    ann.row(at_ann, "that she shares", |call| call["ours"]["screen"] == true).await?;
    share(false).await?;
    bob.row(at_bob, "no screen", |call| call["theirs"]["screen"] == false).await?;

    ann.devices.refuse_screens(Some(NoPicture::NotAllowed));
    share(true).await?;
    ann.row(at_ann, "why not", |call| call["no_picture"] == json!({ "device": "screen", "why": "not_allowed" }))
        .await?;
    ann.ask("set_call_media", json!({ "call": call, "wish": { "microphone": false } })).await?;
    ann.row(at_ann, "nothing wrong", |call| call["no_picture"].is_null()).await?;
    // Who thinks better of it is told nothing, and can ask again.
    ann.devices.refuse_screens(Some(NoPicture::Cancelled));
    share(true).await?;
    ann.devices.refuse_screens(None);
    // While a dialog is open there is no second one, so the first has to be over.
    while ann.shown(at_ann)[0]["ours"]["screen"] == false {
        share(true).await?;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(ann.shown(at_ann)[0]["no_picture"].is_null());
    bob.row(at_bob, "Ann's screen again", |call| call["theirs"]["screen"] == true).await?;
    Ok(())
}

#[tokio::test]
async fn a_camera_that_goes_leaves_a_call_with_words() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let [(at_ann, call, ann_sees), (at_bob, _, _)] = in_a_video_call(&ann, &bob, &room).await?;
    sees(&ann, ann_sees, "Bob", of_theirs).await?;
    bob.devices.set_broken(true);
    let gone = json!({ "device": "camera", "why": "vanished" });
    bob.row(at_bob, "the cause", |call| call["no_picture"] == gone && call["ours"]["camera"] == false).await?;
    ann.row(at_ann, "that Bob is not seen", |call| call["theirs"]["camera"] == false).await?;
    bob.devices.set_broken(false);
    bob.ask("set_call_media", json!({ "call": call, "wish": { "camera": true } })).await?;
    sees(&ann, ann_sees, "Bob again", of_theirs).await?;
    bob.row(at_bob, "nothing wrong", |call| call["no_picture"].is_null()).await?;
    Ok(())
}
