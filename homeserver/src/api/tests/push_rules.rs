//! Push rules and pushers.

use serde_json::json;

use crate::api::testing::Server;

const RULES: &str = "/_matrix/client/v3/pushrules";

#[tokio::test]
async fn rules_are_added_in_order_switched_and_removed() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let all = server.get(&token, &format!("{RULES}/")).await?.ok()?;
    assert_eq!(all["global"]["override"][0]["rule_id"], ".m.rule.master");
    let rule = json!({ "pattern": "cake", "actions": ["notify"] });
    server.put(&token, &format!("{RULES}/global/content/cake"), rule.clone()).await?.ok()?;
    server.put(&token, &format!("{RULES}/global/content/tea?after=cake"), rule.clone()).await?.ok()?;
    let rules = server.get(&token, &format!("{RULES}/global/")).await?.ok()?;
    let order: Vec<_> = rules["content"].as_array().unwrap().iter().map(|rule| rule["rule_id"].clone()).collect();
    assert_eq!(order, ["cake", "tea"]);

    let cake = format!("{RULES}/global/content/cake");
    server.put(&token, &format!("{cake}/enabled"), json!({ "enabled": false })).await?.ok()?;
    server.put(&token, &format!("{cake}/actions"), json!({ "actions": [] })).await?.ok()?;
    let told = server.get(&token, &cake).await?.ok()?;
    assert_eq!((told["enabled"].as_bool(), told["actions"].clone()), (Some(false), json!([])));
    // What clients see of it in sync.
    let path = "/_matrix/client/v3/user/@alice:one.example/account_data/m.push_rules";
    let shown = server.get(&token, path).await?.ok()?;
    assert_eq!(shown["global"]["content"][0], told);
    server.delete(&token, &cake, json!({})).await?.ok()?;
    assert_eq!(server.get(&token, &cake).await?.errcode(), "M_NOT_FOUND");
    Ok(())
}

#[tokio::test]
async fn the_servers_own_rules_stay() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let own = format!("{RULES}/global/underride/.m.rule.message");
    assert_eq!(server.delete(&token, &own, json!({})).await?.status, 400);
    let rule = json!({ "pattern": "cake", "actions": ["notify"] });
    let refused = server.put(&token, &format!("{RULES}/global/content/.cake"), rule.clone()).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, "M_INVALID_PARAM"));
    let missing = server.put(&token, &format!("{RULES}/global/content/cake?before=none"), rule).await?;
    assert_eq!((missing.status.as_u16(), missing.errcode().as_str()), (400, "M_UNKNOWN"));
    let mut large = json!({ "pattern": "x".repeat(70_000), "actions": ["notify"] });
    let refused = server.put(&token, &format!("{RULES}/global/content/large"), large.clone()).await?;
    assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (413, "M_TOO_LARGE"));
    large["pattern"] = "x".repeat(1000).into();
    server.put(&token, &format!("{RULES}/global/content/large"), large).await?.ok()?;
    server.put(&token, &format!("{own}/enabled"), json!({ "enabled": false })).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_pusher_belongs_to_the_last_user_of_the_app() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (server.user("alice").await?, server.user("bob").await?);
    let pusher = json!({
        "pushkey": "key", "app_id": "org.example.app", "kind": "http", "app_display_name": "App", "device_display_name": "Phone",
        "lang": "en", "data": { "url": "https://push.example/_matrix/push/v1/notify", "format": "event_id_only" },
    });
    let (set, get) = ("/_matrix/client/v3/pushers/set", "/_matrix/client/v3/pushers");
    server.post(&alice, set, pusher.clone()).await?.ok()?;
    assert_eq!(server.get(&alice, get).await?.ok()?, json!({ "pushers": [pusher] }));
    server.post(&bob, set, pusher.clone()).await?.ok()?;
    assert_eq!(server.get(&alice, get).await?.ok()?, json!({ "pushers": [] }));
    let gone = json!({ "pushkey": "key", "app_id": "org.example.app", "kind": null });
    server.post(&bob, set, gone).await?.ok()?;
    assert_eq!(server.get(&bob, get).await?.ok()?, json!({ "pushers": [] }));
    let mut plain = pusher;
    plain["data"]["url"] = "http://push.example/_matrix/push/v1/notify".into();
    assert_eq!(server.post(&alice, set, plain).await?.errcode(), "M_INVALID_PARAM");
    Ok(())
}
