//! Networks that services bridge: their protocols, users and places, asked of the services for each request.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use ruma::{
    OwnedRoomAliasId, OwnedUserId,
    api::appservice::thirdparty::{
        get_location_for_protocol, get_location_for_room_alias, get_protocol, get_user_for_protocol,
        get_user_for_user_id,
    },
    thirdparty::{Location, Protocol, User},
};

use super::{Appservice, Appservices};

impl Appservices {
    /// All protocols of all services.
    pub async fn protocols(&self) -> BTreeMap<String, Protocol> {
        let mut names: Vec<String> =
            self.0.services.iter().flat_map(|service| service.registered.protocols.clone()).collect();
        names.sort();
        names.dedup();
        let asked = join_all(names.into_iter().map(async |name| (self.protocol(&name).await, name))).await;
        asked.into_iter().filter_map(|(protocol, name)| Some((name, protocol?))).collect()
    }

    /// A protocol with the instances of every service that bridges it.
    pub async fn protocol(&self, name: &str) -> Option<Protocol> {
        let answers = join_all(self.bridging(name).map(async |service| {
            let answer = self.ask(service, get_protocol::v1::Request::new(name.to_owned())).await?;
            let mut answer: Protocol = answer.protocol.into();
            for instance in &mut answer.instances {
                instance.instance_id = Some(service.instance_id(&instance.network_id));
            }
            Some(answer)
        }))
        .await;
        answers.into_iter().flatten().reduce(|mut first, next| {
            first.instances.extend(next.instances);
            first
        })
    }

    /// Users of a protocol; `None` when no service has the protocol.
    pub async fn users_of(&self, protocol: &str, fields: &BTreeMap<String, String>) -> Option<Vec<User>> {
        let services: Vec<_> = self.bridging(protocol).collect();
        let asked = join_all(services.iter().map(async |service| {
            let mut request = get_user_for_protocol::v1::Request::new(protocol.to_owned());
            request.fields.clone_from(fields);
            self.ask(service, request).await
        }))
        .await;
        (!services.is_empty()).then(|| asked.into_iter().flatten().flat_map(|answer| answer.users).collect())
    }

    /// Places of a protocol; `None` when no service has the protocol.
    pub async fn locations_of(&self, protocol: &str, fields: &BTreeMap<String, String>) -> Option<Vec<Location>> {
        let services: Vec<_> = self.bridging(protocol).collect();
        let asked = join_all(services.iter().map(async |service| {
            let mut request = get_location_for_protocol::v1::Request::new(protocol.to_owned());
            request.fields.clone_from(fields);
            self.ask(service, request).await
        }))
        .await;
        (!services.is_empty()).then(|| asked.into_iter().flatten().flat_map(|answer| answer.locations).collect())
    }

    /// Who a Matrix user is on other networks.
    pub async fn third_party_users(&self, user_id: &OwnedUserId) -> Vec<User> {
        let asked = join_all(
            self.with_protocols()
                .map(async |service| self.ask(service, get_user_for_user_id::v1::Request::new(user_id.clone())).await),
        )
        .await;
        asked.into_iter().flatten().flat_map(|answer| answer.users).collect()
    }

    /// Which places of other networks an alias stands for.
    pub async fn third_party_locations(&self, alias: &OwnedRoomAliasId) -> Vec<Location> {
        let asked = join_all(self.with_protocols().map(async |service| {
            self.ask(service, get_location_for_room_alias::v1::Request::new(alias.clone())).await
        }))
        .await;
        asked.into_iter().flatten().flat_map(|answer| answer.locations).collect()
    }

    fn bridging(&self, protocol: &str) -> impl Iterator<Item = &Arc<Appservice>> {
        self.with_protocols().filter(move |service| service.registered.protocols.iter().any(|name| name == protocol))
    }

    fn with_protocols(&self) -> impl Iterator<Item = &Arc<Appservice>> {
        self.0.services.iter().filter(|service| !service.registered.protocols.is_empty())
    }
}
