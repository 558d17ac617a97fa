//! A whole server for these tests, and what is asked of it again and again.

use std::time::Duration;

use ruma::{
    CanonicalJsonObject, OwnedEventId, OwnedRoomId, OwnedServerName, RoomVersionId, UserId, events::TimelineEventType,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        federation::Sender,
        rooms::{LocalUser, NewMessage, NewRoom, RoomsError, create::Preset},
    },
    store::{Durability, Membership, NewAccount, Position, StoreError},
    testing::{FakeNetwork, TestHome},
};

/// A server with one user, receiving and sending.
pub struct Running {
    pub home: TestHome,
    pub user: LocalUser,
    stop: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub async fn running(name: &str, network: &FakeNetwork) -> Running {
    let home = TestHome::new(name, network).await;
    let user_id = UserId::parse(format!("@user:{name}")).unwrap();
    let id = user_id.clone();
    let user = home
        .parts
        .store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move { tx.add_account(&id, &NewAccount::default()).await })
        })
        .await
        .unwrap()
        .unwrap();
    let stop = CancellationToken::new();
    let parts = &home.parts;
    let sender = Sender::new(parts.federation.clone(), parts.store.clone(), parts.clock.clone(), home.notifier.clone());
    let tasks = tokio_util::task::TaskTracker::new();
    tasks.spawn(sender.run(stop.clone()));
    tasks.spawn(parts.inbound.clone().run(stop.clone()));
    tasks.spawn(parts.inbound.clone().fill_rooms(stop.clone()));
    tasks.close();
    Running { user: LocalUser { user, user_id, device_id: "DEVICE".into() }, home, stop, tasks }
}

impl Running {
    pub async fn make_room(&self, preset: Preset, version: RoomVersionId) -> OwnedRoomId {
        let room = NewRoom { preset, version: Some(version), ..NewRoom::default() };
        self.home.parts.rooms.create(&self.user, room).await.unwrap()
    }

    /// It sends and takes nothing more by itself, but answers.
    pub async fn falls_silent(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    /// The room's timeline, oldest first.
    pub async fn timeline(&self, room_id: &OwnedRoomId) -> Vec<OwnedEventId> {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        let all = db.timeline_forwards(room, Position(i64::MIN), Position(i64::MAX), 10_000).await.unwrap();
        all.into_iter().map(|event| event.event_id).collect()
    }

    /// Where history is missing in the timeline, as sync sees it.
    pub async fn gap(&self, room_id: &OwnedRoomId, after: Position) -> Option<Position> {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap().unwrap();
        db.newest_gap(room, after, Position(i64::MAX)).await.unwrap()
    }

    pub async fn join(&self, room_id: &OwnedRoomId, via: &Running) -> Result<(), RoomsError> {
        let via: Vec<OwnedServerName> = vec![via.home.name().to_owned()];
        self.home.parts.rooms.join(&self.user, room_id, &via, None, CanonicalJsonObject::new()).await
    }

    pub async fn say(&self, room_id: &OwnedRoomId, text: &str) -> OwnedEventId {
        let content = serde_json::from_value(serde_json::json!({"msgtype": "m.text", "body": text})).unwrap();
        let message = NewMessage {
            room_id: room_id.clone(),
            kind: TimelineEventType::RoomMessage,
            state_key: None,
            content,
            txn_id: None,
            redacts: None,
            timestamp: None,
        };
        self.home.parts.rooms.send(&self.user, message).await.unwrap()
    }

    /// Sends a state event.
    pub async fn set(&self, room_id: &OwnedRoomId, kind: &str, state_key: &str, content: Value) -> OwnedEventId {
        let message = NewMessage {
            room_id: room_id.clone(),
            kind: kind.into(),
            state_key: Some(state_key.to_owned()),
            content: serde_json::from_value(content).unwrap(),
            txn_id: None,
            redacts: None,
            timestamp: None,
        };
        self.home.parts.rooms.send(&self.user, message).await.unwrap()
    }

    /// The state event that stands there now.
    pub async fn state(&self, room_id: &OwnedRoomId, kind: &str, state_key: &str) -> Option<OwnedEventId> {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap()?;
        db.current_state_event(room, kind, state_key).await.unwrap().map(|event| event.event_id)
    }

    pub async fn has(&self, event_id: &OwnedEventId) {
        self.until(&format!("the event {event_id}"), async || {
            let mut db = self.home.parts.store.read().await.unwrap();
            db.event(event_id).await.unwrap().is_some_and(|event| event.position.is_some())
        })
        .await;
    }

    pub async fn sees(&self, room_id: &OwnedRoomId, user: &LocalUser, membership: Membership) {
        self.until(&format!("{} as {membership:?}", user.user_id), async || {
            let mut db = self.home.parts.store.read().await.unwrap();
            let Some(room) = db.room_sn(room_id).await.unwrap() else { return false };
            let Some(user) = db.user_sn(&user.user_id).await.unwrap() else { return false };
            db.member(room, user).await.unwrap().is_some_and(|member| member.membership == membership)
        })
        .await;
    }

    pub async fn own_view(&self, room_id: &OwnedRoomId) -> Option<Membership> {
        let mut db = self.home.parts.store.read().await.unwrap();
        let room = db.room_sn(room_id).await.unwrap()?;
        db.local_membership(self.user.user, room).await.unwrap().map(|mine| mine.membership)
    }

    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        self.until_within(Duration::from_secs(20), what, condition).await;
    }

    pub async fn until_within(&self, patience: Duration, what: &str, condition: impl AsyncFn() -> bool) {
        let wait = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(patience, wait).await;
        assert!(waited.is_ok(), "{} never saw {what}", self.home.name());
    }
}
