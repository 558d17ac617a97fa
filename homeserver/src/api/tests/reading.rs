//! Reading rooms: by time, at once, as a stream, one event, and what one was notified of.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api::testing::Server,
    testing::{FakeNetwork, TestHome},
};

async fn room(server: &Server, token: &str, visibility: &str) -> anyhow::Result<String> {
    let body = json!({
        "preset": "public_chat",
        "initial_state": [{ "type": "m.room.history_visibility", "state_key": "", "content": { "history_visibility": visibility } }],
    });
    let made = server.post(token, "/_matrix/client/v3/createRoom", body).await?.ok()?;
    Ok(made["room_id"].as_str().unwrap().to_owned())
}

async fn say(server: &Server, token: &str, room: &str, body: &str) -> anyhow::Result<String> {
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{}", body.replace(' ', "_"));
    let sent = server.put(token, &path, json!({ "msgtype": "m.text", "body": body })).await?.ok()?;
    Ok(sent["event_id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_event_is_found_by_its_time_in_both_directions() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let alice = server.user("alice").await?;
    let room = room(&server, &alice, "shared").await?;
    server.pass(1000);
    let first = say(&server, &alice, &room, "first").await?;
    server.pass(1000);
    let second = say(&server, &alice, &room, "second").await?;
    let start = 1_700_000_000_000_i64;
    let near = async |ts: i64, dir: &str| {
        server.get(&alice, &format!("/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts={ts}&dir={dir}")).await
    };
    assert_eq!(near(start + 500, "f").await?.ok()?, json!({ "event_id": first, "origin_server_ts": start + 1000 }));
    assert_eq!(near(start + 1500, "b").await?.ok()?["event_id"], *first);
    assert_eq!(near(start + 1000, "b").await?.ok()?["event_id"], *first);
    assert_eq!(near(start + 1001, "f").await?.ok()?["event_id"], *second);
    for (ts, dir) in [(start + 9000, "f"), (start - 1, "b")] {
        let none = near(ts, dir).await?;
        assert_eq!((none.status.as_u16(), none.errcode().as_str()), (404, "M_NOT_FOUND"), "{ts} {dir}");
    }
    for query in ["ts=1", "dir=f", "ts=x&dir=f", "ts=-1&dir=f", "ts=1&dir=up"] {
        let refused =
            server.get(&alice, &format!("/_matrix/client/v1/rooms/{room}/timestamp_to_event?{query}")).await?;
        assert_eq!(refused.status.as_u16(), 400, "{query}");
    }
    let bob = server.user("bob").await?;
    let path = format!("/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts=1&dir=f");
    assert_eq!(server.get(&bob, &path).await?.errcode(), "M_FORBIDDEN");
    Ok(())
}

#[tokio::test]
async fn where_our_history_has_a_hole_other_servers_are_asked() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let (at_one, at_two) = (Server::over(one.parts.clone()), Server::over(two.parts.clone()));
    let (alice, bob) = (at_one.user("alice").await?, at_two.user("bob").await?);
    let room = room(&at_one, &alice, "shared").await?;
    let pass = |ms: i64| {
        one.ahead.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
        two.ahead.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    };
    pass(100_000);
    let early = say(&at_one, &alice, &room, "before bob came").await?;
    let when = one.parts.clock.now_ms();
    pass(100_000);
    at_two.post(&bob, &format!("/_matrix/client/v3/join/{room}?server_name=one.example"), json!({})).await?.ok()?;
    let path = format!("/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts={}&dir=b", when + 50_000);
    assert_eq!(at_two.get(&bob, &path).await?.ok()?["event_id"], *early);
    // It is here now, and one can read on from it.
    let context = at_two.get(&bob, &format!("/_matrix/client/v3/rooms/{room}/context/{early}")).await?.ok()?;
    assert_eq!(context["event"]["content"]["body"], "before bob came");
    Ok(())
}

#[tokio::test]
async fn a_room_that_everybody_may_read_is_read_without_joining() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let (open, closed) = (room(&server, &alice, "world_readable").await?, {
        server.pass(1);
        room(&server, &alice, "shared").await?
    });
    say(&server, &alice, &open, "one").await?;
    say(&server, &alice, &open, "two").await?;
    let initial = server.get(&bob, &format!("/_matrix/client/v3/rooms/{open}/initialSync?limit=1")).await?.ok()?;
    assert_eq!(initial["room_id"], *open);
    assert_eq!(initial["messages"]["chunk"].as_array().unwrap().len(), 1);
    assert_eq!(initial["messages"]["chunk"][0]["content"]["body"], "two");
    assert_eq!(initial["visibility"], "private");
    assert_eq!(initial.get("membership"), None);
    assert!(initial["state"].as_array().unwrap().iter().any(|event| event["type"] == "m.room.create"));
    let start = initial["messages"]["start"].as_str().unwrap();
    let path = format!("/_matrix/client/v3/rooms/{open}/messages?dir=b&from={start}&limit=1");
    assert_eq!(server.get(&bob, &path).await?.ok()?["chunk"][0]["content"]["body"], "one");

    let end = initial["messages"]["end"].as_str().unwrap();
    let path = format!("/_matrix/client/v3/events?room_id={open}&from={end}&timeout=20000");
    let (told, sent) = tokio::join!(server.get(&bob, &path), say(&server, &alice, &open, "three"));
    let told = told?.ok()?;
    assert_eq!((&told["chunk"][0]["event_id"], &told["chunk"][0]["room_id"]), (&json!(sent?), &json!(open)));
    assert_eq!(told["start"], end);
    let path = format!("/_matrix/client/v3/events?room_id={open}&from={}", told["end"].as_str().unwrap());
    assert_eq!(server.get(&bob, &path).await?.ok()?["chunk"], json!([]));
    for path in [
        format!("/_matrix/client/v3/rooms/{closed}/initialSync"),
        format!("/_matrix/client/v3/events?room_id={closed}"),
        "/_matrix/client/v3/events?room_id=!none:one.example".to_owned(),
    ] {
        let refused = server.get(&bob, &path).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_FORBIDDEN"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn the_stream_of_old_tells_of_all_ones_rooms() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let mine = room(&server, &alice, "shared").await?;
    let start = server.get(&alice, "/_matrix/client/v3/events").await?.ok()?["end"].as_str().unwrap().to_owned();
    let said = say(&server, &alice, &mine, "hello").await?;
    let told = server.get(&alice, &format!("/_matrix/client/v3/events?from={start}")).await?.ok()?;
    assert_eq!(told["chunk"][0]["event_id"], *said);
    assert_eq!(server.get(&bob, &format!("/_matrix/client/v3/events?from={start}")).await?.ok()?["chunk"], json!([]));
    for query in ["from=x", "timeout=x", "room_id=x"] {
        let refused = server.get(&alice, &format!("/_matrix/client/v3/events?{query}")).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"), "{query}");
    }
    let one = server.get(&alice, &format!("/_matrix/client/v3/events/{said}")).await?.ok()?;
    assert_eq!((&one["event_id"], &one["room_id"]), (&json!(said), &json!(mine)));
    for (token, event, errcode) in
        [(&bob, said.as_str(), "M_NOT_FOUND"), (&alice, "$none", "M_NOT_FOUND"), (&alice, "none", "M_INVALID_PARAM")]
    {
        assert_eq!(server.get(token, &format!("/_matrix/client/v3/events/{event}")).await?.errcode(), errcode);
    }
    assert_eq!(server.get("", &format!("/_matrix/client/v3/events/{said}")).await?.errcode(), "M_MISSING_TOKEN");
    Ok(())
}

#[tokio::test]
async fn past_notifications_come_in_pages_and_by_their_loudness() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let room = room(&server, &alice, "shared").await?;
    server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
    let path = "/_matrix/client/v3/notifications";
    for n in 0..3 {
        say(&server, &bob, &room, &format!("message {n}")).await?;
    }
    let loud = json!({ "msgtype": "m.text", "body": "you", "m.mentions": { "user_ids": ["@alice:one.example"] } });
    let send = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/loud");
    let loud = server.put(&bob, &send, loud).await?.ok()?["event_id"].clone();
    let first = server.get(&alice, &format!("{path}?limit=3")).await?.ok()?;
    let events = |told: &Value| told["notifications"].as_array().unwrap().clone();
    assert_eq!((events(&first).len(), &events(&first)[0]["event"]["event_id"]), (3, &loud));
    assert_eq!((&events(&first)[0]["read"], &events(&first)[0]["room_id"]), (&json!(false), &json!(room)));
    assert!(events(&first)[0]["ts"].is_i64() && events(&first)[0]["actions"].is_array());
    let next = first["next_token"].as_str().unwrap();
    let second = server.get(&alice, &format!("{path}?limit=3&from={next}")).await?.ok()?;
    assert_eq!(events(&second)[0]["event"]["content"]["body"], "message 0");
    assert_eq!(second.get("next_token"), None);
    let highlights = server.get(&alice, &format!("{path}?only=highlight")).await?.ok()?;
    assert_eq!((events(&highlights).len(), &events(&highlights)[0]["event"]["event_id"]), (1, &loud));
    assert_eq!(server.get(&alice, &format!("{path}?from=x")).await?.errcode(), "M_INVALID_PARAM");
    let receipt = format!("/_matrix/client/v3/rooms/{room}/receipt/m.read/{}", loud.as_str().unwrap());
    server.post(&alice, &receipt, json!({})).await?.ok()?;
    assert_eq!(events(&server.get(&alice, path).await?.ok()?)[0]["read"], true);
    Ok(())
}

#[tokio::test]
async fn an_invite_to_a_room_of_other_servers_is_notified_until_it_is_taken() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let one = TestHome::new("one.example", &network).await;
    let two = TestHome::new("two.example", &network).await;
    let (at_one, at_two) = (Server::over(one.parts.clone()), Server::over(two.parts.clone()));
    let (alice, bob) = (at_one.user("alice").await?, at_two.user("bob").await?);
    let room = room(&at_one, &alice, "shared").await?;
    let invite = format!("/_matrix/client/v3/rooms/{room}/invite");
    at_one.post(&alice, &invite, json!({ "user_id": "@bob:two.example" })).await?.ok()?;
    let told = async || at_two.get(&bob, "/_matrix/client/v3/notifications").await?.ok();
    let one = told().await?["notifications"][0].clone();
    assert_eq!((&one["room_id"], &one["read"]), (&json!(room), &json!(false)), "{one}");
    assert_eq!(
        (&one["event"]["content"]["membership"], &one["event"]["sender"]),
        (&json!("invite"), &json!("@alice:one.example"))
    );
    assert!(one["event"]["event_id"].is_string() && one["actions"].to_string().contains("notify"), "{one}");
    at_two.post(&bob, &format!("/_matrix/client/v3/join/{room}"), json!({})).await?.ok()?;
    let told = told().await?;
    let unread = told["notifications"].as_array().unwrap().iter().filter(|one| one["read"] == false).count();
    assert_eq!(unread, 0, "{told}");
    Ok(())
}

#[tokio::test]
async fn originals_of_redacted_events_are_kept_for_their_days_only() -> anyhow::Result<()> {
    let home = TestHome::new("one.example", &FakeNetwork::default()).await;
    let server = Server::over(home.parts.clone());
    let alice = server.user("alice").await?;
    let room = room(&server, &alice, "shared").await?;
    let said = say(&server, &alice, &room, "by mistake").await?;
    server.put(&alice, &format!("/_matrix/client/v3/rooms/{room}/redact/{said}/1"), json!({})).await?.ok()?;
    let kept = async || anyhow::Ok(home.parts.store.read().await?.test_redacted_originals().await?);
    let look = async || -> anyhow::Result<i64> {
        let stop = CancellationToken::new();
        stop.cancel();
        home.parts.rooms.clone().forget_originals(7, stop).await;
        kept().await
    };
    assert_eq!(look().await?, 1);
    home.ahead.fetch_add(7 * 24 * 3_600_000 + 1000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(look().await?, 0);
    Ok(())
}
