//! The writer keeps its promises: whole or not at all, positions in commit order, nothing after closing.

use ruma::{server_name, user_id};

use super::{Durability, OpenError, Position, Store, StoreError};
use crate::clock::Clock;

async fn open(folder: &tempfile::TempDir) -> Result<Store, OpenError> {
    Store::open(&folder.path().join("hearth.db"), server_name!("one.example"), Clock::from_fn(|| 1000), |_| ()).await
}

#[tokio::test]
async fn a_failed_job_leaves_nothing_behind() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = open(&folder).await?;
    let failed: Result<(), StoreError> = store
        .write(Durability::Full, |tx| {
            Box::pin(async move {
                tx.next_position();
                tx.make_user_sn(user_id!("@a:two.example")).await?;
                Err(StoreError::Damaged("on purpose"))
            })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(store.position(), Position(0));
    assert_eq!(store.read().await?.user_sn(user_id!("@a:two.example")).await?, None);
    Ok(())
}

#[tokio::test]
async fn positions_go_on_after_a_restart() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = open(&folder).await?;
    let writes = (0..50).map(|_| {
        store.write::<_, StoreError, _>(Durability::Normal, |tx| Box::pin(async move { Ok(tx.next_position()) }))
    });
    let mut positions = futures_util::future::try_join_all(writes).await?;
    positions.sort();
    assert_eq!(positions, (1..=50).map(Position).collect::<Vec<_>>());
    store.close().await;
    assert!(matches!(
        store.write::<(), StoreError, _>(Durability::Normal, |_| Box::pin(async { Ok(()) })).await,
        Err(StoreError::Closed)
    ));
    assert_eq!(open(&folder).await?.position(), Position(50));
    Ok(())
}

#[tokio::test]
async fn another_name_or_a_newer_schema_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = open(&folder).await?;
    store.close().await;
    let path = folder.path().join("hearth.db");
    let other = Store::open(&path, server_name!("two.example"), Clock::system(), |_| ()).await;
    assert!(matches!(other, Err(OpenError::OtherServer { .. })));

    let mut db = super::connection::open_writer(&path).await?;
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&mut db.0)
        .await?;
    assert!(matches!(open(&folder).await, Err(OpenError::NewerSchema)));
    Ok(())
}

#[tokio::test]
async fn after_a_checkpoint_the_database_file_has_everything_by_itself() -> anyhow::Result<()> {
    let (folder, copy) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let store = open(&folder).await?;
    store
        .write::<_, StoreError, _>(Durability::Normal, |tx| {
            Box::pin(async move { tx.make_user_sn(user_id!("@a:two.example")).await })
        })
        .await?;
    store.checkpoint().await?;
    std::fs::copy(folder.path().join("hearth.db"), copy.path().join("hearth.db"))?;
    assert!(open(&copy).await?.read().await?.user_sn(user_id!("@a:two.example")).await?.is_some());
    Ok(())
}
