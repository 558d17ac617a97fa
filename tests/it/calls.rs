//! Two copies of the app call each other in an encrypted chat: signalling by their servers, media straight between them.

use anyhow::{Context, Result};
use app::api::{error::ErrorCode, request::Request};
use serde_json::{Value, json};
use tests::Person;

/// Two people in a direct chat; answers its room.
pub(crate) async fn acquainted() -> Result<(Person, Person, String)> {
    let (ann, bob) = tokio::try_join!(Person::named("Ann"), Person::named("Bob"))?;
    let room = chat(&ann, &bob).await?;
    Ok((ann, bob, room))
}

async fn chat(ann: &Person, bob: &Person) -> Result<String> {
    let link = bob.ask("get_invite_link", Value::Null).await?;
    let opened = ann.ask("open_invite_link", json!({ "link": link["link"] })).await?;
    let room = opened["room_id"].as_str().context("no room")?.to_owned();
    let rooms = bob.subscribe(json!({ "topic": "room_list" }))?;
    bob.row(rooms, "the invitation", |row| row["kind"] == "invite").await?;
    bob.ask("accept_invite", json!({ "room_id": room })).await?;
    let chat = ann.subscribe(json!({ "topic": "room", "room_id": room }))?;
    ann.until(chat, "Bob in the chat", |room| room["joined_members"] == 2).await?;
    Ok(room)
}

pub(crate) fn in_state(state: &str) -> impl Fn(&Value) -> bool {
    move |call| call["state"]["state"] == state
}

pub(crate) fn reference(call: &Value) -> Value {
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
pub(crate) async fn rests(person: &Person) -> Result<()> {
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
    let answered = bob.row(at_bob, "Bob's connection", in_state("connected")).await?;
    assert!(*bob.app.in_call().borrow() && *ann.app.in_call().borrow());
    let call = ann.row(at_ann, "Ann's connection", in_state("connected")).await?;
    assert_eq!(call["person"]["name"], "Bob");
    for ours in [&call["ours"], &answered["ours"]] {
        assert_eq!(ours, &json!({ "microphone": true, "camera": false, "screen": false, "on_hold": false }));
    }
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
    assert!(!*bob.app.in_call().borrow() && !*ann.app.in_call().borrow());
    Ok(())
}

/// Waits for the line that tells of a call.
async fn line(person: &Person, timeline: u32, outcome: &str) -> Result<Value> {
    person.row(timeline, outcome, |row| row["row"] == "call" && row["outcome"]["outcome"] == outcome).await
}

#[tokio::test]
async fn the_timeline_tells_what_became_of_each_call() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    let timeline = json!({ "topic": "timeline", "room_id": room });
    let (of_ann, of_bob) = (ann.subscribe(timeline.clone())?, bob.subscribe(timeline.clone())?);

    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    line(&ann, of_ann, "ringing").await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    ann.row(at_ann, "Ann's connection", in_state("connected")).await?;
    assert_eq!(line(&bob, of_bob, "answered").await?["outcome"]["elsewhere"], false);
    bob.ask("hang_up", json!({ "call": reference(&ringing) })).await?;
    let (at_her, at_him) = tokio::try_join!(line(&ann, of_ann, "talked"), line(&bob, of_bob, "talked"))?;
    assert_eq!((&at_her["incoming"], &at_him["incoming"]), (&json!(false), &json!(true)));
    assert_eq!(at_him["person"]["name"], "Ann");
    assert!(at_him["outcome"]["duration"].as_u64().is_some_and(|lasted| lasted < 60_000), "{at_him}");

    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the second ringing", in_state("ringing")).await?;
    bob.ask("decline_call", json!({ "call": reference(&ringing) })).await?;
    tokio::try_join!(line(&ann, of_ann, "declined"), line(&bob, of_bob, "declined"))?;

    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    bob.row(at_bob, "the third ringing", in_state("ringing")).await?;
    let calling = ann.row(at_ann, "that it rings there", in_state("calling")).await?;
    ann.ask("hang_up", json!({ "call": reference(&calling) })).await?;
    tokio::try_join!(line(&ann, of_ann, "missed"), line(&bob, of_bob, "missed"))?;

    // Nothing of it is lost when the timeline is read from the store.
    let bob = bob.restart().await?;
    let status = bob.subscribe(json!({ "topic": "status" }))?;
    bob.is_ready(status).await?;
    let of_bob = bob.subscribe(timeline)?;
    let again = line(&bob, of_bob, "talked").await?;
    assert_eq!(again["outcome"], at_him["outcome"]);
    tokio::try_join!(line(&bob, of_bob, "declined"), line(&bob, of_bob, "missed"))?;
    Ok(())
}

#[tokio::test]
async fn quitting_hangs_up_and_closes_the_devices() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    ann.row(at_ann, "Ann's connection", in_state("connected")).await?;
    hears(&ann, "Bob").await?;

    ann.app.shutdown().await;
    assert_eq!(ann.devices.open(), 0);
    let over = bob.row(at_bob, "the end", in_state("ended")).await?;
    assert_eq!(over["state"]["cause"], "they_hung_up");
    rests(&bob).await
}

#[tokio::test]
async fn a_call_that_is_not_there_is_said_to_be_none() -> Result<()> {
    let ann = Person::named("Ann").await?;
    let wish = json!({ "microphone": false });
    for (call, code) in [
        (json!({ "room_id": "!gone:example.org", "call_id": "1" }), ErrorCode::NotFound),
        (json!({ "room_id": "", "call_id": "" }), ErrorCode::BadArguments),
        (json!({ "room_id": "#no:room", "call_id": "1" }), ErrorCode::BadArguments),
        (json!({ "room_id": "!".repeat(70_000), "call_id": "1" }), ErrorCode::BadArguments),
    ] {
        for (name, args) in [
            ("accept_call", json!({ "call": call, "video": false })),
            ("decline_call", json!({ "call": call })),
            ("silence_call", json!({ "call": call })),
            ("hang_up", json!({ "call": call })),
            ("set_call_media", json!({ "call": call, "wish": wish })),
        ] {
            let refused = ann.app.request(Request::from_wire(name, args)?).await;
            assert_eq!(refused.err().context(name)?.code, code, "{name}");
        }
        assert!(ann.ask("close_call", json!({ "call": call })).await.is_err());
    }
    Ok(())
}

/// Waits until the loudspeaker plays nothing but silence.
async fn hears_nothing(person: &Person) -> Result<()> {
    for _ in 0..500 {
        let before = person.devices.heard();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let after = person.devices.heard();
        if after.sounds > before.sounds && after.loud == before.loud {
            return Ok(());
        }
    }
    anyhow::bail!("a voice is heard all the time")
}

#[tokio::test]
async fn another_microphone_is_chosen_in_a_call_and_stays_chosen() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    ann.row(at_ann, "Ann's connection", in_state("connected")).await?;
    hears(&bob, "Ann").await?;

    let devices = ann.subscribe(json!({ "topic": "sound_devices" }))?;
    let none = json!({ "microphone": null, "speaker": null });
    let shown = ann.until(devices, "the devices", |shown| shown["chosen"] == none).await?;
    let deaf = &shown["microphones"][1];
    assert_eq!(deaf["name"], "Pretended silence");
    let choice = json!({ "microphone": deaf["id"], "speaker": null });
    ann.ask("choose_sound", json!({ "choice": choice })).await?;
    ann.until(devices, "the choice", |shown| shown["chosen"] == choice).await?;
    hears_nothing(&bob).await?;
    ann.ask("choose_sound", json!({ "choice": none })).await?;
    hears(&bob, "Ann again").await?;

    ann.ask("choose_sound", json!({ "choice": choice })).await?;
    assert!(ann.ask("choose_sound", json!({ "choice": { "microphone": "x".repeat(600) } })).await.is_err());
    let ann = ann.restart().await?;
    let devices = ann.subscribe(json!({ "topic": "status" }))?;
    ann.is_ready(devices).await?;
    assert_eq!(json!(ann.devices.choice()), choice);
    Ok(())
}

#[tokio::test]
async fn the_level_is_shown_while_somebody_looks_and_the_speaker_is_tried() -> Result<()> {
    let ann = Person::named("Ann").await?;
    let level = ann.subscribe(json!({ "topic": "microphone_level" }))?;
    let loud = |shown: &Value| shown["level"].as_u64().is_some_and(|level| level > 50);
    ann.until(level, "how loud it is", loud).await?;
    ann.ask("choose_sound", json!({ "choice": { "microphone": "deaf" } })).await?;
    ann.until(level, "silence", |shown| shown["level"] == 0).await?;
    ann.devices.set_broken(true);
    ann.until(level, "that there is no microphone", |shown| shown == &json!({ "level": null })).await?;
    assert!(ann.ask("play_test_sound", Value::Null).await.is_err());
    ann.devices.set_broken(false);
    ann.until(level, "that it is back", |shown| shown["level"] == 0).await?;
    ann.unsubscribe(level);
    rests(&ann).await?;
    ann.ask("play_test_sound", Value::Null).await?;
    assert!(ann.devices.heard().loud > 30, "{:?}", ann.devices.heard());
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

#[tokio::test]
async fn how_a_call_ended_is_told_until_the_next_one_begins() -> Result<()> {
    let (ann, bob, room) = acquainted().await?;
    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    let calling = ann.row(at_ann, "that it rings there", in_state("calling")).await?;
    ann.ask("hang_up", json!({ "call": reference(&calling) })).await?;
    let missed = bob.row(at_bob, "the end", in_state("ended")).await?;
    assert_eq!(missed["state"]["cause"], "missed");

    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the second ringing", in_state("ringing")).await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    let alone = |state: &'static str| {
        move |calls: &Value| calls.as_array().is_some_and(|calls| calls.len() == 1 && calls.iter().all(in_state(state)))
    };
    bob.until(at_bob, "the answered call alone", alone("connected")).await?;

    bob.ask("hang_up", json!({ "call": reference(&ringing) })).await?;
    ann.until(at_ann, "how it ended", alone("ended")).await?;
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    ann.until(at_ann, "the next call alone", alone("calling")).await?;
    Ok(())
}

#[tokio::test]
async fn where_nothing_else_leads_through_the_servers_relay() -> Result<()> {
    let (ann, bob) = tokio::try_join!(Person::relayed("Ann"), Person::relayed("Bob"))?;
    let room = chat(&ann, &bob).await?;
    let network = ann.ask("check_network", Value::Null).await?;
    assert_eq!((&network["reach"], &network["relay"]), (&json!("everyone"), &json!(true)), "{network}");

    let (at_ann, at_bob) = (ann.subscribe(json!({ "topic": "calls" }))?, bob.subscribe(json!({ "topic": "calls" }))?);
    ann.ask("place_call", json!({ "room_id": room, "video": false })).await?;
    let ringing = bob.row(at_bob, "the ringing", in_state("ringing")).await?;
    bob.ask("accept_call", json!({ "call": reference(&ringing), "video": false })).await?;
    ann.row(at_ann, "Ann's connection", in_state("connected")).await?;
    tokio::try_join!(hears(&ann, "Bob"), hears(&bob, "Ann"))?;
    Ok(())
}

#[tokio::test]
async fn without_a_server_to_ask_nothing_is_promised() -> Result<()> {
    let ann = Person::named("Ann").await?;
    let network = ann.ask("check_network", Value::Null).await?;
    let facts = ["asked", "host", "reflexive", "relay"].map(|fact| network[fact].as_bool());
    assert_eq!(facts, [Some(false), Some(true), Some(false), Some(false)], "{network}");
    // A machine with a public address of its own needs nobody to tell.
    assert!(network["reach"] == "unknown" || network["reach"] == "most", "{network}");
    Ok(())
}
