//! Keys across two servers: asked for, kept fresh, claimed; what each tells the other.

use ruma::{
    ServerName,
    api::federation::transactions::edu::{DeviceListUpdateContent, Edu, SigningKeyUpdateContent},
    server_name,
};
use serde_json::{Value, json};

use super::tests::{Signer, device_keys};
use crate::testing::{
    FakeNetwork,
    devices::{TestApi, TestDevice},
};

const BOB: &str = "@bob:two.example";

/// Alice of one server and Bob of another, whose devices have keys; they share a room when `shared`.
struct Two {
    network: FakeNetwork,
    one: TestApi,
    two: TestApi,
    alice: TestDevice,
    bob: TestDevice,
}

impl Two {
    async fn new(shared: bool) -> anyhow::Result<Self> {
        let network = FakeNetwork::default();
        let (one, two) = (TestApi::on("one.example", &network).await, TestApi::on("two.example", &network).await);
        let (alice, bob) = (one.device("@alice:one.example", "A").await?, two.device(BOB, "B").await?);
        if shared {
            for server in [&one, &two] {
                server.join("!r:one.example", "@alice:one.example").await?;
                server.join("!r:one.example", BOB).await?;
            }
        }
        let this = Self { network, one, two, alice, bob };
        this.publish(&this.bob).await?;
        Ok(this)
    }

    /// A device of Bob's publishes keys.
    async fn publish(&self, device: &TestDevice) -> anyhow::Result<()> {
        let keys = device_keys(device, &Signer::device(device.device_id.as_str())?)?;
        let one_time = json!({ "signed_curve25519:o": { "key": "b25l", "signatures": {} } });
        let body = json!({ "device_keys": keys, "one_time_keys": one_time });
        assert_eq!(self.two.post(device, "v3/keys/upload", body).await?.0, 200);
        Ok(())
    }

    /// Bob's devices as Alice sees them, and the servers that failed.
    async fn query(&self) -> anyhow::Result<(Vec<String>, Value)> {
        let body = json!({ "device_keys": { BOB: [] } });
        let (status, answer) = self.one.post(&self.alice, "v3/keys/query", body).await?;
        assert_eq!(status, 200);
        let devices = answer["device_keys"][BOB].as_object().into_iter().flatten().map(|(id, _)| id.clone());
        Ok((devices.collect(), answer["failures"].clone()))
    }

    /// Brings the EDUs that wait at the second server to the first.
    async fn deliver(&self) -> anyhow::Result<()> {
        let origin: &ServerName = server_name!("two.example");
        for edu in self.two.edus("one.example").await? {
            match serde_json::from_value(edu)? {
                Edu::DeviceListUpdate(content) => {
                    self.one.parts.encryption.receive_device_list_update(origin, content).await?;
                }
                Edu::SigningKeyUpdate(content) => {
                    self.one.parts.encryption.receive_signing_key_update(origin, content).await?;
                }
                other => anyhow::bail!("{other:?} was not expected"),
            }
        }
        Ok(())
    }

    fn requests(&self) -> usize {
        self.network.requests(server_name!("two.example"))
    }
}

#[tokio::test]
async fn a_list_is_fetched_once_and_kept_fresh_by_updates() -> anyhow::Result<()> {
    let two = Two::new(true).await?;
    assert_eq!(two.query().await?.0, ["B"]);
    let asked = two.requests();
    assert_eq!(two.query().await?.0, ["B"]);
    assert_eq!(two.requests(), asked, "the copy is answered from");
    two.deliver().await?;

    let start = two.one.position();
    let second = two.two.device(BOB, "B2").await?;
    two.publish(&second).await?;
    two.deliver().await?;
    let (_, changes) = two.one.get(&two.alice, &format!("v3/keys/changes?from={}&to={}", start.0, start.0)).await?;
    assert_eq!(changes["changed"], json!([BOB]));
    assert_eq!(two.query().await?.0, ["B", "B2"]);
    assert_eq!(two.requests(), asked, "the update was enough");

    // Deleted, and the update says so.
    let store = two.two.parts.store.clone();
    store
        .write::<_, crate::store::StoreError, _>(crate::store::Durability::Full, move |tx| {
            Box::pin(async move { tx.delete_device(second.user, &second.device_id).await })
        })
        .await?;
    two.deliver().await?;
    assert_eq!(two.query().await?.0, ["B"]);
    Ok(())
}

#[tokio::test]
async fn a_missed_update_makes_the_list_stale_and_an_absent_server_is_named() -> anyhow::Result<()> {
    let two = Two::new(true).await?;
    two.query().await?;
    let (second, third) = (two.two.device(BOB, "B2").await?, two.two.device(BOB, "B3").await?);
    two.publish(&second).await?;
    two.publish(&third).await?;
    // The newest update alone arrives.
    let newest = two.two.edus("one.example").await?.pop().unwrap();
    let newest: DeviceListUpdateContent = serde_json::from_value(newest["content"].clone())?;
    two.one.parts.encryption.receive_device_list_update(server_name!("two.example"), newest).await?;

    two.network.set_down(server_name!("two.example"), true);
    let (devices, failures) = two.query().await?;
    assert_eq!((devices, failures["two.example"].is_object()), (vec!["B".to_owned()], true));
    two.network.set_down(server_name!("two.example"), false);
    two.one.parts.federation.destinations.forget_waits();
    two.one.parts.encryption.catch_up().await;
    let asked = two.requests();
    assert_eq!(two.query().await?, (vec!["B".to_owned(), "B2".to_owned(), "B3".to_owned()], Value::Null));
    assert_eq!(two.requests(), asked);
    Ok(())
}

#[tokio::test]
async fn users_without_a_common_room_are_asked_about_each_time() -> anyhow::Result<()> {
    let two = Two::new(false).await?;
    for _ in 0..2 {
        let asked = two.requests();
        assert_eq!(two.query().await?.0, ["B"]);
        assert!(two.requests() > asked);
    }
    two.network.set_down(server_name!("two.example"), true);
    let (devices, failures) = two.query().await?;
    assert_eq!((devices.len(), failures["two.example"].is_object()), (0, true));
    Ok(())
}

#[tokio::test]
async fn one_time_keys_are_claimed_from_the_other_server() -> anyhow::Result<()> {
    let two = Two::new(true).await?;
    let claim = json!({ "one_time_keys": { BOB: { "B": "signed_curve25519" } } });
    let (_, answer) = two.one.post(&two.alice, "v3/keys/claim", claim.clone()).await?;
    assert_eq!(answer["one_time_keys"][BOB]["B"]["signed_curve25519:o"]["key"], "b25l");
    let (_, answer) = two.one.post(&two.alice, "v3/keys/claim", claim.clone()).await?;
    assert_eq!((&answer["one_time_keys"], &answer["failures"]), (&json!({}), &Value::Null));
    two.network.set_down(server_name!("two.example"), true);
    let (_, answer) = two.one.post(&two.alice, "v3/keys/claim", claim).await?;
    assert!(answer["failures"]["two.example"].is_object());
    Ok(())
}

#[tokio::test]
async fn a_server_speaks_for_its_own_users_only() -> anyhow::Result<()> {
    let two = Two::new(true).await?;
    two.query().await?;
    let start = two.one.position();
    let update: DeviceListUpdateContent =
        serde_json::from_value(json!({ "user_id": BOB, "device_id": "B", "stream_id": 1, "deleted": true }))?;
    two.one.parts.encryption.receive_device_list_update(server_name!("three.example"), update).await?;
    let update: SigningKeyUpdateContent = serde_json::from_value(json!({ "user_id": "@alice:one.example" }))?;
    two.one.parts.encryption.receive_signing_key_update(server_name!("two.example"), update).await?;
    assert_eq!(two.one.position(), start);
    assert_eq!(two.query().await?.0, ["B"]);
    Ok(())
}

#[tokio::test]
async fn a_list_is_forgotten_with_the_last_common_room_and_devices_are_announced_in_a_new_one() -> anyhow::Result<()> {
    let two = Two::new(false).await?;
    assert_eq!(two.two.edus("one.example").await?, Vec::<Value>::new());
    for server in [&two.one, &two.two] {
        server.join("!r:one.example", "@alice:one.example").await?;
        server.join("!r:one.example", BOB).await?;
    }
    let announced = two.two.edus("one.example").await?;
    assert_eq!(announced.len(), 1);
    assert_eq!(
        (&announced[0]["content"]["user_id"], &announced[0]["content"]["device_id"]),
        (&json!(BOB), &json!("B"))
    );
    two.query().await?;
    let mut db = two.one.parts.store.read().await?;
    let bob = db.user_sn(&two.bob.user_id).await?.unwrap();
    assert!(db.remote_list(bob).await?.is_some_and(|list| !list.stale));
    drop(db);
    two.one.leave("!r:one.example", BOB).await?;
    let mut db = two.one.parts.store.read().await?;
    assert!(db.remote_list(bob).await?.is_none());
    assert!(db.remote_devices(bob).await?.is_empty());
    Ok(())
}
