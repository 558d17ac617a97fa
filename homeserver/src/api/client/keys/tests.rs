//! Keys through HTTP: published, asked for, handed out once, signed.

use ruma::{
    CanonicalJsonObject,
    serde::Base64,
    signatures::{Ed25519KeyPair, sign_json},
};
use serde_json::{Value, json};

use crate::{
    store::{Durability, Position, StoreError},
    testing::devices::{TestApi, TestDevice},
};

/// An Ed25519 key with the id that its signatures bear.
pub(super) struct Signer {
    pair: Ed25519KeyPair,
    pub(super) public: String,
}

impl Signer {
    /// A device's key.
    pub(super) fn device(device_id: &str) -> anyhow::Result<Self> {
        let document = Ed25519KeyPair::generate();
        let pair = Ed25519KeyPair::from_der(&document, device_id.to_owned())?;
        let public = Base64::<ruma::serde::base64::Standard, _>::new(pair.public_key().to_vec()).encode();
        Ok(Self { pair, public })
    }

    /// A cross-signing key: it bears the name of itself.
    pub(super) fn cross_signing() -> anyhow::Result<Self> {
        let document = Ed25519KeyPair::generate();
        let public = Ed25519KeyPair::from_der(&document, String::new())?.public_key().to_vec();
        let public = Base64::<ruma::serde::base64::Standard, _>::new(public).encode();
        Ok(Self { pair: Ed25519KeyPair::from_der(&document, public.clone())?, public })
    }

    /// Signs for a user.
    pub(super) fn sign(&self, user_id: &str, object: &Value) -> anyhow::Result<Value> {
        let mut object: CanonicalJsonObject = serde_json::from_value(object.clone())?;
        sign_json(user_id, &self.pair, &mut object)?;
        Ok(serde_json::to_value(object)?)
    }
}

/// The identity keys of a device, signed.
pub(super) fn device_keys(device: &TestDevice, signer: &Signer) -> anyhow::Result<Value> {
    let (user_id, device_id) = (device.user_id.as_str(), device.device_id.as_str());
    signer.sign(
        user_id,
        &json!({
            "user_id": user_id,
            "device_id": device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                format!("curve25519:{device_id}"): "3C5BFWi2Y8MaVvjM8M22DBmh24PmgR0nPvJOIArzgyI",
                format!("ed25519:{device_id}"): signer.public,
            },
        }),
    )
}

async fn upload(api: &TestApi, device: &TestDevice, body: Value) -> anyhow::Result<(u16, Value)> {
    api.post(device, "v3/keys/upload", body).await
}

#[tokio::test]
async fn a_device_publishes_its_keys_and_others_see_them_with_its_name() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, bob) = (api.device("@alice:one.example", "A").await?, api.device("@bob:one.example", "B").await?);
    let signer = Signer::device("A")?;
    let keys = device_keys(&alice, &signer)?;
    let (status, answer) = upload(&api, &alice, json!({ "device_keys": keys })).await?;
    assert_eq!((status, &answer["one_time_key_counts"]["signed_curve25519"]), (200, &json!(0)));

    let (_, answer) = api.post(&bob, "v3/keys/query", json!({ "device_keys": { "@alice:one.example": [] } })).await?;
    let mut expected = keys.clone();
    expected["unsigned"] = json!({ "device_display_name": "A device" });
    assert_eq!(answer["device_keys"]["@alice:one.example"]["A"], expected);
    let (_, answer) =
        api.post(&bob, "v3/keys/query", json!({ "device_keys": { "@alice:one.example": ["OTHER"] } })).await?;
    assert_eq!(answer["device_keys"]["@alice:one.example"], json!({}));
    let (status, answer) =
        api.post(&bob, "v3/keys/query", json!({ "device_keys": { "@carol:two.example": [] } })).await?;
    assert_eq!((status, answer["failures"]["two.example"].is_object()), (200, true));
    Ok(())
}

#[tokio::test]
async fn a_device_can_neither_change_its_identity_nor_publish_anothers() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, other) = (api.device("@alice:one.example", "A").await?, api.device("@alice:one.example", "A2").await?);
    let signer = Signer::device("A")?;
    let keys = device_keys(&alice, &signer)?;
    assert_eq!(upload(&api, &alice, json!({ "device_keys": keys })).await?.0, 200);
    assert_eq!(upload(&api, &alice, json!({ "device_keys": keys })).await?.0, 200);
    let changed = device_keys(&alice, &Signer::device("A")?)?;
    assert_eq!(upload(&api, &alice, json!({ "device_keys": changed })).await?.0, 400);
    let (status, answer) = upload(&api, &other, json!({ "device_keys": keys })).await?;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_BAD_JSON")));
    Ok(())
}

#[tokio::test]
async fn one_time_keys_go_out_once_in_upload_order_then_the_fallback_key() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, bob) = (api.device("@alice:one.example", "A").await?, api.device("@bob:one.example", "B").await?);
    let key = |key: &str| json!({ "key": key, "signatures": { "@alice:one.example": { "ed25519:A": "c2ln" } } });
    let first = json!({ "one_time_keys": { "signed_curve25519:zzz": key("Zmlyc3Q") } });
    assert_eq!(upload(&api, &alice, first.clone()).await?.1["one_time_key_counts"]["signed_curve25519"], 1);
    // The same again is no news; another key of the same id is refused, and everything that came with it.
    assert_eq!(upload(&api, &alice, first).await?.0, 200);
    let clash =
        json!({ "one_time_keys": { "signed_curve25519:bbb": key("bmV3"), "signed_curve25519:zzz": key("b3RoZXI") } });
    let (status, answer) = upload(&api, &alice, clash).await?;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().starts_with("One time key signed_curve25519:zzz already exists."));
    let second = json!({
        "one_time_keys": { "signed_curve25519:aaa": key("c2Vjb25k") },
        "fallback_keys": { "signed_curve25519:fff": key("ZmFsbGJhY2s") },
    });
    assert_eq!(upload(&api, &alice, second).await?.1["one_time_key_counts"]["signed_curve25519"], 2);

    let claim = json!({ "one_time_keys": { "@alice:one.example": { "A": "signed_curve25519" } } });
    let mut claimed = Vec::new();
    for _ in 0..4 {
        let unused = api.parts.store.read().await?.unused_fallback_key_types(alice.user, &alice.device_id).await?;
        assert_eq!(unused.is_empty(), claimed.len() == 3);
        let (status, answer) = api.post(&bob, "v3/keys/claim", claim.clone()).await?;
        assert_eq!(status, 200);
        let keys = answer["one_time_keys"]["@alice:one.example"]["A"].as_object().unwrap().clone();
        claimed.extend(keys.into_iter().map(|(id, _)| id));
    }
    let id = |id: &str| format!("signed_curve25519:{id}");
    assert_eq!(claimed, [id("zzz"), id("aaa"), id("fff"), id("fff")]);
    Ok(())
}

#[tokio::test]
async fn one_time_keys_from_before_a_restore_are_void() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device("@alice:one.example", "A").await?;
    let keys = json!({ "one_time_keys": { "signed_curve25519:a": { "key": "b25l", "signatures": {} } } });
    upload(&api, &alice, keys).await?;
    api.parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, |tx| Box::pin(async move { tx.raise_test_epoch().await }))
        .await?;
    let claim = json!({ "one_time_keys": { "@alice:one.example": { "A": "signed_curve25519" } } });
    assert_eq!(api.post(&alice, "v3/keys/claim", claim).await?.1["one_time_keys"], json!({}));
    let again = json!({ "one_time_keys": { "signed_curve25519:a": { "key": "dHdv", "signatures": {} } } });
    assert_eq!(upload(&api, &alice, again).await?.1["one_time_key_counts"]["signed_curve25519"], 1);
    Ok(())
}

#[tokio::test]
async fn key_changes_name_those_who_share_a_room() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, bob) = (api.device("@alice:one.example", "A").await?, api.device("@bob:one.example", "B").await?);
    let changes = async |from: Position| -> anyhow::Result<(Value, Value)> {
        let (status, answer) = api.get(&bob, &format!("v3/keys/changes?from={}&to={}", from.0, from.0)).await?;
        assert_eq!(status, 200);
        Ok((answer["changed"].clone(), answer["left"].clone()))
    };
    let start = api.position();
    upload(&api, &alice, json!({ "device_keys": device_keys(&alice, &Signer::device("A")?)? })).await?;
    assert_eq!(changes(start).await?, (json!([]), json!([])));

    api.join("!r:one.example", "@alice:one.example").await?;
    let before = api.position();
    api.join("!r:one.example", "@bob:one.example").await?;
    assert_eq!(changes(before).await?, (json!(["@alice:one.example"]), json!([])));
    // A second common room is no news, and leaving one of two neither.
    let before = api.position();
    api.join("!s:one.example", "@alice:one.example").await?;
    api.join("!s:one.example", "@bob:one.example").await?;
    api.leave("!s:one.example", "@alice:one.example").await?;
    assert_eq!(changes(before).await?, (json!([]), json!([])));

    let alice2 = api.device("@alice:one.example", "A2").await?;
    upload(&api, &alice2, json!({ "device_keys": device_keys(&alice2, &Signer::device("A2")?)? })).await?;
    assert_eq!(changes(before).await?, (json!(["@alice:one.example"]), json!([])));

    let before = api.position();
    api.leave("!r:one.example", "@alice:one.example").await?;
    assert_eq!(changes(before).await?, (json!([]), json!(["@alice:one.example"])));
    assert_eq!(api.get(&bob, "v3/keys/changes?from=x&to=1").await?.0, 400);
    Ok(())
}
