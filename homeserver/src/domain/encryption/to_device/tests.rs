//! What other servers leave for a device is bounded.

use ruma::{api::federation::transactions::edu::DirectDeviceContent, server_name, user_id};
use serde_json::json;

use crate::{
    store::{Durability, StoreError},
    testing::devices::{TestApi, TestDevice},
};

async fn send(api: &TestApi, to: &TestDevice, sender: &str, id: usize, text: &str) {
    let content: DirectDeviceContent = serde_json::from_value(json!({
        "sender": sender, "type": "m.odd", "message_id": format!("m{id}"),
        "messages": { to.user_id.as_str(): { to.device_id.as_str(): { "text": text } } },
    }))
    .unwrap();
    api.parts.encryption.receive_direct_to_device(server_name!("two.example"), content).await.unwrap();
}

async fn waiting(api: &TestApi, device: &TestDevice) -> i64 {
    let mut db = api.parts.store.read().await.unwrap();
    let sn = db.server_sn(server_name!("two.example")).await.unwrap().unwrap();
    db.to_device_waiting(device.user, &device.device_id, sn).await.unwrap().messages
}

#[tokio::test]
async fn a_stranger_leaves_a_hundred_messages_and_a_friend_as_many_as_fit() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let device = api.device("@a:one.example", "DEVICE").await?;
    for id in 0..105 {
        send(&api, &device, "@stranger:two.example", id, "hello").await;
    }
    assert_eq!(waiting(&api, &device).await, 100);
    for user in ["@a:one.example", "@friend:two.example"] {
        api.join("!room:one.example", user).await?;
    }
    send(&api, &device, "@friend:two.example", 1000, "hello").await;
    send(&api, &device, "@friend:two.example", 1001, &"x".repeat(70_000)).await;
    assert_eq!(waiting(&api, &device).await, 101, "the large one was dropped");

    let (user, id, size) = (device.user, device.device_id.clone(), 60_000);
    api.parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move {
                let sender = tx.make_user_sn(user_id!("@friend:two.example")).await?;
                let content = json!({ "text": "x".repeat(size) }).to_string();
                for _ in 0..(32 << 20) / size {
                    tx.put_to_device(user, &id, sender, "m.odd", &content).await?;
                }
                Ok(())
            })
        })
        .await?;
    let full = waiting(&api, &device).await;
    send(&api, &device, "@friend:two.example", 1002, &"x".repeat(50_000)).await;
    assert_eq!(waiting(&api, &device).await, full);
    Ok(())
}

#[tokio::test]
async fn a_message_for_nobody_leaves_nothing_behind() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let device = api.device("@a:one.example", "DEVICE").await?;
    let nobody = TestDevice { user_id: user_id!("@nobody:one.example").to_owned(), ..device.clone() };
    send(&api, &nobody, "@stranger:two.example", 1, "hello").await;
    send(&api, &device, "@stranger:two.example", 1, "hello").await;
    assert_eq!(waiting(&api, &device).await, 1, "its id was not remembered");
    send(&api, &device, "@stranger:two.example", 1, "hello").await;
    assert_eq!(waiting(&api, &device).await, 1);
    Ok(())
}
