//! What those see who were in a room and are not any more.

use serde_json::{Value, json};

use super::homes::{Home, Person};
use crate::testing::FakeNetwork;

async fn say(person: &Person<'_>, room: &str, body: &str) -> anyhow::Result<String> {
    let content = json!({"msgtype": "m.text", "body": body});
    let sent = person.put(&format!("v3/rooms/{room}/send/m.room.message/{body}"), content).await?;
    Ok(sent["event_id"].as_str().unwrap().to_owned())
}

fn bodies(events: &Value) -> Vec<String> {
    let events = events.as_array().into_iter().flatten();
    events.filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
}

async fn read(person: &Person<'_>, room: &str) -> anyhow::Result<Vec<String>> {
    Ok(bodies(&person.get(&format!("v3/rooms/{room}/messages?dir=f&limit=100")).await?["chunk"]))
}

#[tokio::test]
async fn an_invite_a_knock_or_a_ban_opens_nothing_that_was_said_since_they_left() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let alice = home.person("alice").await;
    for again in ["invite", "knock", "ban", "decline"] {
        let bob = home.person(&format!("bob-{again}")).await;
        let rule = json!([{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]);
        let room = alice.make_room(json!({"initial_state": rule, "invite": [bob.user_id]})).await?;
        bob.join(&room, "one.example").await?;
        say(&alice, &room, "while").await?;
        let since = bob.sync().await?["next_batch"].as_str().unwrap().to_owned();
        bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
        let hidden = say(&alice, &room, "hidden").await?;
        alice.put(&format!("v3/rooms/{room}/state/m.room.topic"), json!({"topic": "new"})).await?;
        let user = json!({"user_id": bob.user_id});
        match again {
            "knock" => bob.post(&format!("v3/knock/{room}?via=one.example"), json!({})).await?,
            "ban" => alice.post(&format!("v3/rooms/{room}/ban"), user).await?,
            _ => alice.post(&format!("v3/rooms/{room}/invite"), user).await?,
        };
        if again == "decline" {
            bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
        }
        assert_eq!(read(&bob, &room).await?, ["while"], "{again}");
        let gone = (404, "M_NOT_FOUND".to_owned());
        assert_eq!(bob.refused_get(&format!("v3/rooms/{room}/event/{hidden}")).await?, gone, "{again}");
        assert_eq!(bob.refused_get(&format!("v3/rooms/{room}/context/{hidden}")).await?, gone, "{again}");
        let relations = format!("v1/rooms/{room}/relations/{hidden}");
        assert_eq!(bob.refused_get(&relations).await?, gone, "{again}");
        let topic = bob.refused_get(&format!("v3/rooms/{room}/state/m.room.topic")).await?;
        assert_eq!(topic, gone, "{again}: the state is that of their leaving");
        let sync = bob.get(&format!("v3/sync?since={since}")).await?;
        let timeline = &sync["rooms"]["leave"][&room]["timeline"]["events"];
        assert_eq!(bodies(timeline), Vec::<String>::new(), "{again}");
        if matches!(again, "ban" | "decline") {
            let last = timeline.as_array().unwrap().last().unwrap();
            let membership = if again == "ban" { "ban" } else { "leave" };
            assert_eq!(last["content"]["membership"], membership, "they learn where they stand");
        }
    }
    Ok(())
}

#[tokio::test]
async fn whoever_comes_back_reads_what_was_said_meanwhile() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    say(&alice, &room, "first").await?;
    bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
    say(&alice, &room, "second").await?;
    bob.join(&room, "one.example").await?;
    assert_eq!(read(&bob, &room).await?, ["first", "second"]);
    Ok(())
}

#[tokio::test]
async fn nothing_of_what_came_later_is_bundled_with_what_they_saw() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    bob.join(&room, "one.example").await?;
    let root = say(&alice, &room, "root").await?;
    bob.post(&format!("v3/rooms/{room}/leave"), json!({})).await?;
    let relate = async |txn: &str, relation: Value| {
        let mut content = json!({"msgtype": "m.text", "body": "secret", "m.relates_to": relation});
        content["m.new_content"] = json!({"msgtype": "m.text", "body": "secret"});
        alice.put(&format!("v3/rooms/{room}/send/m.room.message/{txn}"), content).await
    };
    for rel_type in ["m.replace", "m.thread", "m.reference"] {
        relate(rel_type, json!({"rel_type": rel_type, "event_id": root})).await?;
    }
    let path = format!("v3/rooms/{room}/event/{root}");
    assert_eq!(alice.get(&path).await?["unsigned"]["m.relations"].as_object().unwrap().len(), 3);
    let seen = bob.get(&path).await?;
    assert!(seen["unsigned"]["m.relations"].is_null(), "{seen}");
    assert_eq!(seen["unsigned"]["membership"], "join");
    Ok(())
}

#[tokio::test]
async fn members_see_their_own_coming_and_going_and_the_turning_of_the_visibility() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let visibility = json!([{"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}]);
    let room = alice.make_room(json!({"preset": "public_chat", "initial_state": visibility})).await?;
    say(&alice, &room, "before").await?;
    let path = format!("v3/rooms/{room}/state/m.room.history_visibility");
    let opened = alice.put(&path, json!({"history_visibility": "shared"})).await?;
    bob.join(&room, "one.example").await?;
    assert_eq!(read(&bob, &room).await?, Vec::<String>::new());
    let event = format!("v3/rooms/{room}/event/{}", opened["event_id"].as_str().unwrap());
    assert_eq!(bob.get(&event).await?["content"]["history_visibility"], "shared", "either side lets it be seen");
    alice.post(&format!("v3/rooms/{room}/kick"), json!({"user_id": bob.user_id, "reason": "enough"})).await?;
    let page = bob.get(&format!("v3/rooms/{room}/messages?dir=b&limit=1")).await?;
    assert_eq!(page["chunk"][0]["content"]["reason"], "enough");
    Ok(())
}

#[tokio::test]
async fn an_unban_lifts_bans_alone_and_a_kick_none() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat"})).await?;
    let user = json!({"user_id": bob.user_id});
    let forbidden = (403, "M_FORBIDDEN".to_owned());
    let path = |verb: &str| format!("v3/rooms/{room}/{verb}");
    bob.join(&room, "one.example").await?;
    assert_eq!(alice.refused_post(&path("unban"), user.clone()).await?, forbidden);
    assert_eq!(alice.membership(&room, &bob.user_id).await.unwrap(), "join");
    alice.post(&path("ban"), user.clone()).await?;
    assert_eq!(alice.refused_post(&path("kick"), user.clone()).await?, forbidden);
    assert_eq!(alice.membership(&room, &bob.user_id).await.unwrap(), "ban");
    alice.post(&path("unban"), user.clone()).await?;
    assert_eq!(alice.membership(&room, &bob.user_id).await.unwrap(), "leave");
    assert_eq!(alice.refused_post(&path("kick"), user).await?, forbidden);
    Ok(())
}

#[tokio::test]
async fn the_context_has_the_state_of_then_filtered_and_as_lazy_as_asked() -> anyhow::Result<()> {
    let network = FakeNetwork::default();
    let home = Home::new("one.example", &network).await;
    let (alice, bob) = (home.person("alice").await, home.person("bob").await);
    let room = alice.make_room(json!({"preset": "public_chat", "topic": "old"})).await?;
    let said = say(&alice, &room, "said").await?;
    bob.join(&room, "one.example").await?;
    alice.put(&format!("v3/rooms/{room}/state/m.room.topic"), json!({"topic": "new"})).await?;
    let context = async |query: &str| alice.get(&format!("v3/rooms/{room}/context/{said}?limit=0{query}")).await;
    let of_type = |context: &Value, kind: &str| {
        let state = context["state"].as_array().unwrap().iter();
        state.filter(|event| event["type"] == kind).map(|event| event["content"].clone()).collect::<Vec<_>>()
    };
    let then = context("").await?;
    assert_eq!(of_type(&then, "m.room.topic")[0]["topic"], "old");
    assert_eq!(of_type(&then, "m.room.member").len(), 1, "bob came later");
    let now = alice.get(&format!("v3/rooms/{room}/context/{said}?limit=20")).await?;
    assert_eq!(of_type(&now, "m.room.topic")[0]["topic"], "new");
    assert_eq!(of_type(&now, "m.room.member").len(), 2);
    let named = context("&filter=%7B%22types%22%3A%5B%22m.room.topic%22%5D%7D").await?;
    assert_eq!((of_type(&named, "m.room.topic").len(), of_type(&named, "m.room.member").len()), (1, 0));
    // Bob said nothing in the part that is shown.
    let lazy = context("&filter=%7B%22lazy_load_members%22%3Atrue%7D").await?;
    let members = of_type(&lazy, "m.room.member");
    assert_eq!(members.len(), 1);
    Ok(())
}
