//! Users and rooms that a service makes when they are asked for.

use serde_json::json;

use crate::domain::federation::SendError;

use super::{Bridged, refusal, refused};

const CLIENT: &str = "/_matrix/client/v3";

#[tokio::test]
async fn an_unknown_user_of_the_namespace_is_asked_for() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let profile = async |name: &str| bridged.server.get(&alice, &format!("{CLIENT}/profile/@{name}:one.example")).await;
    assert_eq!(refusal(&profile("_irc_nobody").await?), refused(404, "M_NOT_FOUND"));
    profile("_irc_known").await?.ok()?;
    assert_eq!(refusal(&profile("nobody").await?), refused(404, "M_NOT_FOUND"));
    let asked: Vec<_> = bridged.bridge.seen().into_iter().map(|seen| seen.path).collect();
    let user = |name: &str| format!("/_matrix/app/v1/users/@{name}:one.example");
    assert_eq!(asked, [user("_irc_nobody"), user("_irc_known")]);
    // Who is there is not asked for again.
    profile("_irc_known").await?.ok()?;
    assert_eq!(bridged.bridge.seen().len(), 2);

    let room = bridged.make_room(&alice, json!({})).await?;
    let invite = json!({ "user_id": "@_irc_known2:one.example" });
    bridged.server.post(&alice, &format!("{CLIENT}/rooms/{room}/invite"), invite).await?.ok()?;
    bridged.bridge.gets("events", |event| event["state_key"] == "@_irc_known2:one.example").await;
    Ok(())
}

#[tokio::test]
async fn an_unknown_alias_of_the_namespace_is_asked_for() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let alias = |name: &str| format!("{CLIENT}/directory/room/%23{name}:one.example");
    assert_eq!(refusal(&bridged.server.get(&alice, &alias("_irc_no")).await?), refused(404, "M_NOT_FOUND"));
    assert_eq!(bridged.bridge.seen()[0].path, "/_matrix/app/v1/rooms/%23_irc_no:one.example");
    let found = bridged.server.get(&alice, &alias("_irc_known")).await?.ok()?;
    assert!(found["room_id"].is_string());
    let joined = bridged.server.post(&alice, &format!("{CLIENT}/join/%23_irc_known2:one.example"), json!({})).await?;
    assert!(joined.ok()?["room_id"].is_string());
    let before = bridged.bridge.seen().len();
    assert_eq!(refusal(&bridged.server.get(&alice, &alias("tea")).await?), refused(404, "M_NOT_FOUND"));
    let asked = bridged.bridge.seen().split_off(before);
    assert!(asked.iter().all(|seen| !seen.path.contains("tea")), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_silent_makes_the_client_wait_and_then_408() -> anyhow::Result<()> {
    for path in ["/directory/room/%23_irc_known:one.example", "/profile/@_irc_known:one.example"] {
        let bridged = Bridged::start().await?;
        let alice = bridged.server.user("alice").await?;
        for _ in 0..3 {
            bridged.bridge.will_fail(SendError::Timeout);
        }
        let silent = bridged.server.get(&alice, &format!("{CLIENT}{path}")).await?;
        assert_eq!(silent.status, 408, "{path}");
        // One that answers at the second attempt is as good as any.
        bridged.bridge.will(503, json!({ "errcode": "M_UNKNOWN", "error": "starting" }));
        bridged.server.get(&alice, &format!("{CLIENT}{path}")).await?.ok()?;
    }
    Ok(())
}
