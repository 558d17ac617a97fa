//! Third-party networks, the directory of a service's network, and pings.

use serde_json::{Value, json};

use crate::domain::federation::SendError;

use super::{BRIDGE, Bridged, refusal, refused, registration};

const CLIENT: &str = "/_matrix/client/v3";

/// What the fake bridge says of its networks.
pub(super) fn answer(path: &str) -> (u16, Value) {
    let user = json!([{ "userid": "@_irc_bob:one.example", "protocol": "irc", "fields": { "nick": "bob" } }]);
    let place = json!([{ "alias": "#_irc_tea:one.example", "protocol": "irc", "fields": { "channel": "#tea" } }]);
    match path {
        "/thirdparty/protocol/irc" => (
            200,
            json!({
                "user_fields": ["nick"], "location_fields": ["channel"], "icon": "mxc://one.example/irc",
                "field_types": { "nick": { "regexp": "[^\\s]+", "placeholder": "bob" } },
                "instances": [{ "network_id": "libera", "desc": "Libera", "fields": { "server": "irc.libera.chat" } }],
            }),
        ),
        "/thirdparty/user/irc?nick=bob" | "/thirdparty/user?userid=@_irc_bob:one.example" => (200, user),
        "/thirdparty/location/irc?channel=%23tea" | "/thirdparty/location/irc?channel=#tea" => (200, place),
        "/thirdparty/location?alias=#_irc_tea:one.example" => (200, place),
        _ => (404, json!({ "errcode": "M_NOT_FOUND", "error": "no" })),
    }
}

#[tokio::test]
async fn networks_are_asked_of_their_services() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let get = async |path: &str| bridged.server.get(&alice, &format!("{CLIENT}/thirdparty/{path}")).await;
    let protocols = get("protocols").await?.ok()?;
    assert_eq!(protocols["irc"]["instances"][0]["instance_id"], "bridge|libera");
    assert_eq!(get("protocol/irc").await?.ok()?, protocols["irc"]);
    assert_eq!(protocols["irc"]["field_types"]["nick"]["placeholder"], "bob");
    for unknown in ["protocol/xmpp", "user/xmpp?nick=bob", "location/xmpp"] {
        assert_eq!(refusal(&get(unknown).await?), refused(404, "M_NOT_FOUND"), "{unknown}");
    }
    assert_eq!(get("user/irc?nick=bob").await?.ok()?[0]["userid"], "@_irc_bob:one.example");
    assert_eq!(get("location/irc?channel=%23tea").await?.ok()?[0]["alias"], "#_irc_tea:one.example");
    assert_eq!(get("user?userid=@_irc_bob:one.example").await?.ok()?[0]["fields"]["nick"], "bob");
    assert_eq!(get("location?alias=%23_irc_tea:one.example").await?.ok()?[0]["protocol"], "irc");
    assert_eq!(get("user?userid=@carol:one.example").await?.ok()?, json!([]));
    assert_eq!(get("user/irc?nick=carol").await?.ok()?, json!([]));
    assert_eq!(get("user").await?.status, 400);
    assert_eq!(
        refusal(&bridged.server.get("", &format!("{CLIENT}/thirdparty/protocols")).await?),
        refused(401, "M_MISSING_TOKEN")
    );
    // What is for this server is not handed on.
    bridged.bridge_get("thirdparty/user/irc?nick=bob&user_id=@_irc_bot:one.example").await?.ok()?;
    assert!(bridged.bridge.seen().iter().all(|seen| !seen.path.contains("user_id")));
    Ok(())
}

#[tokio::test]
async fn a_service_lists_rooms_of_its_network() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let alice = bridged.server.user("alice").await?;
    let room = bridged.make_room(BRIDGE, json!({ "name": "Bridged", "preset": "public_chat" })).await?;
    let own = bridged.make_room(&alice, json!({ "name": "Own", "visibility": "public" })).await?;
    let path = |network: &str, room: &str| format!("directory/list/appservice/{network}/{room}");
    bridged.bridge_put(&path("libera", &room), json!({ "visibility": "public" })).await?.ok()?;
    let listed = async |wish: Value| {
        let answer = bridged.server.post(&alice, &format!("{CLIENT}/publicRooms"), wish).await?.ok()?;
        let mut rooms: Vec<_> = answer["chunk"]
            .as_array()
            .unwrap()
            .iter()
            .map(|room| room["room_id"].as_str().unwrap().to_owned())
            .collect();
        rooms.sort();
        anyhow::Ok(rooms)
    };
    let mut both = vec![room.clone(), own.clone()];
    both.sort();
    assert_eq!(listed(json!({})).await?, std::slice::from_ref(&own));
    assert_eq!(listed(json!({ "third_party_instance_id": "bridge|libera" })).await?, std::slice::from_ref(&room));
    assert!(listed(json!({ "third_party_instance_id": "bridge|oftc" })).await?.is_empty());
    assert_eq!(listed(json!({ "include_all_networks": true })).await?, both);
    bridged.bridge_put(&path("libera", &room), json!({ "visibility": "private" })).await?.ok()?;
    assert!(listed(json!({ "third_party_instance_id": "bridge|libera" })).await?.is_empty());

    let list = json!({ "visibility": "public" });
    let unknown = bridged.bridge_put(&path("libera", "!none:one.example"), list.clone()).await?;
    assert_eq!(refusal(&unknown), refused(404, "M_NOT_FOUND"));
    let odd = bridged.bridge_put(&path("libera", &room), json!({ "visibility": "dim" })).await?;
    assert_eq!(refusal(&odd), refused(400, "M_INVALID_PARAM"));
    let hers = bridged.server.put(&alice, &format!("{CLIENT}/{}", path("libera", &room)), list).await?;
    assert_eq!(refusal(&hers), refused(403, "M_FORBIDDEN"));
    Ok(())
}

#[tokio::test]
async fn a_ping_tells_how_the_service_is_reached() -> anyhow::Result<()> {
    let bridged = Bridged::start().await?;
    let path = |id: &str| format!("/_matrix/client/v1/appservice/{id}/ping");
    let ping = async || bridged.server.post(BRIDGE, &path("bridge"), json!({ "transaction_id": "meow" })).await;
    assert!(ping().await?.ok()?["duration_ms"].is_u64());
    assert_eq!(bridged.bridge.seen()[0].body, json!({ "transaction_id": "meow" }));
    bridged.bridge.will(403, json!({ "errcode": "M_FORBIDDEN" }));
    let bad = ping().await?;
    assert_eq!(refusal(&bad), refused(502, "M_BAD_STATUS"));
    assert_eq!((&bad.json()["status"], &bad.json()["body"]), (&json!(403), &json!("{\"errcode\":\"M_FORBIDDEN\"}")));
    bridged.bridge.will_fail(SendError::Unreachable("refused".to_owned()));
    assert_eq!(refusal(&ping().await?), refused(502, "M_CONNECTION_FAILED"));
    bridged.bridge.will_fail(SendError::Timeout);
    assert_eq!(refusal(&ping().await?), refused(504, "M_CONNECTION_TIMEOUT"));

    let alice = bridged.server.user("alice").await?;
    for (token, id, status, errcode) in [
        (BRIDGE, "other", 403, "M_FORBIDDEN"),
        (alice.as_str(), "bridge", 403, "M_FORBIDDEN"),
        ("guessed", "bridge", 401, "M_UNKNOWN_TOKEN"),
        ("", "bridge", 401, "M_MISSING_TOKEN"),
    ] {
        let answer = bridged.server.post(token, &path(id), json!({})).await?;
        assert_eq!(refusal(&answer), refused(status, errcode), "{token} {id}");
    }
    let silent = Bridged::with(&registration("").replace(super::URL, "null"), false).await?;
    let answer = silent.server.post(BRIDGE, &path("bridge"), json!({})).await?;
    assert_eq!(refusal(&answer), refused(400, "M_URL_NOT_SET"));
    Ok(())
}
