//! Dehydrated devices through HTTP.

use serde_json::json;

use crate::testing::devices::TestApi;

#[tokio::test]
async fn a_sleeping_device_takes_messages_until_it_is_replaced() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device("@alice:one.example", "A").await?;
    let path = "unstable/org.matrix.msc3814.v1/dehydrated_device";
    assert_eq!(api.get(&alice, path).await?.0, 404);
    let body = |id: &str| {
        json!({
            "device_id": id,
            "initial_device_display_name": "Asleep",
            "device_data": { "algorithm": "org.matrix.msc3814.v2", "device_pickle": "cGlja2xl", "nonce": "bm9uY2U" },
            "device_keys": {
                "user_id": "@alice:one.example", "device_id": id, "algorithms": [], "signatures": {},
                "keys": { format!("ed25519:{id}"): "lEuiRJBit0IG6nUf5pUzWTUEsRVVe/HJkoKuEww9ULI" },
            },
            "fallback_keys": { "signed_curve25519:f": { "key": "ZmFsbGJhY2s", "fallback": true, "signatures": {} } },
        })
    };
    assert_eq!(api.put(&alice, path, body("SLEEPS")).await?, (200, json!({ "device_id": "SLEEPS" })));
    assert_eq!(api.put(&alice, path, body("A")).await?.0, 400, "a device that is signed in is not put to sleep");
    let (status, answer) = api.get(&alice, path).await?;
    assert_eq!(
        (status, &answer["device_id"], &answer["device_data"]),
        (200, &json!("SLEEPS"), &body("SLEEPS")["device_data"])
    );

    let claim = json!({ "one_time_keys": { "@alice:one.example": { "SLEEPS": "signed_curve25519" } } });
    let (_, answer) = api.post(&alice, "v3/keys/claim", claim).await?;
    assert_eq!(answer["one_time_keys"]["@alice:one.example"]["SLEEPS"]["signed_curve25519:f"]["key"], "ZmFsbGJhY2s");
    let message = json!({ "messages": { "@alice:one.example": { "SLEEPS": { "n": 1 } } } });
    api.put(&alice, "v3/sendToDevice/m.dummy/1", message).await?;
    let (_, answer) = api.post(&alice, &format!("{path}/SLEEPS/events"), json!({})).await?;
    assert_eq!(answer["events"][0]["content"], json!({ "n": 1 }));
    let next = json!({ "next_batch": answer["next_batch"] });
    assert_eq!(api.post(&alice, &format!("{path}/SLEEPS/events"), next).await?.1["events"], json!([]));

    assert_eq!(api.put(&alice, path, body("NEXT")).await?.0, 200);
    assert_eq!(api.post(&alice, &format!("{path}/SLEEPS/events"), json!({})).await?.0, 404);
    assert_eq!(api.delete(&alice, path).await?, (200, json!({ "device_id": "NEXT" })));
    let query = json!({ "device_keys": { "@alice:one.example": [] } });
    assert_eq!(api.post(&alice, "v3/keys/query", query).await?.1["device_keys"]["@alice:one.example"], json!({}));
    Ok(())
}
