//! Servers that stop in the middle, by SIGTERM, SIGKILL or a long sleep: nothing acknowledged is lost, and they catch up.

use anyhow::Result;
use tests::{Network, RoomBuilder, TestServer, TestUser};

#[tokio::test]
async fn what_was_acknowledged_survives_sigkill() -> Result<()> {
    let mut server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).named("Diary").make().await?;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(alice.say(&room, &format!("entry {n}")).await?);
    }
    server.kill().await?;
    server.start_again().await?;
    let alice = alice.at(&server)?;
    for id in &ids {
        alice.get(&["rooms", &room, "event", id]).await?.ok()?;
    }
    assert_eq!(alice.state(&room, "m.room.name", "").await?.ok()?["name"], "Diary");
    alice.say(&room, "and on").await?;
    Ok(())
}

#[tokio::test]
async fn a_sync_goes_on_where_it_was_after_a_restart() -> Result<()> {
    let mut server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).make().await?;
    let mut view = alice.follow().await?;
    alice.say(&room, "before the restart").await?;
    server.stop().await?;
    server.start_again().await?;
    view.user = alice.at(&server)?;
    view.user.say(&room, "after the restart").await?;
    let mut heard = Vec::new();
    view.until("both messages", |sync| {
        heard.extend(
            tests::sync::timeline(sync, &room)
                .iter()
                .filter_map(|e| e.pointer("/content/body")?.as_str().map(str::to_owned)),
        );
        (heard.len() >= 2).then_some(())
    })
    .await?;
    assert_eq!(heard, ["before the restart", "after the restart"]);
    Ok(())
}

#[tokio::test]
async fn a_killed_peer_catches_up_with_everything_it_missed() -> Result<()> {
    let network = Network::new()?;
    let (one, mut two) = (network.server()?.start().await?, network.server()?.start().await?);
    let (alice, bob) = (TestUser::register(&one, "alice").await?, TestUser::register(&two, "bob").await?);
    let room = RoomBuilder::of(&alice).inviting(&bob).make().await?;
    bob.join(&room, &[one.name()]).await?;
    let mut view = bob.follow().await?;
    alice.say(&room, "all well").await?;
    view.hears(&room, "all well").await?;
    two.kill().await?;
    for n in 0..10 {
        alice.say(&room, &format!("missed {n}")).await?;
    }
    two.start_again().await?;
    view.user = bob.at(&two)?;
    let mut heard = Vec::new();
    view.until("all that was missed", |sync| {
        heard.extend(
            tests::sync::timeline(sync, &room)
                .iter()
                .filter_map(|e| e.pointer("/content/body")?.as_str().map(str::to_owned)),
        );
        (heard.len() >= 10).then_some(())
    })
    .await?;
    let wanted: Vec<String> = (0..10).map(|n| format!("missed {n}")).collect();
    assert_eq!(heard, wanted);
    view.user.say(&room, "back again").await?;
    alice.follow().await?;
    Ok(())
}

#[tokio::test]
async fn what_waits_to_be_sent_survives_the_senders_own_death() -> Result<()> {
    let network = Network::new()?;
    let (mut one, mut two) = (network.server()?.start().await?, network.server()?.start().await?);
    let (alice, bob) = (TestUser::register(&one, "alice").await?, TestUser::register(&two, "bob").await?);
    let room = RoomBuilder::of(&alice).inviting(&bob).make().await?;
    bob.join(&room, &[one.name()]).await?;
    let mut view = bob.follow().await?;
    alice.say(&room, "all well").await?;
    view.hears(&room, "all well").await?;
    two.stop().await?;
    alice.say(&room, "written while you slept").await?;
    one.kill().await?;
    two.start_again().await?;
    view.user = bob.at(&two)?;
    one.start_again().await?;
    view.hears(&room, "written while you slept").await?;
    Ok(())
}
