//! SDK clients with end-to-end encryption across servers: the words arrive, and no server holds them.

use anyhow::Result;
use tests::{Network, RoomBuilder, SdkUser, TestServer, TestUser, sdk::Heard};

fn encrypted(words: &str) -> Heard {
    Heard { words: words.to_owned(), encrypted: true }
}

/// No file of the server holds the words; what it must hold (a name of the server itself) it does.
fn holds_only_ciphertext(server: &TestServer, words: &[&str]) -> Result<()> {
    assert!(!server.files_with(server.name())?.is_empty(), "the search finds what is there");
    for words in words {
        assert_eq!(server.files_with(words)?, Vec::<std::path::PathBuf>::new(), "{words:?} lies open");
    }
    Ok(())
}

#[tokio::test]
async fn the_search_for_open_words_finds_them() -> Result<()> {
    let server = TestServer::start().await?;
    let alice = TestUser::register(&server, "alice").await?;
    let room = RoomBuilder::of(&alice).make().await?;
    alice.say(&room, "an open word").await?;
    assert!(!server.files_with("an open word")?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_direct_chat_on_one_server_is_encrypted_both_ways() -> Result<()> {
    let server = TestServer::start().await?;
    let (alice, bob) = (SdkUser::register(&server, "alice").await?, SdkUser::register(&server, "bob").await?);
    let room = alice.make_room(&[&bob]).await?;
    bob.join(room.room_id()).await?;
    alice.sees_joined(room.room_id(), 2).await?;
    let id = alice.say(room.room_id(), "the first secret").await?;
    assert_eq!(bob.reads(room.room_id(), &id).await?, encrypted("the first secret"));
    let id = bob.say(room.room_id(), "the second secret").await?;
    assert_eq!(alice.reads(room.room_id(), &id).await?, encrypted("the second secret"));
    holds_only_ciphertext(&server, &["the first secret", "the second secret"])
}

#[tokio::test]
async fn a_direct_chat_of_two_servers_is_encrypted_both_ways() -> Result<()> {
    let network = Network::new()?;
    let (one, two) = (network.server()?.start().await?, network.server()?.start().await?);
    let (alice, bob) = (SdkUser::register(&one, "alice").await?, SdkUser::register(&two, "bob").await?);
    let room = alice.make_room(&[&bob]).await?;
    bob.join(room.room_id()).await?;
    alice.sees_joined(room.room_id(), 2).await?;
    let id = alice.say(room.room_id(), "only for Bob").await?;
    assert_eq!(bob.reads(room.room_id(), &id).await?, encrypted("only for Bob"));
    let id = bob.say(room.room_id(), "only for Alice").await?;
    assert_eq!(alice.reads(room.room_id(), &id).await?, encrypted("only for Alice"));
    for server in [&one, &two] {
        holds_only_ciphertext(server, &["only for Bob", "only for Alice"])?;
    }
    Ok(())
}

#[tokio::test]
async fn a_room_of_three_servers_is_encrypted_and_a_new_device_reads_what_comes() -> Result<()> {
    let network = Network::new()?;
    let servers =
        [network.server()?.start().await?, network.server()?.start().await?, network.server()?.start().await?];
    let [one, two, three] = &servers;
    let alice = SdkUser::register(one, "alice").await?;
    let (bob, carol) = (SdkUser::register(two, "bob").await?, SdkUser::register(three, "carol").await?);
    let room = alice.make_room(&[&bob, &carol]).await?;
    let room = room.room_id();
    bob.join(room).await?;
    carol.join(room).await?;
    for (speaker, words) in [(&alice, "from Alice"), (&bob, "from Bob"), (&carol, "from Carol")] {
        speaker.sees_joined(room, 3).await?;
        let id = speaker.say(room, words).await?;
        for listener in [&alice, &bob, &carol] {
            assert_eq!(listener.reads(room, &id).await?, encrypted(words));
        }
    }
    let laptop = SdkUser::login(two, "bob").await?;
    alice
        .until("Bob's second device", async || {
            let devices = alice.client.encryption().get_user_devices(bob.id()?).await?;
            Ok((devices.devices().count() == 2).then_some(()))
        })
        .await?;
    let id = alice.say(room, "to both devices").await?;
    assert_eq!(laptop.reads(room, &id).await?, encrypted("to both devices"));
    assert_eq!(bob.reads(room, &id).await?, encrypted("to both devices"));
    for server in &servers {
        holds_only_ciphertext(server, &["from Alice", "from Bob", "from Carol", "to both devices"])?;
    }
    Ok(())
}

#[tokio::test]
async fn an_encrypted_message_waits_for_a_server_that_was_killed() -> Result<()> {
    let network = Network::new()?;
    let (one, mut two) =
        (network.server()?.flag("--client-listen", "127.0.0.1:0").start().await?, network.server()?.start().await?);
    let (alice, bob) = (SdkUser::register(&one, "alice").await?, SdkUser::register(&two, "bob").await?);
    let room = alice.make_room(&[&bob]).await?;
    let room = room.room_id();
    bob.join(room).await?;
    alice.sees_joined(room, 2).await?;
    let id = alice.say(room, "are you there").await?;
    bob.reads(room, &id).await?;
    two.kill().await?;
    let id = alice.say(room, "written to a dead server").await?;
    two.start_again().await?;
    let laptop = SdkUser::login(&two, "bob").await?;
    laptop
        .until("the message to arrive", async || {
            Ok(laptop.client.get_room(room).map(async |room| room.event(&id, None).await.ok()))
        })
        .await?
        .await;
    holds_only_ciphertext(&two, &["written to a dead server"])
}
