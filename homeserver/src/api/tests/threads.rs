//! Threads, edits and references as they are bundled, the list of threads, and following them.

use serde_json::{Value, json};

use crate::api::testing::Server;

struct Story {
    server: Server,
    alice: String,
    bob: String,
    room: String,
}

impl Story {
    async fn begin() -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
        let made =
            server.post(&alice, "/_matrix/client/v3/createRoom", json!({ "preset": "public_chat" })).await?.ok()?;
        let room = made["room_id"].as_str().unwrap().to_owned();
        server.post(&bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
        Ok(Self { server, alice, bob, room })
    }

    async fn say(&self, token: &str, body: &str) -> anyhow::Result<String> {
        self.send(token, "m.room.message", json!({ "msgtype": "m.text", "body": body })).await
    }

    async fn relate(&self, token: &str, rel_type: &str, target: &str, body: &str) -> anyhow::Result<String> {
        let mut content =
            json!({ "msgtype": "m.text", "body": body, "m.relates_to": { "rel_type": rel_type, "event_id": target } });
        if rel_type == "m.replace" {
            content["m.new_content"] = json!({ "msgtype": "m.text", "body": body });
        }
        self.send(token, "m.room.message", content).await
    }

    async fn send(&self, token: &str, kind: &str, content: Value) -> anyhow::Result<String> {
        self.server.pass(1);
        static TXN: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let txn = TXN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = format!("/_matrix/client/v3/rooms/{}/send/{kind}/{txn}", self.room);
        let sent = self.server.put(token, &path, content).await?.ok()?;
        Ok(sent["event_id"].as_str().unwrap().to_owned())
    }

    async fn bundled(&self, token: &str, event: &str) -> anyhow::Result<Value> {
        let path = format!("/_matrix/client/v3/rooms/{}/event/{event}", self.room);
        Ok(self.server.get(token, &path).await?.ok()?["unsigned"]["m.relations"].clone())
    }

    async fn threads(&self, token: &str, query: &str) -> anyhow::Result<(Vec<String>, Option<String>)> {
        let path = format!("/_matrix/client/v1/rooms/{}/threads?{query}", self.room);
        let told = self.server.get(token, &path).await?.ok()?;
        let roots =
            told["chunk"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned());
        Ok((roots.collect(), told["next_batch"].as_str().map(str::to_owned)))
    }

    async fn redact(&self, event: &str) -> anyhow::Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/redact/{event}/{}", self.room, event.trim_start_matches('$'));
        self.server.put(&self.alice, &path, json!({})).await?.ok()?;
        Ok(())
    }

    async fn bob_ignores_alice(&self) -> anyhow::Result<()> {
        let ignore = json!({ "ignored_users": { "@alice:one.example": {} } });
        let path = "/_matrix/client/v3/user/@bob:one.example/account_data/m.ignored_user_list";
        self.server.put(&self.bob, path, ignore).await?.ok()?;
        Ok(())
    }
}

#[tokio::test]
async fn a_root_tells_of_its_thread_and_the_newest_event_of_its_edit() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let root = story.say(&story.alice, "root").await?;
    story.relate(&story.bob, "m.thread", &root, "one").await?;
    let latest = story.relate(&story.bob, "m.thread", &root, "two").await?;
    let edit = story.relate(&story.bob, "m.replace", &latest, "two, edited").await?;
    let reference = story.relate(&story.alice, "m.reference", &root, "see above").await?;
    let bundled = story.bundled(&story.alice, &root).await?;
    assert_eq!(bundled["m.thread"]["count"], 2);
    assert_eq!(bundled["m.thread"]["current_user_participated"], true);
    assert_eq!(bundled["m.thread"]["latest_event"]["event_id"], *latest);
    let inner = &bundled["m.thread"]["latest_event"]["unsigned"]["m.relations"];
    assert_eq!(inner["m.replace"]["event_id"], *edit);
    assert_eq!(inner["m.replace"]["content"]["m.new_content"]["body"], "two, edited");
    assert_eq!(bundled["m.reference"], json!({ "chunk": [{ "event_id": reference }] }));
    // Everywhere that events are given.
    let room = &story.room;
    for path in [
        format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=50"),
        format!("/_matrix/client/v3/rooms/{room}/context/{latest}?limit=50"),
        "/_matrix/client/v3/sync".to_owned(),
        format!("/_matrix/client/v1/rooms/{room}/threads"),
        format!("/_matrix/client/v3/rooms/{room}/initialSync"),
    ] {
        let told = story.server.get(&story.alice, &path).await?.ok()?;
        let found = find(&told, &root).unwrap_or_else(|| panic!("{path} gives the root"));
        assert_eq!(found["unsigned"]["m.relations"]["m.thread"]["count"], 2, "{path}");
    }
    let body = json!({ "search_categories": { "room_events": { "search_term": "root" } } });
    let told = story.server.post(&story.alice, "/_matrix/client/v3/search", body).await?.ok()?;
    assert_eq!(find(&told, &root).unwrap()["unsigned"]["m.relations"]["m.thread"]["count"], 2);
    let told =
        story.server.get(&story.alice, &format!("/_matrix/client/v1/rooms/{room}/relations/{root}")).await?.ok()?;
    assert_eq!(find(&told, &latest).unwrap()["unsigned"]["m.relations"]["m.replace"]["event_id"], *edit);
    Ok(())
}

/// The event as it stands somewhere in an answer, not inside another event.
fn find<'a>(value: &'a Value, event_id: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) if map.get("event_id").is_some_and(|id| id == event_id) && map.contains_key("type") => {
            Some(value)
        }
        Value::Object(map) => {
            map.iter().filter(|(name, _)| *name != "unsigned").find_map(|(_, value)| find(value, event_id))
        }
        Value::Array(values) => values.iter().find_map(|value| find(value, event_id)),
        _ => None,
    }
}

#[tokio::test]
async fn only_valid_edits_count_and_the_newest_of_them() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let original = story.say(&story.alice, "first").await?;
    assert_eq!(story.bundled(&story.bob, &original).await?, Value::Null);
    story.relate(&story.bob, "m.replace", &original, "not his").await?;
    let edit = story.relate(&story.alice, "m.replace", &original, "second").await?;
    story.relate(&story.alice, "m.replace", &edit, "an edit of an edit").await?;
    let relates = json!({ "rel_type": "m.replace", "event_id": original });
    story
        .send(
            &story.alice,
            "m.room.message",
            json!({ "msgtype": "m.text", "body": "no content", "m.relates_to": relates }),
        )
        .await?;
    let other = json!({ "body": "x", "m.new_content": { "body": "x" }, "m.relates_to": relates });
    story.send(&story.alice, "org.example.other", other).await?;
    assert_eq!(story.bundled(&story.bob, &original).await?["m.replace"]["event_id"], *edit);
    assert_eq!(story.bundled(&story.bob, &edit).await?, Value::Null);
    let last = story.relate(&story.alice, "m.replace", &original, "third").await?;
    assert_eq!(story.bundled(&story.bob, &original).await?["m.replace"]["event_id"], *last);
    // A redacted edit takes itself back; a redacted original has no edits.
    story.redact(&last).await?;
    assert_eq!(story.bundled(&story.bob, &original).await?["m.replace"]["event_id"], *edit);
    story.redact(&original).await?;
    assert_eq!(story.bundled(&story.bob, &original).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_thread_starts_from_an_event_that_relates_to_nothing() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let root = story.say(&story.alice, "root").await?;
    let inner = story.relate(&story.alice, "m.thread", &root, "inner").await?;
    let content =
        json!({ "msgtype": "m.text", "body": "x", "m.relates_to": { "rel_type": "m.thread", "event_id": inner } });
    let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/nested", story.room);
    let refused = story.server.put(&story.alice, &path, content).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_UNKNOWN"));
    // A reply is no relation of this kind.
    let reply = json!({ "msgtype": "m.text", "body": "x", "m.relates_to": { "m.in_reply_to": { "event_id": root } } });
    let reply = story.send(&story.alice, "m.room.message", reply).await?;
    story.relate(&story.alice, "m.thread", &reply, "of a reply").await?;
    Ok(())
}

#[tokio::test]
async fn threads_are_listed_by_their_newest_event_page_by_page() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let mut roots = Vec::new();
    for n in 0..3 {
        let root = story.say(&story.alice, &format!("root {n}")).await?;
        story.relate(&story.alice, "m.thread", &root, "first").await?;
        roots.push(root);
    }
    story.relate(&story.bob, "m.thread", &roots[0], "again").await?;
    let (all, next) = story.threads(&story.alice, "").await?;
    assert_eq!((all, next), (vec![roots[0].clone(), roots[2].clone(), roots[1].clone()], None));
    let (page, next) = story.threads(&story.alice, "limit=2").await?;
    assert_eq!(page, [roots[0].clone(), roots[2].clone()]);
    let (page, next) = story.threads(&story.alice, &format!("limit=2&from={}", next.unwrap())).await?;
    assert_eq!((page, next), (vec![roots[1].clone()], None));
    assert_eq!(story.threads(&story.bob, "include=participated").await?.0, [roots[0].clone()]);
    assert_eq!(story.threads(&story.alice, "include=participated").await?.0.len(), 3);
    for query in ["limit=0", "limit=x", "from=x", "include=some"] {
        let path = format!("/_matrix/client/v1/rooms/{}/threads?{query}", story.room);
        let refused = story.server.get(&story.alice, &path).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"), "{query}");
    }
    let carol = story.server.user("carol").await?;
    let path = format!("/_matrix/client/v1/rooms/{}/threads", story.room);
    let refused = story.server.get(&carol, &path).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (403, "M_FORBIDDEN"));
    Ok(())
}

#[tokio::test]
async fn a_redacted_event_gives_its_thread_its_old_place_back() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let (one, two) = (story.say(&story.alice, "one").await?, story.say(&story.alice, "two").await?);
    story.relate(&story.alice, "m.thread", &one, "in one").await?;
    let first = story.relate(&story.alice, "m.thread", &two, "in two").await?;
    let last = story.relate(&story.bob, "m.thread", &one, "in one again").await?;
    let listed = async || anyhow::Ok(story.threads(&story.alice, "").await?.0);
    assert_eq!(listed().await?, [one.clone(), two.clone()]);
    story.redact(&last).await?;
    assert_eq!(listed().await?, [two.clone(), one.clone()]);
    story.redact(&first).await?;
    assert_eq!(listed().await?, [one]);
    Ok(())
}

#[tokio::test]
async fn what_ignored_users_did_is_not_told() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let root = story.say(&story.bob, "root").await?;
    let mine = story.relate(&story.bob, "m.thread", &root, "mine").await?;
    story.relate(&story.alice, "m.thread", &root, "hers").await?;
    story.relate(&story.alice, "m.reference", &root, "hers too").await?;
    let hers = story.say(&story.alice, "her root").await?;
    story.relate(&story.bob, "m.thread", &hers, "mine in hers").await?;
    story.bob_ignores_alice().await?;
    let bundled = story.bundled(&story.bob, &root).await?;
    assert_eq!(
        (&bundled["m.thread"]["count"], &bundled["m.thread"]["latest_event"]["event_id"]),
        (&json!(1), &json!(mine))
    );
    assert_eq!(bundled.get("m.reference"), None);
    let path = format!("/_matrix/client/v1/rooms/{}/threads", story.room);
    let told = story.server.get(&story.bob, &path).await?.ok()?;
    assert_eq!((&told["chunk"][0]["event_id"], &told["chunk"][0]["content"]), (&json!(hers), &json!({})));
    // A thread in which she alone spoke is none.
    let quiet = story.say(&story.bob, "quiet").await?;
    story.relate(&story.alice, "m.thread", &quiet, "hers alone").await?;
    assert!(!story.threads(&story.bob, "").await?.0.contains(&quiet));
    assert!(story.threads(&story.alice, "").await?.0.contains(&quiet));
    Ok(())
}

#[tokio::test]
async fn a_thread_is_followed_and_no_longer() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let root = story.say(&story.alice, "root").await?;
    let said = story.relate(&story.bob, "m.thread", &root, "one").await?;
    let path = format!("/_matrix/client/unstable/io.element.msc4306/rooms/{}/thread/{root}/subscription", story.room);
    assert_eq!(story.server.get(&story.bob, &path).await?.errcode(), "M_NOT_FOUND");
    story.server.put(&story.bob, &path, json!({ "automatic": said })).await?.ok()?;
    assert_eq!(story.server.get(&story.bob, &path).await?.ok()?, json!({ "automatic": true }));
    story.server.put(&story.bob, &path, json!({})).await?.ok()?;
    assert_eq!(story.server.get(&story.bob, &path).await?.ok()?, json!({ "automatic": false }));
    story.server.delete(&story.bob, &path, json!({})).await?.ok()?;
    assert_eq!(story.server.get(&story.bob, &path).await?.errcode(), "M_NOT_FOUND");
    // An event from before one ceased to follow is no reason to follow again; a later one is.
    let refused = story.server.put(&story.bob, &path, json!({ "automatic": said })).await?;
    assert_eq!(
        (refused.status.as_u16(), refused.errcode().as_str()),
        (409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION")
    );
    let elsewhere = story.say(&story.bob, "elsewhere").await?;
    let refused = story.server.put(&story.bob, &path, json!({ "automatic": elsewhere })).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD"));
    let later = story.relate(&story.bob, "m.thread", &root, "two").await?;
    story.server.put(&story.bob, &path, json!({ "automatic": later })).await?.ok()?;
    let carol = story.server.user("carol").await?;
    assert_eq!(story.server.put(&carol, &path, json!({})).await?.errcode(), "M_NOT_FOUND");

    let changes = "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions?dir=b";
    let told = story.server.get(&story.bob, changes).await?.ok()?;
    assert_eq!(told["subscribed"][&story.room][&root]["automatic"], true);
    assert_eq!(story.server.get(&story.alice, changes).await?.ok()?, json!({}));
    let features = story.server.get("", "/_matrix/client/versions").await?.ok()?["unstable_features"].clone();
    assert_eq!((&features["org.matrix.msc4306"], &features["org.matrix.msc4308"]), (&json!(true), &json!(true)));
    Ok(())
}

#[tokio::test]
async fn sliding_sync_tells_which_threads_one_follows() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let root = story.say(&story.alice, "root").await?;
    let path = format!("/_matrix/client/unstable/io.element.msc4306/rooms/{}/thread/{root}/subscription", story.room);
    story.server.put(&story.bob, &path, json!({})).await?.ok()?;
    let sync = async |pos: &str| {
        // Asked together with `e2ee`, as clients do: ruma leaves `extensions` out when this one alone has something.
        let enabled = json!({ "enabled": true });
        let body = json!({ "extensions": { "io.element.msc4308.thread_subscriptions": enabled, "e2ee": enabled } });
        let query = if pos.is_empty() { String::new() } else { format!("?pos={pos}") };
        let path = format!("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync{query}");
        story.server.post(&story.bob, &path, body).await?.ok()
    };
    let first = sync("").await?;
    let told = |answer: &Value| answer["extensions"]["io.element.msc4308.thread_subscriptions"].clone();
    assert_eq!(told(&first)["subscribed"][&story.room][&root]["automatic"], false);
    story.server.delete(&story.bob, &path, json!({})).await?.ok()?;
    let second = sync(first["pos"].as_str().unwrap()).await?;
    assert!(told(&second)["unsubscribed"][&story.room][&root]["bump_stamp"].is_u64());
    let third = sync(second["pos"].as_str().unwrap()).await?;
    assert_eq!(told(&third), Value::Null);
    Ok(())
}

#[tokio::test]
async fn relations_of_relations_are_told_when_asked() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let root = story.say(&story.alice, "root").await?;
    let reply = story.relate(&story.bob, "m.thread", &root, "reply").await?;
    let edit = story.relate(&story.bob, "m.replace", &reply, "reply, edited").await?;
    let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": edit, "key": "x" } });
    let reaction = story.send(&story.alice, "m.reaction", reaction).await?;
    let beyond = json!({ "m.relates_to": { "rel_type": "m.reference", "event_id": reaction } });
    story.send(&story.alice, "org.example.beyond", beyond).await?;
    let ask = async |path: &str| -> anyhow::Result<(Vec<String>, Value)> {
        let path = format!("/_matrix/client/v1/rooms/{}/relations/{root}{path}", story.room);
        let told = story.server.get(&story.alice, &path).await?.ok()?;
        let ids = told["chunk"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned());
        Ok((ids.collect(), told["recursion_depth"].clone()))
    };
    assert_eq!(ask("").await?, (vec![reply.clone()], Value::Null));
    assert_eq!(ask("?recurse=true").await?, (vec![reaction.clone(), edit.clone(), reply], json!(3)));
    assert_eq!(ask("/m.replace?recurse=true").await?.0, [edit]);
    assert_eq!(ask("/m.annotation/m.reaction?recurse=true&limit=1").await?.0, [reaction]);
    Ok(())
}
