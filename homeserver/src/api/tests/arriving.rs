//! A room of many that was joined a moment ago: its clients are told nothing wrong until its members are here.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

const MANY: usize = 60;

/// `b` is in a room of many of `a`'s whose members are on their way, and nobody fetches them yet.
async fn entered(a: &Person<'_>, b: &Person<'_>) -> String {
    let room_id = a.make_room(json!({"preset": "public_chat", "name": "Crowd"})).await.unwrap();
    for n in 0..MANY {
        a.post(&format!("v3/rooms/{room_id}/ban"), json!({"user_id": format!("@u{n}:far.example")})).await.unwrap();
    }
    b.join(&room_id, a.home.name()).await.unwrap();
    room_id
}

/// The members are fetched from now on.
fn fetch(home: &Home) -> tokio_util::sync::DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(home.home.parts.inbound.clone().fill_rooms(stop.clone()));
    stop.drop_guard()
}

fn members(events: &Value) -> usize {
    events.as_array().map_or(0, |events| events.iter().filter(|event| event["type"] == "m.room.member").count())
}

#[tokio::test]
async fn their_number_is_left_out_until_they_are_known() {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b) = (one.person("a").await, two.person("b").await);
    let room_id = entered(&a, &b).await;
    let lists = json!({"lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 1, "required_state": []}}});
    let sliding = "unstable/org.matrix.simplified_msc3575/sync?timeout=0";
    let first = b.sync().await.unwrap();
    let section = &first["rooms"]["join"][&room_id];
    assert_eq!(section["summary"]["m.joined_member_count"], Value::Null);
    let listed = b.post(sliding, lists.clone()).await.unwrap();
    assert_eq!(listed["rooms"][&room_id]["joined_count"], Value::Null);
    assert_eq!(listed["rooms"][&room_id]["name"], "Crowd");

    let _fetching = fetch(&two);
    let path = format!("v3/rooms/{room_id}/members");
    assert_eq!(members(&b.get(&path).await.unwrap()["chunk"]), MANY + 2);
    let since = first["next_batch"].as_str().unwrap();
    let next = b.get(&format!("v3/sync?since={since}")).await.unwrap();
    let section = &next["rooms"]["join"][&room_id];
    assert_eq!(section["summary"]["m.joined_member_count"], 2, "{next}");
    assert_eq!(members(&section["state"]["events"]), MANY + 2, "all came, and our own once more");
    let pos = listed["pos"].as_str().unwrap();
    let listed = b.post(&format!("{sliding}&pos={pos}"), lists).await.unwrap();
    assert_eq!(listed["rooms"][&room_id]["joined_count"], 2);
}

#[tokio::test]
async fn who_asks_for_them_waits_and_so_does_who_acts_on_them() {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b, c) = (one.person("a").await, two.person("b").await, two.person("c").await);
    let room_id = entered(&a, &b).await;
    let say = format!("v3/rooms/{room_id}/send/m.room.message/1");
    b.put(&say, json!({"msgtype": "m.text", "body": "I see nobody"})).await.unwrap();
    b.get(&format!("v3/rooms/{room_id}/state/m.room.name")).await.unwrap();
    let (id, banned) = (room_id.as_str(), "@u3:far.example");
    let (all, joined) = (format!("v3/rooms/{id}/state"), format!("v3/rooms/{id}/joined_members"));
    let member = format!("v3/rooms/{id}/state/m.room.member/{banned}");
    let asks = async {
        let (state, joined, one_of_them, beside) =
            tokio::join!(b.get(&all), b.get(&joined), b.get(&member), c.join(id, one.name()),);
        beside.unwrap();
        (state.unwrap(), joined.unwrap(), one_of_them.unwrap())
    };
    let fetched = async {
        // Nothing of it is answered before.
        tokio::task::yield_now().await;
        fetch(&two)
    };
    let ((state, joined, one_of_them), _fetching) = tokio::join!(asks, fetched);
    assert!(members(&state) >= MANY + 2);
    assert!(joined["joined"].as_object().unwrap().contains_key(&a.user_id));
    assert_eq!(one_of_them["membership"], "ban");
    a.sees(&room_id, &c.user_id, "join").await;
}

#[tokio::test]
async fn what_an_earlier_run_did_not_fetch_the_next_one_does() {
    let network = FakeNetwork::default();
    let (one, two) = (Home::new("one.example", &network).await, Home::new("two.example", &network).await);
    let (a, b) = (one.person("a").await, two.person("b").await);
    let room_id = entered(&a, &b).await;
    two.stop();
    let parts = crate::api::parts::Parts::new(two.foundation());
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    tokio::spawn(parts.inbound.clone().fill_rooms(stop));
    b.until("the members", async || {
        let mut db = two.home.parts.store.read().await.unwrap();
        let room = db.room_sn(&ruma::RoomId::parse(&room_id).unwrap()).await.unwrap().unwrap();
        !db.is_partial(room).await.unwrap()
    })
    .await;
    assert_eq!(members(&b.get(&format!("v3/rooms/{room_id}/members")).await.unwrap()["chunk"]), MANY + 2);
}
