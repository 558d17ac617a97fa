//! Search: what is found, in which order, in which groups, and what is never found.

use serde_json::{Value, json};

use crate::api::testing::Server;

const SEARCH: &str = "/_matrix/client/v3/search";

struct Story {
    server: Server,
    alice: String,
    bob: String,
}

impl Story {
    async fn begin() -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
        let name = "/_matrix/client/v3/profile/@alice:one.example/displayname";
        server.put(&alice, name, json!({ "displayname": "Alice" })).await?.ok()?;
        Ok(Self { server, alice, bob })
    }

    async fn room(&self, name: &str, visibility: &str) -> anyhow::Result<String> {
        self.server.pass(1);
        let body = json!({
            "preset": "public_chat", "name": name,
            "initial_state": [{ "type": "m.room.history_visibility", "content": { "history_visibility": visibility } }],
        });
        let made = self.server.post(&self.alice, "/_matrix/client/v3/createRoom", body).await?.ok()?;
        Ok(made["room_id"].as_str().unwrap().to_owned())
    }

    async fn join(&self, room: &str) -> anyhow::Result<()> {
        self.server.post(&self.bob, &format!("/_matrix/client/v3/rooms/{room}/join"), json!({})).await?.ok()?;
        Ok(())
    }

    async fn say(&self, token: &str, room: &str, words: &str) -> anyhow::Result<String> {
        self.server.pass(1);
        let txn = data_encoding::HEXLOWER.encode(words.as_bytes());
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{txn}");
        let sent = self.server.put(token, &path, json!({ "msgtype": "m.text", "body": words })).await?.ok()?;
        Ok(sent["event_id"].as_str().unwrap().to_owned())
    }

    async fn search(&self, token: &str, criteria: Value, next: Option<&str>) -> anyhow::Result<Value> {
        let path = next.map_or(SEARCH.to_owned(), |next| format!("{SEARCH}?next_batch={next}"));
        let body = json!({ "search_categories": { "room_events": criteria } });
        Ok(self.server.post(token, &path, body).await?.ok()?["search_categories"]["room_events"].clone())
    }
}

fn bodies(found: &Value) -> Vec<String> {
    let results = found["results"].as_array().cloned().unwrap_or_default();
    results.iter().map(|result| result["result"]["content"]["body"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn words_are_found_wherever_they_stand_and_in_order() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let room = story.room("Green tea", "shared").await?;
    story.say(&story.alice, &room, "Tea tea tea").await?;
    story.say(&story.alice, &room, "coffee").await?;
    story.say(&story.alice, &room, "A cup of TÉA and a long story about coffee and cake").await?;
    let recent = json!({ "search_term": "tea", "order_by": "recent", "keys": ["content.body"] });
    let found = story.search(&story.alice, recent, None).await?;
    assert_eq!(bodies(&found), ["A cup of TÉA and a long story about coffee and cake", "Tea tea tea"]);
    assert_eq!((&found["count"], &found["highlights"]), (&json!(2), &json!(["tea"])));
    let found = story.search(&story.alice, json!({ "search_term": "tea" }), None).await?;
    assert_eq!(found["count"], 3);
    let ranks: Vec<f64> = found["results"].as_array().unwrap().iter().map(|r| r["rank"].as_f64().unwrap()).collect();
    assert!(ranks.is_sorted_by(|a, b| a >= b), "{ranks:?}");
    let found = story.search(&story.alice, json!({ "search_term": "tea", "keys": ["content.name"] }), None).await?;
    assert_eq!(found["results"][0]["result"]["content"]["name"], "Green tea");
    assert_eq!(found["count"], 1);
    let both = story.search(&story.alice, json!({ "search_term": "coffee tea" }), None).await?;
    assert_eq!(both["count"], 1);
    for nothing in ["", "\" OR", "* NEAR(", "…", "x'; DROP TABLE events; --"] {
        assert_eq!(story.search(&story.alice, json!({ "search_term": nothing }), None).await?["count"], 0, "{nothing}");
    }
    Ok(())
}

#[tokio::test]
async fn pages_follow_each_other_whatever_is_said_meanwhile() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let room = story.room("Numbers", "shared").await?;
    for n in 0..7 {
        story.say(&story.alice, &room, &format!("cake {n}")).await?;
    }
    let criteria = json!({ "search_term": "cake", "order_by": "recent", "filter": { "limit": 3 } });
    let first = story.search(&story.alice, criteria.clone(), None).await?;
    assert_eq!(
        (bodies(&first), &first["count"]),
        (["cake 6", "cake 5", "cake 4"].map(String::from).to_vec(), &json!(7))
    );
    story.say(&story.alice, &room, "cake 7").await?;
    let second = story.search(&story.alice, criteria.clone(), first["next_batch"].as_str()).await?;
    assert_eq!(bodies(&second), ["cake 3", "cake 2", "cake 1"]);
    let third = story.search(&story.alice, criteria, second["next_batch"].as_str()).await?;
    assert_eq!((bodies(&third), third.get("next_batch")), (vec!["cake 0".to_owned()], None));
    let refused = story
        .server
        .post(
            &story.alice,
            &format!("{SEARCH}?next_batch=x"),
            json!({
                "search_categories": { "room_events": { "search_term": "cake" } },
            }),
        )
        .await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"));
    Ok(())
}

#[tokio::test]
async fn groups_have_their_own_pages() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let (one, two) = (story.room("One", "shared").await?, story.room("Two", "shared").await?);
    story.join(&one).await?;
    for n in 0..3 {
        story.say(&story.alice, &one, &format!("cake {n}")).await?;
    }
    story.say(&story.bob, &one, "cake of bob").await?;
    story.say(&story.alice, &two, "cake elsewhere").await?;
    let criteria = json!({
        "search_term": "cake", "order_by": "recent", "filter": { "limit": 3 },
        "groupings": { "group_by": [{ "key": "room_id" }, { "key": "sender" }] },
    });
    let found = story.search(&story.alice, criteria.clone(), None).await?;
    assert_eq!(bodies(&found), ["cake elsewhere", "cake of bob", "cake 2"]);
    let rooms = &found["groups"]["room_id"];
    assert_eq!(
        (rooms[&one]["results"].as_array().unwrap().len(), rooms[&two]["results"].as_array().unwrap().len()),
        (2, 1)
    );
    assert_eq!(rooms[&two].get("next_batch"), None);
    let senders = &found["groups"]["sender"];
    assert_eq!(senders["@bob:one.example"]["results"].as_array().unwrap().len(), 1);
    assert_eq!(senders["@bob:one.example"].get("next_batch"), None);
    let next = story.search(&story.alice, criteria, rooms[&one]["next_batch"].as_str()).await?;
    assert_eq!(bodies(&next), ["cake 1", "cake 0"]);
    Ok(())
}

#[tokio::test]
async fn nobody_finds_what_they_may_not_see() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let room = story.room("Secrets", "joined").await?;
    let other = story.room("Others", "shared").await?;
    story.say(&story.alice, &room, "secret before bob").await?;
    story.join(&room).await?;
    let redacted = story.say(&story.alice, &room, "secret and redacted").await?;
    story.say(&story.alice, &room, "secret with bob").await?;
    story.say(&story.alice, &other, "secret elsewhere").await?;
    let path = format!("/_matrix/client/v3/rooms/{room}/redact/{redacted}/1");
    story.server.put(&story.alice, &path, json!({})).await?.ok()?;
    let criteria = json!({ "search_term": "secret" });
    let found = story.search(&story.bob, criteria.clone(), None).await?;
    assert_eq!((bodies(&found), &found["count"]), (vec!["secret with bob".to_owned()], &json!(1)));

    // Who left still finds what was said while they were there.
    story.server.post(&story.bob, &format!("/_matrix/client/v3/rooms/{room}/leave"), json!({})).await?.ok()?;
    story.say(&story.alice, &room, "secret after bob").await?;
    assert_eq!(bodies(&story.search(&story.bob, criteria.clone(), None).await?), ["secret with bob"]);
    // Nor is anything found of who is ignored.
    let ignore = json!({ "ignored_users": { "@alice:one.example": {} } });
    let path = "/_matrix/client/v3/user/@bob:one.example/account_data/m.ignored_user_list";
    story.server.put(&story.bob, path, ignore).await?.ok()?;
    assert_eq!(bodies(&story.search(&story.bob, criteria, None).await?), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn results_come_with_context_profiles_and_state() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let room = story.room("Tea", "shared").await?;
    for words in ["one", "two", "cake", "three", "four"] {
        story.say(&story.alice, &room, words).await?;
    }
    let criteria = json!({
        "search_term": "cake", "include_state": true,
        "event_context": { "before_limit": 1, "after_limit": 2, "include_profile": true },
    });
    let found = story.search(&story.alice, criteria, None).await?;
    let context = &found["results"][0]["context"];
    let bodies = |side: &str| -> Vec<Value> {
        context[side].as_array().unwrap().iter().map(|event| event["content"]["body"].clone()).collect()
    };
    assert_eq!(
        (bodies("events_before"), bodies("events_after")),
        (vec![json!("two")], vec![json!("three"), json!("four")])
    );
    assert_eq!(context["profile_info"]["@alice:one.example"]["displayname"], "Alice");
    assert_eq!(found["results"][0]["result"]["room_id"], *room);
    assert!(found["state"][&room].as_array().unwrap().iter().any(|event| event["type"] == "m.room.create"));
    let start = context["start"].as_str().unwrap();
    let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&from={start}&limit=1");
    let earlier = story.server.get(&story.alice, &path).await?.ok()?;
    assert_eq!(earlier["chunk"][0]["content"]["body"], "one");
    Ok(())
}

#[tokio::test]
async fn filters_hold_and_nonsense_is_refused() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let (one, two) = (story.room("One", "shared").await?, story.room("Two", "shared").await?);
    story.join(&one).await?;
    story.say(&story.alice, &one, "cake one").await?;
    story.say(&story.bob, &one, "cake bob").await?;
    story.say(&story.alice, &two, "cake two").await?;
    let with = async |filter: Value| -> anyhow::Result<Vec<String>> {
        let criteria = json!({ "search_term": "cake", "order_by": "recent", "filter": filter });
        Ok(bodies(&story.search(&story.alice, criteria, None).await?))
    };
    assert_eq!(with(json!({ "rooms": [one] })).await?, ["cake bob", "cake one"]);
    assert_eq!(with(json!({ "not_rooms": [one] })).await?, ["cake two"]);
    assert_eq!(with(json!({ "senders": ["@bob:one.example"] })).await?, ["cake bob"]);
    assert_eq!(with(json!({ "not_senders": ["@bob:one.example"], "rooms": [one] })).await?, ["cake one"]);
    assert_eq!(with(json!({ "types": ["m.room.topic"] })).await?, Vec::<String>::new());
    assert_eq!(with(json!({ "rooms": ["!none:one.example"] })).await?, Vec::<String>::new());
    for criteria in [
        json!({ "search_term": "cake", "order_by": "taste" }),
        json!({ "search_term": "cake", "keys": ["content.recipe"] }),
        json!({ "search_term": "cake", "groupings": { "group_by": [{ "key": "taste" }] } }),
        json!({ "search_term": "x".repeat(5000) }),
        json!({ "search_term": 5 }),
        json!({}),
    ] {
        let body = json!({ "search_categories": { "room_events": criteria } });
        assert_eq!(story.server.post(&story.alice, SEARCH, body).await?.status, 400, "{criteria}");
    }
    assert_eq!(story.server.post(&story.alice, SEARCH, json!({ "search_categories": {} })).await?.status, 200);
    assert_eq!(story.server.post("", SEARCH, json!({ "search_categories": {} })).await?.errcode(), "M_MISSING_TOKEN");
    Ok(())
}

#[tokio::test]
async fn any_part_of_a_sentence_without_spaces_is_found() -> anyhow::Result<()> {
    let story = Story::begin().await?;
    let room = story.room("茶室", "shared").await?;
    for words in [
        "我们明天去东京塔喝绿茶。",
        "明日は東京タワーに行きます",
        "내일 도쿄타워에서 차를 마셔요",
        "Tokyo明天见",
        "京东",
    ] {
        story.say(&story.alice, &room, words).await?;
    }
    let found = async |term: &str| {
        let found = story.search(&story.alice, json!({ "search_term": term, "order_by": "recent" }), None).await?;
        anyhow::Ok(bodies(&found))
    };
    for (term, body) in [
        ("东京", "我们明天去东京塔喝绿茶。"),
        ("绿茶", "我们明天去东京塔喝绿茶。"),
        ("東京タワー", "明日は東京タワーに行きます"),
        ("行き", "明日は東京タワーに行きます"),
        ("타워", "내일 도쿄타워에서 차를 마셔요"),
        ("차를 마셔", "내일 도쿄타워에서 차를 마셔요"),
        ("tokyo明天", "Tokyo明天见"),
        ("明天 tokyo", "Tokyo明天见"),
    ] {
        assert_eq!(found(term).await?, [body], "{term}");
    }
    assert_eq!(found("明天").await?, ["Tokyo明天见", "我们明天去东京塔喝绿茶。"]);
    assert_eq!(found("天明").await?, Vec::<String>::new());
    let named = story.search(&story.alice, json!({ "search_term": "茶室", "keys": ["content.name"] }), None).await?;
    assert_eq!(named["results"][0]["result"]["content"]["name"], "茶室");
    assert_eq!(named["highlights"], json!(["茶室"]));
    Ok(())
}
