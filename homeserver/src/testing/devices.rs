//! A server's endpoints for the tests of encryption: devices that ask, rooms that bring users together.

use axum::Router;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use ruma::{DeviceId, RoomId, UserId};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{
    api::{parts::Parts, router},
    domain::encryption,
    store::{Durability, Membership, Position, StoreError, UserSn},
};

use super::{FakeNetwork, TestHome};

/// A status and a body.
pub type Answer = (u16, Value);

/// A server with its endpoints for clients.
pub struct TestApi {
    pub parts: Parts,
    client: Router,
    _home: TestHome,
}

/// A signed-in device.
#[derive(Clone)]
pub struct TestDevice {
    pub user: UserSn,
    pub user_id: ruma::OwnedUserId,
    pub device_id: ruma::OwnedDeviceId,
    pub token: String,
}

impl TestApi {
    /// `one.example`, alone.
    pub async fn new() -> anyhow::Result<Self> {
        Ok(Self::on("one.example", &FakeNetwork::default()).await)
    }

    /// A server that others of the network can reach.
    pub async fn on(name: &str, network: &FakeNetwork) -> Self {
        let home = TestHome::new(name, network).await;
        Self { parts: home.parts.clone(), client: router::client(home.parts.clone()), _home: home }
    }

    /// Makes a device of a local user and signs it in.
    pub async fn device(&self, user_id: &str, device_id: &str) -> anyhow::Result<TestDevice> {
        let user_id: ruma::OwnedUserId = UserId::parse(user_id)?;
        let device_id: &DeviceId = device_id.into();
        let token = format!("token of {user_id} {device_id}");
        let device = TestDevice { user: UserSn(0), user_id, device_id: device_id.to_owned(), token };
        let (id, made) = (device.device_id.clone(), device.clone());
        let user: UserSn = self
            .parts
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.put_test_device(&made.user_id, &id, &made.token).await })
            })
            .await?;
        Ok(TestDevice { user, ..device })
    }

    /// Joins a user of any server to a room, with what follows for encryption.
    pub async fn join(&self, room_id: &str, user_id: &str) -> anyhow::Result<()> {
        self.set_membership(room_id, user_id, Membership::Join).await
    }

    /// Takes a user of any server out of a room.
    pub async fn leave(&self, room_id: &str, user_id: &str) -> anyhow::Result<()> {
        self.set_membership(room_id, user_id, Membership::Leave).await
    }

    async fn set_membership(&self, room_id: &str, user_id: &str, membership: Membership) -> anyhow::Result<()> {
        let (room_id, user_id) = (RoomId::parse(room_id)?, UserId::parse(user_id)?);
        self.parts
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let (room, user) = tx.put_test_member(&room_id, &user_id, membership).await?;
                    match membership {
                        Membership::Join => encryption::joined(tx, room, user).await,
                        _ => encryption::left(tx, room, user).await,
                    }
                })
            })
            .await?;
        Ok(())
    }

    /// The EDUs that wait for another server.
    pub async fn edus(&self, server: &str) -> anyhow::Result<Vec<Value>> {
        let server: ruma::OwnedServerName = server.try_into()?;
        Ok(self
            .parts
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let server = tx.make_server_sn(&server).await?;
                    tx.test_edus(server).await
                })
            })
            .await?)
    }

    pub fn position(&self) -> Position {
        self.parts.store.position()
    }

    pub async fn get(&self, device: &TestDevice, path: &str) -> anyhow::Result<Answer> {
        self.request(Method::GET, device, path, None).await
    }

    pub async fn post(&self, device: &TestDevice, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.request(Method::POST, device, path, Some(body)).await
    }

    pub async fn put(&self, device: &TestDevice, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.request(Method::PUT, device, path, Some(body)).await
    }

    pub async fn delete(&self, device: &TestDevice, path: &str) -> anyhow::Result<Answer> {
        self.request(Method::DELETE, device, path, None).await
    }

    /// One request below `/_matrix/client/`.
    async fn request(
        &self,
        method: Method,
        device: &TestDevice,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/_matrix/client/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", device.token))
            .body(body.map(|body| body.to_string()).unwrap_or_default())?;
        let response = self.client.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    }
}
