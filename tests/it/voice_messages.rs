//! A voice message from one copy of the app to the other: recorded, sent encrypted, shown with its picture, and whole.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::Person;

#[tokio::test]
async fn what_one_speaks_the_other_gets() -> Result<()> {
    let (ann, bob) = tokio::try_join!(Person::named("Ann"), Person::named("Bob"))?;
    let link = bob.ask("get_invite_link", Value::Null).await?;
    let opened = ann.ask("open_invite_link", json!({ "link": link["link"] })).await?;
    let room = opened["room_id"].as_str().context("no room")?.to_owned();
    let rooms = bob.subscribe(json!({ "topic": "room_list" }))?;
    bob.row(rooms, "the invitation", |row| row["kind"] == "invite").await?;
    bob.ask("accept_invite", json!({ "room_id": room })).await?;
    let timeline = json!({ "topic": "timeline", "room_id": room });
    let at_bob = bob.subscribe(timeline.clone())?;

    let send = json!({ "room_id": room, "reply_to": null });
    assert!(ann.ask("send_recording", send.clone()).await.is_err(), "nothing was said");
    let recording = ann.subscribe(json!({ "topic": "recording" }))?;
    let for_a_while = |shown: &Value| shown["elapsed"].as_u64().is_some_and(|elapsed| elapsed > 600);
    let shown = ann.until(recording, "that it records", for_a_while).await?;
    assert_eq!(shown["state"], "recording");
    assert!(shown["level"].as_u64().is_some_and(|level| level > 50), "{shown}");
    ann.ask("send_recording", send.clone()).await?;
    let got = bob.row(at_bob, "the voice message", |row| row["body"]["type"] == "voice").await?;
    let body = &got["body"];
    assert_eq!(body["mime"], "audio/ogg");
    assert!(body["duration"].as_u64().is_some_and(|lasts| (600..30_000).contains(&lasts)), "{body}");
    let waveform = body["waveform"].as_array().context("no picture")?;
    assert!(waveform.len() > 20 && waveform.iter().all(|step| step.as_u64().is_some_and(|step| step > 50)), "{body}");
    let media = body["media"].as_str().context("no media")?;
    let file = bob.app.media(media, false).await?.bytes;
    assert!(file.starts_with(b"OggS") && file.windows(8).any(|part| part == b"OpusHead"));

    // The microphone is closed, and the same words are not sent twice.
    for _ in 0..500 {
        if ann.devices.open() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(ann.devices.open(), 0);
    assert!(ann.ask("send_recording", send.clone()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_recording_that_nobody_watches_is_thrown_away() -> Result<()> {
    let ann = Person::named("Ann").await?;
    let room = ann.ask("create_room", json!({ "name": "Notes", "invite": [], "encrypted": true })).await?;
    let send = json!({ "room_id": room["room_id"], "reply_to": null });
    let begun = |shown: &Value| shown["elapsed"].as_u64().is_some_and(|elapsed| elapsed > 0);
    let first = ann.subscribe(json!({ "topic": "recording" }))?;
    ann.until(first, "that it records", begun).await?;
    ann.unsubscribe(first);
    let thrown_away = async {
        while ann.devices.open() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(tests::DEADLINE, thrown_away).await.context("the microphone stays open")?;
    assert!(ann.ask("send_recording", send.clone()).await.is_err());

    // The microphone goes away in the middle: what was said is kept.
    let second = ann.subscribe(json!({ "topic": "recording" }))?;
    ann.until(second, "that it records", begun).await?;
    ann.devices.set_broken(true);
    let ended = ann.until(second, "that it ended", |shown| shown["state"] == "ended").await?;
    assert!(begun(&ended), "{ended}");
    ann.ask("send_recording", send).await?;
    let third = ann.subscribe(json!({ "topic": "recording" }))?;
    ann.until(third, "that there is no microphone", |shown| shown["state"] == "no_microphone").await?;
    Ok(())
}
