//! Key backups through HTTP.

use serde_json::{Value, json};

use crate::testing::devices::TestApi;

fn version(public_key: &str) -> Value {
    json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": public_key, "signatures": {} } })
}

fn session(is_verified: bool, first_message_index: u32, forwarded_count: u32) -> Value {
    json!({
        "first_message_index": first_message_index,
        "forwarded_count": forwarded_count,
        "is_verified": is_verified,
        "session_data": { "ephemeral": "YQ", "ciphertext": "Yg", "mac": "Yw" },
    })
}

#[tokio::test]
async fn versions_are_made_read_updated_and_deleted() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device("@alice:one.example", "A").await?;
    let (status, answer) = api.get(&alice, "v3/room_keys/version").await?;
    assert_eq!((status, &answer["errcode"]), (404, &json!("M_NOT_FOUND")));
    assert_eq!(api.post(&alice, "v3/room_keys/version", version("b25l")).await?, (200, json!({ "version": "1" })));
    assert_eq!(api.post(&alice, "v3/room_keys/version", version("dHdv")).await?.1["version"], "2");
    let (_, newest) = api.get(&alice, "v3/room_keys/version").await?;
    assert_eq!((&newest["version"], &newest["count"], &newest["etag"]), (&json!("2"), &json!(0), &json!("0")));
    assert_eq!(newest["auth_data"], version("dHdv")["auth_data"]);
    assert_eq!(api.get(&alice, "v3/room_keys/version/1").await?.1["auth_data"]["public_key"], "b25l");
    assert_eq!(api.get(&alice, "v3/room_keys/version/x").await?.0, 404);

    assert_eq!(api.put(&alice, "v3/room_keys/version/2", version("bmV3")).await?.0, 200);
    assert_eq!(api.get(&alice, "v3/room_keys/version").await?.1["auth_data"]["public_key"], "bmV3");
    let mut other = version("bmV3");
    other["version"] = json!("1");
    assert_eq!(api.put(&alice, "v3/room_keys/version/2", other).await?.0, 400);
    let other = json!({ "algorithm": "other", "auth_data": {} });
    assert_eq!(api.put(&alice, "v3/room_keys/version/2", other).await?.1["errcode"], "M_INVALID_PARAM");

    assert_eq!(api.delete(&alice, "v3/room_keys/version/2").await?.0, 200);
    assert_eq!(api.delete(&alice, "v3/room_keys/version/2").await?.0, 404);
    assert_eq!(api.get(&alice, "v3/room_keys/version").await?.1["version"], "1");
    // A number that was used once is not used again.
    assert_eq!(api.post(&alice, "v3/room_keys/version", version("b25l")).await?.1["version"], "3");
    Ok(())
}

#[tokio::test]
async fn the_better_of_two_keys_stays() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device("@alice:one.example", "A").await?;
    api.post(&alice, "v3/room_keys/version", version("b25l")).await?;
    let path = "v3/room_keys/keys/!r:one.example/s?version=1";
    let mut etags = Vec::new();
    for (new, kept) in [
        (session(false, 5, 1), session(false, 5, 1)),
        (session(false, 5, 2), session(false, 5, 1)),
        (session(false, 5, 0), session(false, 5, 0)),
        (session(false, 4, 9), session(false, 4, 9)),
        (session(true, 7, 9), session(true, 7, 9)),
        (session(false, 0, 0), session(true, 7, 9)),
    ] {
        let (status, answer) = api.put(&alice, path, new).await?;
        assert_eq!((status, &answer["count"]), (200, &json!(1)));
        etags.push(answer["etag"].as_str().unwrap().to_owned());
        assert_eq!(api.get(&alice, path).await?, (200, kept));
    }
    assert_eq!(etags, ["1", "1", "2", "3", "4", "4"]);
    Ok(())
}

#[tokio::test]
async fn keys_are_written_read_and_deleted_at_three_levels() -> anyhow::Result<()> {
    let api = TestApi::new().await?;
    let alice = api.device("@alice:one.example", "A").await?;
    let keys = "v3/room_keys/keys";
    let all = json!({ "rooms": { "!r:one.example": { "sessions": { "a": session(true, 0, 0) } } } });
    assert_eq!(api.put(&alice, &format!("{keys}?version=1"), all.clone()).await?.0, 404);
    api.post(&alice, "v3/room_keys/version", version("b25l")).await?;
    assert_eq!(api.put(&alice, &format!("{keys}?version=1"), all).await?.1["count"], 1);
    let room = json!({ "sessions": { "b": session(true, 0, 0), "c": session(true, 1, 0) } });
    assert_eq!(api.put(&alice, &format!("{keys}/!s:one.example?version=1"), room.clone()).await?.1["count"], 3);
    assert_eq!(api.get(&alice, &format!("{keys}/!s:one.example?version=1")).await?, (200, room));
    assert_eq!(api.get(&alice, &format!("{keys}/!none:one.example?version=1")).await?.1, json!({ "sessions": {} }));
    assert_eq!(api.get(&alice, &format!("{keys}/!s:one.example/x?version=1")).await?.0, 404);
    assert_eq!(api.get(&alice, &format!("{keys}?version=1")).await?.1["rooms"].as_object().unwrap().len(), 2);

    // Keys go into the newest version only; older ones can still be read.
    api.post(&alice, "v3/room_keys/version", version("dHdv")).await?;
    let (status, answer) = api.put(&alice, &format!("{keys}/!r:one.example/a?version=1"), session(true, 0, 0)).await?;
    assert_eq!((status, &answer["errcode"]), (403, &json!("M_WRONG_ROOM_KEYS_VERSION")));
    assert_eq!(answer["current_version"], "2");
    assert_eq!(api.get(&alice, &format!("{keys}?version=2")).await?.1, json!({ "rooms": {} }));

    assert_eq!(api.delete(&alice, &format!("{keys}/!s:one.example/b?version=1")).await?.1["count"], 2);
    assert_eq!(api.delete(&alice, &format!("{keys}/!s:one.example?version=1")).await?.1["count"], 1);
    assert_eq!(api.delete(&alice, &format!("{keys}?version=1")).await?.1["count"], 0);
    assert_eq!(api.delete(&alice, &format!("{keys}?version=9")).await?.0, 404);
    Ok(())
}
