//! Servers named by their key, which reach each other over iroh: no port opened, nothing configured but a ticket.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{RoomBuilder, Serve, TestServer, TestUser};

async fn key_server() -> Result<TestServer> {
    Serve::new("key")?.start().await
}

/// Tells a server another's ticket, as an invite link does.
async fn introduce(server: &TestServer, other: &TestServer) -> Result<()> {
    let ticket = other.ready.ticket.as_deref().context("a key server has a ticket")?;
    let http = reqwest::Client::builder().unix_socket(server.ready.socket.clone()).build()?;
    let ask = http.post("http://hearth/_hearth/v1/peers").json(&json!({ "ticket": ticket }));
    let answer = ask.send().await?;
    ensure!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await?);
    Ok(())
}

#[tokio::test]
async fn a_key_name_stays_and_opens_no_federation_port() -> Result<()> {
    let mut server = key_server().await?;
    let name = server.name().to_owned();
    let label = name.split('.').next().unwrap_or_default();
    assert_eq!(label.len(), 56, "{name}");
    assert!(label.chars().all(|c| c.is_ascii_lowercase() || ('2'..='7').contains(&c)), "{name}");
    assert_eq!(server.ready.federation, None);
    server.stop().await?;
    server.start_again().await?;
    assert_eq!(server.name(), name);
    Ok(())
}

#[tokio::test]
async fn two_key_servers_talk() -> Result<()> {
    let one = key_server().await?;
    let ticket = one.ready.ticket.clone().context("a ticket")?;
    let two = Serve::new("key")?.also("--peer", ticket).start().await?;
    introduce(&one, &two).await?;
    let (alice, bob) = (TestUser::register(&one, "alice").await?, TestUser::register(&two, "bob").await?);
    let mut bobs_view = bob.follow().await?;
    let room = RoomBuilder::of(&alice).direct().inviting(&bob).make().await?;
    bobs_view.is_invited(&room).await?;
    let mut alices_view = alice.follow().await?;
    bob.join(&room, &[one.name()]).await?;
    alices_view.sees(&room, &bob, "join").await?;
    alice.say(&room, "no port was opened").await?;
    bobs_view.hears(&room, "no port was opened").await?;
    bob.say(&room, "and none was needed").await?;
    alices_view.hears(&room, "and none was needed").await?;
    Ok(())
}

#[tokio::test]
async fn a_key_server_killed_in_the_middle_catches_up() -> Result<()> {
    let (one, mut two) = (key_server().await?, key_server().await?);
    introduce(&one, &two).await?;
    introduce(&two, &one).await?;
    let (alice, bob) = (TestUser::register(&one, "alice").await?, TestUser::register(&two, "bob").await?);
    let room = RoomBuilder::of(&alice).inviting(&bob).make().await?;
    bob.join(&room, &[one.name()]).await?;
    let mut view = bob.follow().await?;
    alice.say(&room, "all well").await?;
    view.hears(&room, "all well").await?;
    two.kill().await?;
    alice.say(&room, "you will read this").await?;
    two.start_again().await?;
    // Its port may be another one now: it speaks first to those it knows, and the first learns the new address from that.
    view.user = bob.at(&two)?;
    view.hears(&room, "you will read this").await?;
    Ok(())
}
