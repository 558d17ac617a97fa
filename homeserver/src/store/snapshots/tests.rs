//! Whatever the order of changes, a state reads back as it was written, in few layers, once.

use std::collections::BTreeMap;

use proptest::{prelude::Strategy, proptest};
use ruma::{RoomVersionId, room_id, server_name};

use super::super::{Db, Durability, EventSn, KeySn, RoomSn, SnapshotSn, Store, StoreError};
use super::{LAYER_LIMITS, StateMap};
use crate::clock::Clock;

async fn store(folder: &tempfile::TempDir) -> anyhow::Result<(Store, RoomSn)> {
    let store =
        Store::open(&folder.path().join("hearth.db"), server_name!("one.example"), Clock::from_fn(|| 1000), |_| ())
            .await?;
    let room = store
        .write::<_, StoreError, _>(Durability::Normal, |tx| {
            Box::pin(async move { tx.make_room(room_id!("!a:one.example"), &RoomVersionId::V12).await })
        })
        .await?;
    Ok((store, room))
}

async fn depth(db: &mut Db, snapshot: SnapshotSn) -> anyhow::Result<usize> {
    Ok(db.layers(snapshot).await?.0.len())
}

async fn change(
    store: &Store,
    room: RoomSn,
    before: Option<SnapshotSn>,
    key: i64,
    event: Option<i64>,
) -> anyhow::Result<SnapshotSn> {
    let changes = BTreeMap::from([(KeySn(key), event.map(EventSn))]);
    Ok(store
        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move { tx.state_with(room, before, &changes).await })
        })
        .await?)
}

#[tokio::test]
async fn six_hundred_changes_stay_small() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (store, room) = store(&folder).await?;
    let members: StateMap = (1..=3000).map(|n| (KeySn(n), EventSn(n))).collect();
    let expected = members.clone();
    let mut snapshot = store
        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move { tx.put_state(room, &members).await })
        })
        .await?;
    let mut expected = expected;
    for n in 0..600 {
        let (key, event) = (1 + (n * 37) % 3100, 10_000 + n);
        snapshot = change(&store, room, Some(snapshot), key, Some(event)).await?;
        expected.insert(KeySn(key), EventSn(event));
    }
    let mut db = store.read().await?;
    assert_eq!(db.state(snapshot).await?, expected);
    assert!(depth(&mut db, snapshot).await? <= LAYER_LIMITS.len());
    let bytes: i64 = sqlx::query_scalar("SELECT sum(length(entries)) FROM snapshots").fetch_one(&mut db.0).await?;
    // As whole states these would be 600 × 3,000 × 4 bytes.
    assert!(bytes < 200_000, "{bytes} bytes");
    Ok(())
}

#[tokio::test]
async fn equal_states_are_one() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (store, room) = store(&folder).await?;
    let one = change(&store, room, None, 1, Some(1)).await?;
    let two = change(&store, room, Some(one), 2, Some(2)).await?;
    let back = change(&store, room, Some(two), 2, None).await?;
    assert_eq!(one, back);
    assert_eq!(store.read().await?.state_entry(two, KeySn(2)).await?, Some(EventSn(2)));
    assert_eq!(store.read().await?.state_entry(two, KeySn(3)).await?, None);
    Ok(())
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    #[test]
    fn any_changes_read_back(changes in proptest::collection::vec((1i64..40, proptest::option::of(1i64..9)), 1..120).boxed()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let result: anyhow::Result<()> = runtime.block_on(async {
            let folder = tempfile::tempdir()?;
            let (store, room) = store(&folder).await?;
            let (mut snapshot, mut expected) = (None, StateMap::new());
            for (key, event) in changes {
                snapshot = Some(change(&store, room, snapshot, key, event).await?);
                match event {
                    Some(event) => expected.insert(KeySn(key), EventSn(event)),
                    None => expected.remove(&KeySn(key)),
                };
            }
            if let Some(snapshot) = snapshot {
                assert_eq!(store.read().await?.state(snapshot).await?, expected);
            }
            Ok(())
        });
        result.map_err(|error| proptest::test_runner::TestCaseError::fail(error.to_string()))?;
    }
}
