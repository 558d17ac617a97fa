//! Who is asked for help.

use ruma::{RoomId, ServerName, UserId, room_id};

use crate::{
    store::{Durability, Membership, StoreError},
    testing::{FakeNetwork, TestHome},
};

use super::SERVERS;

#[tokio::test]
async fn those_who_are_there_are_asked_before_any_number_of_dead_servers() {
    let home = TestHome::new("one.example", &FakeNetwork::default()).await;
    let room_id: &RoomId = room_id!("!room:one.example");
    let names: Vec<String> = (0..20).map(|n| format!("s{n:02}.example")).collect();
    let users: Vec<_> = names.iter().map(|name| UserId::parse(format!("@u:{name}")).unwrap()).collect();
    let room = home
        .parts
        .store
        .write::<_, StoreError, _>(Durability::Normal, move |tx| {
            Box::pin(async move {
                let mut room = None;
                for user in &users {
                    room = Some(tx.put_test_member(room_id, user, Membership::Join).await?.0);
                }
                Ok(room)
            })
        })
        .await
        .unwrap()
        .unwrap();
    let destinations = &home.parts.federation.destinations;
    let server = |name: &String| ServerName::parse(name).unwrap();
    let (dead, alive) = names.split_at(18);
    for name in dead {
        destinations.failed(&server(name), destinations.begin());
    }
    let asked = home.parts.rooms.servers_of(room).await.unwrap();
    assert_eq!(asked.len(), SERVERS);
    let mut first: Vec<String> = asked.iter().take(2).map(ToString::to_string).collect();
    first.sort();
    assert_eq!(first, alive);
}
