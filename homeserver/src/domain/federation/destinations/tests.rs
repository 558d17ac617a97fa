//! Who counts as away.

use ruma::{server_name, user_id};

use super::Destinations;
use crate::{
    clock::Clock,
    store::{Durability, Store, StoreError},
};

#[tokio::test]
async fn who_spoke_while_a_request_waited_is_not_away() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::from_fn(|| 1_000);
    let name = server_name!("one.example");
    let store = Store::open(&folder.path().join("hearth.db"), name, clock.clone(), |_| ()).await?;
    let peer = server_name!("two.example");
    let sn = store
        .write::<_, StoreError, _>(Durability::Normal, |tx| {
            Box::pin(async move {
                tx.make_user_sn(user_id!("@b:two.example")).await?;
                tx.make_server_sn(server_name!("two.example")).await
            })
        })
        .await?;
    let destinations = Destinations::new(store, clock);
    let begun = destinations.begin();
    destinations.heard_from(peer, sn).await?;
    assert_eq!(destinations.failed(peer, begun), 1_000);
    assert_eq!(destinations.retry_at(peer), None);

    let later = destinations.begin();
    assert!(destinations.failed(peer, later) > 1_000);
    assert!(destinations.retry_at(peer).is_some());
    destinations.heard_from(peer, sn).await?;
    assert_eq!(destinations.retry_at(peer), None);
    Ok(())
}
