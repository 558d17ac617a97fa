//! Two copies of the app call each other in an encrypted chat: signalling by their servers, media straight between them.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::Person;

/// Two people in a direct chat; answers its room.
async fn acquainted() -> Result<(Person, Person, String)> {
    let (ann, bob) = tokio::try_join!(Person::named("Ann"), Person::named("Bob"))?;
    let link = bob.ask("get_invite_link", Value::Null).await?;
    let opened = ann.ask("open_invite_link", json!({ "link": link["link"] })).await?;
    let room = opened["room_id"].as_str().context("no room")?.to_owned();
    let rooms = bob.subscribe(json!({ "topic": "room_list" }))?;
    bob.row(rooms, "the invitation", |row| row["kind"] == "invite").await?;
    bob.ask("accept_invite", json!({ "room_id": room })).await?;
    let chat = ann.subscribe(json!({ "topic": "room", "room_id": room }))?;
    ann.until(chat, "Bob in the chat", |room| room["joined_members"] == 2).await?;
    Ok((ann, bob, room))
}

fn in_state(state: &str) -> impl Fn(&Value) -> bool {
    move |call| call["state"]["state"] == state
}

fn reference(call: &Value) -> Value {
    json!({ "room_id": call["room_id"], "call_id": call["call_id"] })
}

/// Waits until a loudspeaker has played someone's voice.
async fn hears(person: &Person, what: &str) -> Result<()> {
    let before = person.devices.heard().loud;
    for _ in 0..500 {
        if person.devices.heard().loud > before + 10 {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    anyhow::bail!("never heard: {what}")
}

/// Waits until no device is open.
async fn rests(person: &Person) -> Result<()> {
    for _ in 0..500 {
        if person.devices.open() == 0 {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    anyhow::bail!("{} devices stay open", person.devices.open())
}

#[tokio::test]
async fn one_rings_the_other_answers_and_both_hear() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    assert_eq!(ringing["person"]["name"], "Ann");
    assert_eq!((&ringing["incoming"], &ringing["state"]["silent"]), (&json!(true), &json!(false)));
    ann.row(at_ann, "that it rings there", in_state("calling")).await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    bob.row(at_bob, "Bob's connection", in_state("connected")).await?;
    let call = ann.row(at_ann, "Ann's connection", in_state("connected")).await?;
    assert_eq!(call["person"]["name"], "Bob");
    tokio::try_join!(hears(&ann, "Bob"), hears(&bob, "Ann"))?;

    let wish = json!({ "call": reference(&call), "wish": { "microphone": false } });
    ann.ask("set_call_media", wish).await?;
    bob.row(at_bob, "that Ann is mute", |call| call["theirs"]["muted"] == true).await?;
    ann.ask("set_call_media", json!({ "call": reference(&call), "wish": { "microphone": true, "on_hold": true } }))
        .await?;
    bob.row(at_bob, "the hold", |call| call["held_by_them"] == true).await?;

    bob.ask("hang_up", json!({ "call": reference(&ringing) })).await?;
    let over = ann.row(at_ann, "the end", in_state("ended")).await?;
    assert_eq!(over["state"]["cause"], "they_hung_up");
    bob.until(at_bob, "no call", |calls| calls == &json!([])).await?;
    ann.ask("close_call", json!({ "call": reference(&call) })).await?;
    ann.until(at_ann, "no call", |calls| calls == &json!([])).await?;
    tokio::try_join!(rests(&ann), rests(&bob))?;
    Ok(())
}

#[tokio::test]
async fn a_call_is_declined_or_given_up() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    let again = ann.ask("place_call", json!({ "room_id": room, "video": false })).await;
    assert!(format!("{:#}", again.err().context("a second call was placed")?).contains("already"));
    bob.ask("decline_call", json!({ "call": reference(&ringing) })).await?;
    let over = ann.row(at_ann, "the end", in_state("ended")).await?;
    assert_eq!(over["state"]["cause"], "they_declined");
    ann.ask("close_call", json!({ "call": reference(&over) })).await?;

    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    bob.row(at_bob, "the second ringing", in_state("ringing")).await?;
    let calling = ann.row(at_ann, "that it rings there", in_state("calling")).await?;
    ann.ask("hang_up", json!({ "call": reference(&calling) })).await?;
    bob.until(at_bob, "silence", |calls| calls.as_array().is_some_and(|calls| !calls.iter().any(in_state("ringing"))))
        .await?;
    Ok(())
}
