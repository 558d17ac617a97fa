//! Two copies of the app, each with its own server named by its key: one opens the other's link, and they talk.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Network, Person, network::own_address};

fn says(words: &str) -> impl Fn(&Value) -> bool {
    move |row| row["body"]["plain"] == words
}

fn room_of(answer: &Value) -> Result<String> {
    Ok(answer["room_id"].as_str().context("no room")?.to_owned())
}

#[tokio::test]
async fn the_second_start_goes_straight_to_the_room_list() -> Result<()> {
    let ann = Person::named("Ann").await?;
    ann.ask("recovery_kit_seen", json!({ "saved": true })).await?;
    let ann = ann.restart().await?;
    let status = ann.subscribe(json!({ "topic": "status" }))?;
    let ready = ann.is_ready(status).await?;
    assert_eq!(ready["me"]["name"], "Ann");
    assert_eq!(ready["me"]["own_server"], true);
    assert_eq!(ready["me"]["recovery_kit_saved"], true);
    Ok(())
}

#[tokio::test]
async fn a_message_crosses_from_one_copy_to_the_other_and_back() -> Result<()> {
    let (ann, bob) = tokio::try_join!(Person::named("Ann"), Person::named("Bob"))?;
    let link = bob.ask("get_invite_link", Value::Null).await?;
    let room = room_of(&ann.ask("open_invite_link", json!({ "link": link["link"] })).await?)?;
    let at_ann = ann.subscribe(json!({ "topic": "timeline", "room_id": room }))?;
    ann.ask("send_message", json!({ "room_id": room, "draft": { "body": "Hello Bob" } })).await?;
    let at_ann_rooms = ann.subscribe(json!({ "topic": "room_list" }))?;
    ann.row(at_ann_rooms, "the chat by Bob's name, before he has answered", |row| row["name"] == "Bob").await?;

    let rooms = bob.subscribe(json!({ "topic": "room_list" }))?;
    let invite = bob.row(rooms, "the invitation", |row| row["kind"] == "invite" && row["name"] == "Ann").await?;
    assert_eq!(invite["room_id"], room.as_str());
    bob.ask("accept_invite", json!({ "room_id": room })).await?;
    let at_bob = bob.subscribe(json!({ "topic": "timeline", "room_id": room }))?;
    let read = bob.row(at_bob, "Ann's words", says("Hello Bob")).await?;
    assert_eq!(read["encryption"]["shield"], "fine");

    bob.ask("send_message", json!({ "room_id": room, "draft": { "body": "Hello Ann" } })).await?;
    let answer = ann.row(at_ann, "Bob's words", says("Hello Ann")).await?;
    assert_eq!(answer["sender"]["name"], "Bob");

    ann.ask("toggle_reaction", json!({ "room_id": room, "row_id": answer["id"], "key": "👍" })).await?;
    bob.row(at_bob, "the reaction", |row| row["reactions"][0]["key"] == "👍").await?;
    Ok(())
}

#[tokio::test]
async fn the_same_link_opens_the_same_chat_and_one_s_own_is_refused() -> Result<()> {
    let (ann, bob) = tokio::try_join!(Person::named("Ann"), Person::named("Bob"))?;
    let link = bob.ask("get_invite_link", Value::Null).await?;
    let first = room_of(&ann.ask("open_invite_link", json!({ "link": link["link"] })).await?)?;
    let again = room_of(&ann.ask("open_invite_link", json!({ "link": link["link"] })).await?)?;
    assert_eq!(first, again);
    let own = bob.ask("open_invite_link", json!({ "link": link["link"] })).await;
    assert!(format!("{:#}", own.err().context("one's own link was opened")?).contains("own link"));
    Ok(())
}

#[tokio::test]
async fn a_person_with_a_domain_answers_ordinary_servers() -> Result<()> {
    let network = Network::new()?;
    let address = own_address();
    let (certificate, private_key) = network.leaf(address)?;
    let name = format!("{address}:8448");
    let domain = json!({
        "server_name": name, "federation_listen": name, "certificate": certificate, "private_key": private_key,
    });
    let ann = Person::new().await?;
    let status = ann.subscribe(json!({ "topic": "status" }))?;
    ann.until(status, "first run", |status| status["phase"] == "first_run").await?;
    ann.ask("create_account", json!({ "display_name": "Ann", "domain": domain })).await?;
    let user_id = format!("@ann:{name}");
    assert_eq!(ann.is_ready(status).await?["me"]["user_id"], user_id);

    let authority = reqwest::Certificate::from_pem(&std::fs::read(network.ca())?)?;
    let http = reqwest::Client::builder().tls_certs_only([authority]).build()?;
    let keys: Value = http.get(format!("https://{name}/_matrix/key/v2/server")).send().await?.json().await?;
    assert_eq!(keys["server_name"], name, "ordinary servers find it under its name: {keys}");
    Ok(())
}
