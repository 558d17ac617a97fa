//! Profiles and finding people.

use serde_json::json;

use crate::api::testing::Server;

const ALICE: &str = "/_matrix/client/v3/profile/@alice:one.example";

#[tokio::test]
async fn a_profile_has_names_pictures_and_whatever_else() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let set = async |field: &str, value: serde_json::Value| {
        server.put(&token, &format!("{ALICE}/{field}"), json!({ field: value })).await
    };
    set("displayname", json!("Alice")).await?.ok()?;
    set("avatar_url", json!("mxc://one.example/cat")).await?.ok()?;
    set("org.example.pronouns", json!(["she"])).await?.ok()?;
    set("m.tz", json!("Europe/Berlin")).await?.ok()?;
    let profile = server.get("", ALICE).await?.ok()?;
    let whole = json!({
        "displayname": "Alice", "avatar_url": "mxc://one.example/cat", "org.example.pronouns": ["she"], "m.tz": "Europe/Berlin",
    });
    assert_eq!(profile, whole);
    let one = server.get("", &format!("{ALICE}/org.example.pronouns")).await?.ok()?;
    assert_eq!(one, json!({ "org.example.pronouns": ["she"] }));
    server.delete(&token, &format!("{ALICE}/displayname"), json!({})).await?.ok()?;
    assert_eq!(server.get("", &format!("{ALICE}/displayname")).await?.errcode(), "M_NOT_FOUND");
    assert_eq!(server.get("", "/_matrix/client/v3/profile/@bob:one.example").await?.errcode(), "M_NOT_FOUND");
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_a_profile_is_refused() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let bob = "/_matrix/client/v3/profile/@bob:one.example/displayname";
    assert_eq!(server.put(&token, bob, json!({ "displayname": "B" })).await?.errcode(), "M_FORBIDDEN");
    let long = format!("a{}", "b".repeat(255));
    for (field, value, errcode) in [
        (long.as_str(), json!(1), "M_KEY_TOO_LARGE"),
        ("UPPER", json!(1), "M_INVALID_PARAM"),
        ("displayname", json!(7), "M_BAD_JSON"),
        ("org.example.essay", json!("x".repeat(64 * 1024)), "M_PROFILE_TOO_LARGE"),
    ] {
        let refused = server.put(&token, &format!("{ALICE}/{field}"), json!({ field: value })).await?;
        assert_eq!((refused.status.as_u16(), refused.errcode().as_str()), (400, errcode), "{field}");
    }
    assert_eq!(server.put(&token, &format!("{ALICE}/displayname"), json!({})).await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn people_are_found_by_name() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let token = server.user("alice").await?;
    let body = json!({ "name": "bob", "password": "secret", "display_name": "Robert Ünal" });
    server.post("", "/_hearth/v1/users", body).await?.ok()?;
    let path = "/_matrix/client/v3/user_directory/search";
    for term in ["bob", "robert", "ünal", "@BOB:one"] {
        let found = server.post(&token, path, json!({ "search_term": term })).await?.ok()?;
        let robert = json!([{ "user_id": "@bob:one.example", "display_name": "Robert Ünal" }]);
        assert_eq!(found, json!({ "results": robert, "limited": false }), "{term}");
    }
    let all = server.post(&token, path, json!({ "search_term": "", "limit": 1 })).await?.ok()?;
    assert_eq!((all["results"].as_array().unwrap().len(), all["limited"].as_bool()), (1, Some(true)));
    Ok(())
}
