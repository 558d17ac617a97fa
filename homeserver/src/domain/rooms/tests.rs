//! Rooms without a network: making, sending, joining, redacting, finding.

use std::{sync::Arc, time::Duration};

use crypto::identity::ServerIdentity;
use ruma::{CanonicalJsonObject, OwnedRoomId, RoomVersionId, events::TimelineEventType, owned_user_id, server_name};
use tokio_util::sync::CancellationToken;

use super::{LocalUser, NewMessage, NewRoom, Page, Rooms, RoomsError, Viewer};
use crate::{
    clock::Clock,
    domain::{appservices::Appservices, events::versions, federation::Federation, notifier::Notifier},
    store::{Durability, EventSn, Membership, Position, Search, SearchIn, Store, StoreError},
};

struct Server {
    rooms: Rooms,
    alice: LocalUser,
    bob: LocalUser,
    notifier: Notifier,
    _folder: tempfile::TempDir,
}

async fn server() -> anyhow::Result<Server> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::from_fn(|| 1_700_000_000_000);
    let notifier = Notifier::default();
    let on_commit = {
        let notifier = notifier.clone();
        move |commit: &_| notifier.committed(commit)
    };
    let path = folder.path().join("hearth.db");
    let store = Store::open(&path, server_name!("one.example"), clock.clone(), on_commit).await?;
    let identity = Arc::new(ServerIdentity::generate_for_domain()?);
    let name = server_name!("one.example").to_owned();
    let federation = Federation::offline(identity, name.clone(), store.clone(), clock.clone());
    let rooms = Rooms::new(store.clone(), clock, name.clone(), federation, Appservices::none(name, store.clone()));
    let mut users = Vec::new();
    for user_id in [owned_user_id!("@alice:one.example"), owned_user_id!("@bob:one.example")] {
        let id = user_id.clone();
        let user = store
            .write::<_, StoreError, _>(Durability::Full, move |tx| Box::pin(async move { tx.make_user_sn(&id).await }))
            .await?;
        users.push(LocalUser { user, user_id, device_id: "DEVICE".into() });
    }
    let bob = users.pop().unwrap();
    let alice = users.pop().unwrap();
    Ok(Server { rooms, alice, bob, notifier, _folder: folder })
}

fn message(room_id: &OwnedRoomId, text: &str) -> NewMessage {
    NewMessage {
        room_id: room_id.clone(),
        kind: TimelineEventType::RoomMessage,
        state_key: None,
        content: content(&[("msgtype", "m.text"), ("body", text)]),
        txn_id: None,
        redacts: None,
        timestamp: None,
    }
}

fn content(fields: &[(&str, &str)]) -> CanonicalJsonObject {
    fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into())).collect()
}

impl Server {
    async fn bodies(&self, user: &LocalUser, room_id: &OwnedRoomId) -> anyhow::Result<Vec<serde_json::Value>> {
        let room = self.rooms.readable(user.user, room_id).await?;
        let page = Page { from: None, to: None, backwards: true, limit: 100 };
        let (events, _) = self.rooms.page(user.user, &user.user_id, &room, page, |_| true).await?;
        let viewer = Viewer {
            user: user.user,
            user_id: &user.user_id,
            device_id: Some(&user.device_id),
            now_ms: 1_700_000_000_500,
        };
        let rules = versions::rules(&room.version).unwrap();
        let mut db = self.rooms.store().read().await?;
        let shown = viewer.show(&mut db, &events, Some(room_id), &rules).await?;
        Ok(shown.iter().map(|event| serde_json::from_str(event.get())).collect::<Result<_, _>>()?)
    }

    /// How many messages of a room are found by a word in what is indexed already.
    async fn found(&self, room_id: &OwnedRoomId, word: &str) -> anyhow::Result<usize> {
        let mut db = self.rooms.store().read().await?;
        let (rooms, words) = ([db.room_sn(room_id).await?.unwrap()], [word.to_owned()]);
        let within = SearchIn { body: true, name: false, topic: false };
        let upto = EventSn(i64::MAX);
        let search = Search { words: &words, within, rooms: &rooms, upto, by_rank: false, offset: 0, limit: 100 };
        Ok(db.search(&search).await?.len())
    }

    async fn until_found(&self, room_id: &OwnedRoomId, word: &str) -> anyhow::Result<()> {
        let found = async {
            while self.found(room_id, word).await? == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(30), found).await?
    }
}

#[tokio::test]
async fn every_stable_version_makes_a_room_that_takes_messages() -> anyhow::Result<()> {
    let server = server().await?;
    for version in versions::STABLE {
        let new = NewRoom { version: Some(version.clone()), name: Some("Kitchen".to_owned()), ..NewRoom::default() };
        let room_id = server.rooms.create(&server.alice, new).await?;
        server.rooms.send(&server.alice, message(&room_id, "hello")).await?;
        let bodies = server.bodies(&server.alice, &room_id).await?;
        assert_eq!(bodies[0]["content"]["body"], "hello", "{version}");
        let kinds: Vec<_> = bodies.iter().rev().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds[..3], ["m.room.create", "m.room.member", "m.room.power_levels"], "{version}");
        assert_eq!(room_id.server_name().is_none(), version == RoomVersionId::V12);
    }
    assert!(matches!(
        server.rooms.create(&server.alice, NewRoom { version: Some(RoomVersionId::V1), ..NewRoom::default() }).await,
        Err(RoomsError::UnsupportedVersion)
    ));
    Ok(())
}

#[tokio::test]
async fn only_the_invited_come_in_and_they_see_what_is_shared() -> anyhow::Result<()> {
    let server = server().await?;
    let room_id = server.rooms.create(&server.alice, NewRoom::default()).await?;
    server.rooms.send(&server.alice, message(&room_id, "before")).await?;
    let join = async || server.rooms.join(&server.bob, &room_id, &[], None, CanonicalJsonObject::new()).await;
    assert!(join().await.is_err());
    assert!(matches!(server.rooms.readable(server.bob.user, &room_id).await, Err(RoomsError::NotInRoom)));
    server.rooms.invite(&server.alice, &room_id, &server.bob.user_id, None, true).await?;
    {
        let mut db = server.rooms.store().read().await?;
        let room = db.room_sn(&room_id).await?.unwrap();
        let mine = db.local_membership(server.bob.user, room).await?.unwrap();
        assert_eq!(mine.membership, Membership::Invite);
        let stripped = mine.stripped_state.unwrap();
        assert!(stripped.contains("m.room.create") && stripped.contains("is_direct"), "{stripped}");
        assert!(!stripped.contains("signatures"));
    }
    join().await?;
    let bodies = server.bodies(&server.bob, &room_id).await?;
    assert!(bodies.iter().any(|event| event["content"]["body"] == "before"));
    server.rooms.leave(&server.bob, &room_id, None).await?;
    server.rooms.send(&server.alice, message(&room_id, "after")).await?;
    let bodies = server.bodies(&server.bob, &room_id).await?;
    assert!(!bodies.iter().any(|event| event["content"]["body"] == "after"));
    assert!(matches!(server.rooms.send(&server.bob, message(&room_id, "no")).await, Err(RoomsError::NotInRoom)));
    Ok(())
}

#[tokio::test]
async fn a_transaction_is_sent_once_and_shown_to_its_device() -> anyhow::Result<()> {
    let server = server().await?;
    let room_id = server.rooms.create(&server.alice, NewRoom::default()).await?;
    let message = NewMessage { txn_id: Some("t1".to_owned()), ..message(&room_id, "once") };
    let first = server.rooms.send(&server.alice, message.clone()).await?;
    assert_eq!(server.rooms.send(&server.alice, message).await?, first);
    let bodies = server.bodies(&server.alice, &room_id).await?;
    assert_eq!(bodies.iter().filter(|event| event["content"]["body"] == "once").count(), 1);
    assert_eq!(bodies[0]["unsigned"]["transaction_id"], "t1");
    Ok(())
}

#[tokio::test]
async fn a_redaction_takes_the_content_away_in_every_version() -> anyhow::Result<()> {
    let server = server().await?;
    for version in [RoomVersionId::V10, RoomVersionId::V12] {
        let new = NewRoom { version: Some(version.clone()), ..NewRoom::default() };
        let room_id = server.rooms.create(&server.alice, new).await?;
        let target = server.rooms.send(&server.alice, message(&room_id, "secret")).await?;
        let redaction = NewMessage {
            kind: TimelineEventType::RoomRedaction,
            content: CanonicalJsonObject::new(),
            redacts: Some(target.clone()),
            ..message(&room_id, "")
        };
        server.rooms.send(&server.alice, redaction).await?;
        let bodies = server.bodies(&server.alice, &room_id).await?;
        assert_eq!(bodies[0]["redacts"], target.as_str(), "{version}");
        assert_eq!(bodies[0]["content"]["redacts"], target.as_str(), "{version}");
        assert_eq!(bodies[1]["content"], serde_json::json!({}));
        assert_eq!(bodies[1]["unsigned"]["redacted_because"]["event_id"], bodies[0]["event_id"]);
    }
    Ok(())
}

#[tokio::test]
async fn pages_follow_one_another_without_holes() -> anyhow::Result<()> {
    let server = server().await?;
    let room_id = server.rooms.create(&server.alice, NewRoom::default()).await?;
    for n in 0..25 {
        server.rooms.send(&server.alice, message(&room_id, &n.to_string())).await?;
    }
    let room = server.rooms.readable(server.alice.user, &room_id).await?;
    for backwards in [true, false] {
        let mut seen = Vec::new();
        let mut from: Option<Position> = None;
        loop {
            let page = Page { from, to: None, backwards, limit: 4 };
            let (events, next) =
                server.rooms.page(server.alice.user, &server.alice.user_id, &room, page, |_| true).await?;
            seen.extend(events.into_iter().map(|event| event.position.unwrap()));
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        if backwards {
            seen.reverse();
        }
        assert!(seen.len() > 25 && seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    }
    Ok(())
}

#[tokio::test]
async fn two_rooms_made_alike_in_one_moment_are_two() -> anyhow::Result<()> {
    let server = server().await?;
    let one = server.rooms.create(&server.alice, NewRoom::default()).await?;
    let two = server.rooms.create(&server.alice, NewRoom::default()).await?;
    assert_ne!(one, two);
    Ok(())
}

#[tokio::test]
async fn what_is_said_is_indexed_also_where_nobody_searches_and_after_a_crash() -> anyhow::Result<()> {
    let server = server().await?;
    let room_id = server.rooms.create(&server.alice, NewRoom::default()).await?;
    // More than one transaction's worth waits: whoever was to index it did not live to do so.
    for n in 0..250 {
        server.rooms.send(&server.alice, message(&room_id, &format!("early {n}"))).await?;
    }
    assert_eq!(server.found(&room_id, "early").await?, 0);
    let stop = CancellationToken::new();
    let indexing = tokio::spawn(server.rooms.clone().index_texts(server.notifier.clone(), stop.clone()));
    for n in ["0", "249"] {
        server.until_found(&room_id, n).await?;
    }
    server.rooms.send(&server.alice, message(&room_id, "later")).await?;
    server.until_found(&room_id, "later").await?;
    stop.cancel();
    indexing.await?;
    assert_eq!(server.rooms.store().read().await?.unindexed(10).await?.len(), 0);
    server.rooms.send(&server.alice, message(&room_id, "last")).await?;
    assert_eq!(server.rooms.store().read().await?.unindexed(10).await?.len(), 1);
    Ok(())
}
