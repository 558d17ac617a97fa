//! Cross-signing through HTTP: keys, the proof that replacing them needs, signatures and who sees them.

use serde_json::{Value, json};

use super::tests::{Signer, device_keys};
use crate::testing::devices::{TestApi, TestDevice};

fn cross_signing_key(user_id: &str, usage: &str, key: &Signer, master: &Signer) -> anyhow::Result<Value> {
    let public = &key.public;
    let object = json!({ "user_id": user_id, "usage": [usage], "keys": { format!("ed25519:{public}"): public } });
    if usage == "master" { Ok(object) } else { master.sign(user_id, &object) }
}

/// A user's three cross-signing keys.
struct Identity {
    master: Signer,
    self_signing: Signer,
    user_signing: Signer,
}

impl Identity {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            master: Signer::cross_signing()?,
            self_signing: Signer::cross_signing()?,
            user_signing: Signer::cross_signing()?,
        })
    }

    fn body(&self, user_id: &str) -> anyhow::Result<Value> {
        Ok(json!({
            "master_key": cross_signing_key(user_id, "master", &self.master, &self.master)?,
            "self_signing_key": cross_signing_key(user_id, "self_signing", &self.self_signing, &self.master)?,
            "user_signing_key": cross_signing_key(user_id, "user_signing", &self.user_signing, &self.master)?,
        }))
    }
}

async fn upload(api: &TestApi, device: &TestDevice, body: Value) -> anyhow::Result<(u16, Value)> {
    api.post(device, "v3/keys/device_signing/upload", body).await
}

async fn query(api: &TestApi, device: &TestDevice, user_id: &str) -> anyhow::Result<Value> {
    Ok(api.post(device, "v3/keys/query", json!({ "device_keys": { user_id: [] } })).await?.1)
}

async fn sign(api: &TestApi, device: &TestDevice, user_id: &str, name: &str, signed: Value) -> anyhow::Result<Value> {
    let (status, answer) = api.post(device, "v3/keys/signatures/upload", json!({ user_id: { name: signed } })).await?;
    assert_eq!(status, 200);
    Ok(answer["failures"][user_id][name]["errcode"].clone())
}

const ALICE: &str = "@alice:one.example";
const BOB: &str = "@bob:one.example";

#[tokio::test]
async fn the_first_keys_need_no_proof_and_others_do() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device(ALICE, "A").await?;
    let identity = Identity::new()?;
    let body = identity.body(ALICE)?;
    let mut without_master = body.clone();
    without_master.as_object_mut().unwrap().remove("master_key");
    let (status, answer) = upload(&api, &alice, without_master).await?;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_MISSING_PARAM")));
    assert_eq!(upload(&api, &alice, body.clone()).await?.0, 200);
    assert_eq!(upload(&api, &alice, body.clone()).await?.0, 200, "the same again");

    let (status, answer) = upload(&api, &alice, Identity::new()?.body(ALICE)?).await?;
    assert_eq!((status, answer["flows"].is_array(), answer["session"].is_string()), (401, true, true));
    let found = query(&api, &alice, ALICE).await?;
    assert_eq!(found["master_keys"][ALICE], body["master_key"]);
    assert_eq!(found["user_signing_keys"][ALICE], body["user_signing_key"]);
    Ok(())
}

#[tokio::test]
async fn keys_must_be_signed_by_the_master_key_and_not_be_named_like_a_device() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (one, two) = (Identity::new()?, Identity::new()?);
    let alice = api.device(ALICE, &one.master.public).await?;
    let (status, answer) = upload(&api, &alice, one.body(ALICE)?).await?;
    assert_eq!((status, &answer["errcode"]), (403, &json!("M_FORBIDDEN")));
    let mut mixed = two.body(ALICE)?;
    mixed["self_signing_key"] = one.body(ALICE)?["self_signing_key"].clone();
    let (status, answer) = upload(&api, &alice, mixed).await?;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_INVALID_SIGNATURE")));
    assert_eq!(upload(&api, &alice, two.body(BOB)?).await?.0, 400);
    assert_eq!(upload(&api, &alice, two.body(ALICE)?).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn signatures_are_verified_and_shown_only_to_those_who_may_see_them() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, bob) = (api.device(ALICE, "A").await?, api.device(BOB, "B").await?);
    let carol = api.device("@carol:one.example", "C").await?;
    let (alices, bobs, device) = (Identity::new()?, Identity::new()?, Signer::device("A")?);
    let keys = device_keys(&alice, &device)?;
    api.post(&alice, "v3/keys/upload", json!({ "device_keys": keys })).await?;
    upload(&api, &alice, alices.body(ALICE)?).await?;
    upload(&api, &bob, bobs.body(BOB)?).await?;
    for user in [ALICE, BOB, "@carol:one.example"] {
        api.join("!r:one.example", user).await?;
    }
    let start = api.position();

    // Her self-signing key signs her device: everybody sees it and is told.
    let signed = alices.self_signing.sign(ALICE, &keys)?;
    assert_eq!(sign(&api, &alice, ALICE, "A", signed).await?, Value::Null);
    let name = format!("ed25519:{}", alices.self_signing.public);
    assert!(query(&api, &bob, ALICE).await?["device_keys"][ALICE]["A"]["signatures"][ALICE][&name].is_string());
    let (_, changes) = api.get(&carol, &format!("v3/keys/changes?from={}&to=0", start.0)).await?;
    assert_eq!(changes["changed"], json!([ALICE]));

    // Her device signs her master key.
    let master = alices.body(ALICE)?["master_key"].clone();
    let public = alices.master.public.clone();
    assert_eq!(sign(&api, &alice, ALICE, &public, device.sign(ALICE, &master)?).await?, Value::Null);
    assert!(query(&api, &bob, ALICE).await?["master_keys"][ALICE]["signatures"][ALICE]["ed25519:A"].is_string());

    // Her user-signing key signs his master key: she alone sees that, and her other devices are told.
    let start = api.position();
    let signed = alices.user_signing.sign(ALICE, &bobs.body(BOB)?["master_key"])?;
    assert_eq!(sign(&api, &alice, BOB, &bobs.master.public, signed).await?, Value::Null);
    let name = format!("ed25519:{}", alices.user_signing.public);
    assert!(query(&api, &alice, BOB).await?["master_keys"][BOB]["signatures"][ALICE][&name].is_string());
    for other in [&bob, &carol] {
        assert_eq!(query(&api, other, BOB).await?["master_keys"][BOB], bobs.body(BOB)?["master_key"]);
        let (_, changes) = api.get(other, &format!("v3/keys/changes?from={}&to=0", start.0)).await?;
        assert_eq!(changes["changed"], json!([]));
    }
    let (_, changes) = api.get(&alice, &format!("v3/keys/changes?from={}&to=0", start.0)).await?;
    assert_eq!(changes["changed"], json!([BOB]));
    assert_eq!(query(&api, &bob, ALICE).await?["user_signing_keys"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn wrong_signatures_are_named_one_by_one() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, bob) = (api.device(ALICE, "A").await?, api.device(BOB, "B").await?);
    let (alices, bobs) = (Identity::new()?, Identity::new()?);
    let keys = device_keys(&alice, &Signer::device("A")?)?;
    api.post(&alice, "v3/keys/upload", json!({ "device_keys": keys })).await?;
    upload(&api, &alice, alices.body(ALICE)?).await?;
    upload(&api, &bob, bobs.body(BOB)?).await?;

    let mut forged = alices.self_signing.sign(ALICE, &keys)?;
    let name = format!("ed25519:{}", alices.self_signing.public);
    forged["signatures"][ALICE][&name] = bobs.self_signing.sign(ALICE, &keys)?["signatures"][ALICE]
        [format!("ed25519:{}", bobs.self_signing.public)]
    .clone();
    assert_eq!(sign(&api, &alice, ALICE, "A", forged).await?, "M_INVALID_SIGNATURE");
    let mut changed = keys.clone();
    changed["algorithms"] = json!([]);
    let changed = alices.self_signing.sign(ALICE, &changed)?;
    assert_eq!(sign(&api, &alice, ALICE, "A", changed).await?, "M_INVALID_PARAM");
    let unknown = alices.self_signing.sign(ALICE, &keys)?;
    assert_eq!(sign(&api, &alice, ALICE, "NONE", unknown).await?, "M_NOT_FOUND");
    // Only the user-signing key signs others, and nobody signs others' devices.
    let wrong_key = alices.self_signing.sign(ALICE, &bobs.body(BOB)?["master_key"])?;
    assert_eq!(sign(&api, &alice, BOB, &bobs.master.public, wrong_key).await?, "M_INVALID_SIGNATURE");
    let device = bobs.user_signing.sign(BOB, &keys)?;
    assert_eq!(sign(&api, &bob, ALICE, "A", device).await?, "M_NOT_FOUND");
    Ok(())
}
