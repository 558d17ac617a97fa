//! To-device messages through HTTP and from other servers.

use ruma::{api::federation::transactions::edu::DirectDeviceContent, server_name};
use serde_json::{Value, json};

use crate::{
    store::{Durability, Position, StoreError},
    testing::devices::{TestApi, TestDevice},
};

async fn waiting(api: &TestApi, device: &TestDevice, since: Position, limit: i64) -> anyhow::Result<Vec<Value>> {
    let to = api.position();
    let mut db = api.parts.store.read().await?;
    let messages = db.to_device_messages(device.user, &device.device_id, since, to, limit).await?;
    Ok(messages.iter().map(|message| serde_json::from_str(&message.json)).collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn messages_wait_in_order_until_they_are_acknowledged() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let (alice, bob) = (api.device("@alice:one.example", "A").await?, api.device("@bob:one.example", "B").await?);
    let bob2 = api.device("@bob:one.example", "B2").await?;
    for (txn, number) in [("1", 1), ("2", 2), ("2", 99)] {
        let body = json!({ "messages": { "@bob:one.example": { "B": { "number": number }, "NONE": {} } } });
        let (status, answer) = api.put(&alice, &format!("v3/sendToDevice/m.dummy/{txn}"), body).await?;
        assert_eq!((status, answer), (200, json!({})));
    }
    let body = json!({ "messages": { "@bob:one.example": { "*": { "number": 3 } } } });
    api.put(&alice, "v3/sendToDevice/m.other/2", body).await?;

    let event =
        |kind: &str, number| json!({ "sender": "@alice:one.example", "type": kind, "content": { "number": number } });
    let expected = [event("m.dummy", 1), event("m.dummy", 2), event("m.other", 3)];
    assert_eq!(waiting(&api, &bob, Position(0), 100).await?, expected);
    assert_eq!(waiting(&api, &bob, Position(0), 2).await?, expected[..2]);
    assert_eq!(waiting(&api, &bob2, Position(0), 100).await?, expected[2..]);

    let to = api.position();
    let mut db = api.parts.store.read().await?;
    let first = db.to_device_messages(bob.user, &bob.device_id, Position(0), to, 2).await?;
    drop(db);
    let acknowledged = first.last().unwrap().position;
    let id = bob.device_id.clone();
    api.parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move { tx.delete_to_device(bob.user, &id, acknowledged).await })
        })
        .await?;
    assert_eq!(waiting(&api, &bob, Position(0), 100).await?, expected[2..]);
    Ok(())
}

#[tokio::test]
async fn messages_for_other_servers_go_out_in_parts_of_bounded_size() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device("@alice:one.example", "A").await?;
    let long = "x".repeat(20_000);
    let body = json!({ "messages": {
        "@b:two.example": { "*": { "body": long }, "D": { "body": long } },
        "@c:two.example": { "E": { "body": long } },
        "@d:three.example": { "F": {} },
    } });
    assert_eq!(api.put(&alice, "v3/sendToDevice/m.dummy/1", body).await?.0, 200);
    let edus = api.edus("two.example").await?;
    assert_eq!(edus.len(), 2);
    assert_eq!(edus[0]["edu_type"], "m.direct_to_device");
    assert_eq!(
        (&edus[0]["content"]["sender"], &edus[0]["content"]["type"]),
        (&json!("@alice:one.example"), &json!("m.dummy"))
    );
    assert_eq!(edus[0]["content"]["messages"]["@b:two.example"].as_object().unwrap().len(), 2);
    assert_eq!(edus[1]["content"]["messages"], json!({ "@c:two.example": { "E": { "body": long } } }));
    assert_ne!(edus[0]["content"]["message_id"], edus[1]["content"]["message_id"]);
    assert!(edus[0]["content"]["message_id"].as_str().unwrap().chars().count() <= 32);
    assert_eq!(api.edus("three.example").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn another_server_speaks_for_its_own_users_and_is_heard_once() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let bob = api.device("@bob:one.example", "B").await?;
    let edu = |id: &str| -> anyhow::Result<DirectDeviceContent> {
        Ok(serde_json::from_value(json!({
            "sender": "@a:two.example", "type": "m.dummy", "message_id": id,
            "messages": { "@bob:one.example": { "*": { "id": id } }, "@x:three.example": { "*": {} } },
        }))?)
    };
    let (encryption, two) = (&api.parts.encryption, server_name!("two.example"));
    encryption.receive_direct_to_device(two, edu("one")?).await?;
    encryption.receive_direct_to_device(two, edu("one")?).await?;
    encryption.receive_direct_to_device(server_name!("three.example"), edu("forged")?).await?;
    encryption.receive_direct_to_device(two, edu(&"long".repeat(10))?).await?;
    encryption.receive_direct_to_device(two, edu("two")?).await?;
    let ids: Vec<Value> =
        waiting(&api, &bob, Position(0), 100).await?.iter().map(|event| event["content"]["id"].clone()).collect();
    assert_eq!(ids, ["one", "two"]);
    Ok(())
}
