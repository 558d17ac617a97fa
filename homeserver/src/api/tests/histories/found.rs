//! What random histories found, each told by itself.

use serde_json::{Value, json};

use crate::api::testing::Server;

struct Story {
    server: Server,
    alice: String,
    bob: String,
    room: String,
}

const ALICE: &str = "@alice:one.example";
const BOB: &str = "@bob:one.example";

impl Story {
    /// Alice's open room, and Bob, who is in it.
    async fn begin() -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
        let body = json!({ "preset": "public_chat", "name": "Kitchen" });
        let made = server.post(&alice, "/_matrix/client/v3/createRoom", body).await?.ok()?;
        let room = made["room_id"].as_str().unwrap().to_owned();
        let story = Self { server, alice, bob, room };
        story.do_membership("join").await?;
        Ok(story)
    }

    /// Bob joins or leaves.
    async fn do_membership(&self, verb: &str) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/{verb}", self.room);
        self.server.post(&self.bob, &path, json!({})).await?.ok()?;
        Ok(())
    }

    /// Alice sends; the event's id.
    async fn say(&self, body: &str) -> anyhow::Result<String> {
        let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/{body}", self.room);
        let content = json!({ "msgtype": "m.text", "body": body });
        let sent = self.server.put(&self.alice, &path, content).await?.ok()?;
        Ok(sent["event_id"].as_str().unwrap().to_owned())
    }

    async fn set_topic(&self, topic: &str) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/state/m.room.topic/", self.room);
        self.server.put(&self.alice, &path, json!({ "topic": topic })).await?.ok()?;
        Ok(())
    }

    async fn alice_types(&self, typing: bool) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/typing/{ALICE}", self.room);
        self.server.put(&self.alice, &path, json!({ "typing": typing, "timeout": 60_000 })).await?.ok()?;
        Ok(())
    }

    async fn set_bobs_data(&self, n: u32) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/user/{BOB}/rooms/{}/account_data/org.example.data", self.room);
        self.server.put(&self.bob, &path, json!({ "n": n })).await?.ok()?;
        Ok(())
    }

    /// Bob's `/v3/sync`.
    async fn sync(&self, query: &str, since: Option<&Value>) -> anyhow::Result<Value> {
        let since = since.map(|since| format!("&since={}", since["next_batch"].as_str().unwrap())).unwrap_or_default();
        self.server.get(&self.bob, &format!("/_matrix/client/v3/sync?set_presence=offline{query}{since}")).await?.ok()
    }

    /// Bob's sliding sync.
    async fn slide(&self, pos: Option<&Value>, body: Value) -> anyhow::Result<Value> {
        let pos = pos.map(|pos| format!("&pos={}", pos["pos"].as_str().unwrap())).unwrap_or_default();
        let path =
            format!("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0&set_presence=offline{pos}");
        self.server.post(&self.bob, &path, body).await?.ok()
    }

    /// The newest event before a point.
    async fn before(&self, prev_batch: &Value) -> anyhow::Result<String> {
        let from = prev_batch.as_str().unwrap();
        let path = format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit=1&from={from}", self.room);
        let page = self.server.get(&self.bob, &path).await?.ok()?;
        Ok(page["chunk"][0]["event_id"].as_str().unwrap().to_owned())
    }
}

fn all(timeline_limit: u32, required_state: &Value) -> Value {
    json!({ "lists": { "all": {
        "ranges": [[0, 9]], "timeline_limit": timeline_limit, "required_state": required_state,
    } } })
}

#[tokio::test]
async fn a_timeline_of_no_events_ends_after_the_newest() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let newest = story.say("newest").await?;
    let answer = story.sync("&filter={%22room%22:{%22timeline%22:{%22limit%22:0}}}", None).await?;
    let timeline = &answer["rooms"]["join"][&story.room]["timeline"];
    assert_eq!(story.before(&timeline["prev_batch"]).await?, newest);
    let answer = story.slide(None, all(0, &json!([]))).await?;
    assert_eq!(story.before(&answer["rooms"][&story.room]["prev_batch"]).await?, newest);
    Ok(())
}

#[tokio::test]
async fn a_star_means_the_same_in_sync_and_in_messages() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let event = story.say("words").await?;
    let types = "%22types%22:[%22m.*.mess*%22]";
    let answer = story.sync(&format!("&filter={{%22room%22:{{%22timeline%22:{{{types}}}}}}}"), None).await?;
    let shown = &answer["rooms"]["join"][&story.room]["timeline"]["events"];
    assert_eq!(shown[0]["event_id"], *event);
    let path = format!("/_matrix/client/v3/rooms/{}/messages?dir=b&filter={{{types}}}", story.room);
    let page = story.server.get(&story.bob, &path).await?.ok()?;
    assert_eq!(page["chunk"][0]["event_id"], *event);
    Ok(())
}

#[tokio::test]
async fn what_ignored_users_say_is_not_unread() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let path = format!("/_matrix/client/v3/user/{BOB}/account_data/m.ignored_user_list");
    story.server.put(&story.bob, &path, json!({ "ignored_users": { ALICE: {} } })).await?.ok()?;
    story.say("unheard").await?;
    let answer = story.sync("", None).await?;
    let unread = &answer["rooms"]["join"][&story.room]["unread_notifications"];
    assert_eq!(unread["notification_count"], 0);
    Ok(())
}

#[tokio::test]
async fn the_create_event_stays_visible_when_history_is_closed() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let path = format!("/_matrix/client/v3/rooms/{}/state/m.room.history_visibility/", story.room);
    story.server.put(&story.alice, &path, json!({ "history_visibility": "joined" })).await?.ok()?;
    let path = format!("/_matrix/client/v3/rooms/{}/messages?dir=f&limit=1", story.room);
    let page = story.server.get(&story.alice, &path).await?.ok()?;
    assert_eq!(page["chunk"][0]["type"], "m.room.create");
    Ok(())
}

#[tokio::test]
async fn state_that_is_asked_again_is_not_old() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let topic = json!([["m.room.topic", ""]]);
    story.set_topic("one").await?;
    let first = story.slide(None, all(1, &topic)).await?;
    assert_eq!(first["rooms"][&story.room]["required_state"][0]["content"]["topic"], "one");
    story.set_topic("two").await?;
    let second = story.slide(Some(&first), all(1, &json!([]))).await?;
    assert_eq!(second["rooms"][&story.room]["required_state"][0]["content"]["topic"], "two");
    Ok(())
}

#[tokio::test]
async fn who_comes_back_is_told_all_state_that_they_ask_again() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let (everything, name) = (json!([["*", "*"]]), json!([["m.room.name", ""]]));
    let first = story.slide(None, all(1, &everything)).await?;
    story.do_membership("leave").await?;
    story.do_membership("join").await?;
    let second = story.slide(Some(&first), all(1, &name)).await?;
    let third = story.slide(Some(&second), all(1, &everything)).await?;
    let state = third["rooms"][&story.room]["required_state"].as_array().unwrap();
    assert!(state.iter().any(|event| event["type"] == "m.room.create"));
    Ok(())
}

#[tokio::test]
async fn state_that_the_timeline_leaves_out_stands_in_the_state() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    story.say("one").await?;
    story.set_topic("late").await?;
    let filter = "&filter={%22room%22:{%22timeline%22:{%22types%22:[%22m.room.message%22]}}}";
    let answer = story.sync(filter, None).await?;
    let state = answer["rooms"]["join"][&story.room]["state"]["events"].as_array().unwrap();
    let topic = state.iter().find(|event| event["type"] == "m.room.topic").unwrap();
    assert_eq!(topic["content"]["topic"], "late");
    Ok(())
}

#[tokio::test]
async fn who_comes_back_is_told_what_was_set_meanwhile() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    story.alice_types(true).await?;
    let first = story.sync("", None).await?;
    story.do_membership("leave").await?;
    story.set_bobs_data(7).await?;
    story.alice_types(false).await?;
    let second = story.sync("", Some(&first)).await?;
    story.do_membership("join").await?;
    let third = story.sync("", Some(&second)).await?;
    let section = &third["rooms"]["join"][&story.room];
    assert_eq!(section["account_data"]["events"][0]["content"]["n"], 7);
    assert_eq!(section["ephemeral"]["events"][0]["content"]["user_ids"], json!([]));
    Ok(())
}

#[tokio::test]
async fn who_left_is_not_told_what_the_members_did_later() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let first = story.sync("", None).await?;
    story.say("bye").await?;
    story.do_membership("leave").await?;
    let path = format!("/_matrix/client/v3/profile/{ALICE}/displayname");
    story.server.put(&story.alice, &path, json!({ "displayname": "Later" })).await?.ok()?;
    for state in ["state", "state_after"] {
        let query = format!(
            "&use_state_after={}&filter={{%22room%22:{{%22state%22:{{%22lazy_load_members%22:true}}}}}}",
            state == "state_after"
        );
        let second = story.sync(&query, Some(&first)).await?;
        let section = &second["rooms"]["leave"][&story.room];
        let alice = section[state]["events"].as_array().unwrap().iter().find(|event| event["state_key"] == ALICE);
        assert_ne!(alice.unwrap()["content"]["displayname"], "Later", "{state}");
    }
    Ok(())
}

#[tokio::test]
async fn an_extension_that_is_switched_on_tells_of_rooms_that_come_back_into_sight() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let event = story.say("read").await?;
    let path = format!("/_matrix/client/v3/rooms/{}/receipt/m.read/{event}", story.room);
    story.server.post(&story.bob, &path, json!({})).await?.ok()?;
    story.alice_types(true).await?;
    let first = story.slide(None, all(1, &json!([]))).await?;
    let on =
        json!({ "typing": { "enabled": true }, "receipts": { "enabled": true }, "account_data": { "enabled": true } });
    let second = story.slide(Some(&first), json!({ "lists": {}, "extensions": on })).await?;
    let mut asking = all(1, &json!([]));
    asking["extensions"] = on;
    let third = story.slide(Some(&second), asking).await?;
    let room = &story.room;
    assert_eq!(third["extensions"]["typing"]["rooms"][room]["content"]["user_ids"], json!([ALICE]));
    assert!(third["extensions"]["receipts"]["rooms"][room]["content"][&event]["m.read"][BOB].is_object());
    Ok(())
}

#[tokio::test]
async fn account_data_of_a_room_outside_is_told_once() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    story.set_bobs_data(1).await?;
    story.do_membership("leave").await?;
    let invite = format!("/_matrix/client/v3/rooms/{}/invite", story.room);
    story.server.post(&story.alice, &invite, json!({ "user_id": BOB })).await?.ok()?;
    let mut asking = all(1, &json!([]));
    asking["extensions"] = json!({ "account_data": { "enabled": true } });
    let first = story.slide(None, asking.clone()).await?;
    assert_eq!(first["extensions"]["account_data"]["rooms"][&story.room][0]["content"]["n"], 1);
    let second = story.slide(Some(&first), asking).await?;
    assert_eq!(second["pos"], first["pos"], "nothing is new");
    Ok(())
}

#[tokio::test]
async fn members_that_were_lazy_are_all_told_when_all_state_is_asked() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let first = story.slide(None, all(0, &json!([["*", "*"], ["m.room.member", "$LAZY"]]))).await?;
    let members = |answer: &Value| {
        let state = answer["rooms"][&story.room]["required_state"].as_array().cloned().unwrap_or_default();
        state.iter().filter(|event| event["type"] == "m.room.member").count()
    };
    assert!(members(&first) < 2);
    let everything = all(0, &json!([["*", "*"]]));
    let second = story.slide(Some(&first), everything.clone()).await?;
    assert_eq!(members(&second), 2);
    let third = story.slide(Some(&second), everything).await?;
    assert_eq!(third["pos"], second["pos"], "nothing is new");
    Ok(())
}

#[tokio::test]
async fn what_was_said_before_its_sender_was_ignored_counts() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let first = story.slide(None, all(1, &json!([]))).await?;
    story.say("heard").await?;
    let path = format!("/_matrix/client/v3/user/{BOB}/account_data/m.ignored_user_list");
    story.server.put(&story.bob, &path, json!({ "ignored_users": { ALICE: {} } })).await?.ok()?;
    let second = story.slide(Some(&first), all(1, &json!([]))).await?;
    assert_eq!(second["rooms"][&story.room]["notification_count"], 1);
    assert_eq!(second["rooms"][&story.room].get("timeline"), None);
    Ok(())
}
