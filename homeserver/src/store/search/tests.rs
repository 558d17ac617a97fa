//! Search terms, and texts that were indexed before a migration.

use ruma::{EventId, RoomVersionId, room_id, server_name, user_id};

use super::{Search, SearchIn, apart, expression, search_words};
use crate::{
    clock::Clock,
    store::{Durability, EventSn, NewEvent, Standing, Store, StoreError},
};

#[test]
fn characters_without_spaces_between_them_are_words() {
    assert_eq!(apart("tea and cake"), "tea and cake");
    assert_eq!(apart("我们喝tea吧。好"), "我 们 喝 tea 吧。 好");
    assert_eq!(apart("お茶とケーキ"), "お 茶 と ケ ー キ");
    assert_eq!(apart("차를마셔요"), "차 를 마 셔 요");
    assert_eq!(apart("か\u{3099}き"), "か\u{3099} き");
}

#[test]
fn nothing_in_a_term_is_an_operator() {
    let words = search_words("tea OR \"cake* NEAR( - … body:x");
    assert_eq!(words, ["tea", "OR", "\"cake*", "NEAR(", "body:x"]);
    let within = SearchIn { body: true, name: false, topic: true };
    let expected = "{body topic} : (\"tea\" AND \"OR\" AND \"\"\"cake*\" AND \"NEAR(\" AND \"body:x\")";
    assert_eq!(expression(&words, within).as_deref(), Some(expected));
    assert_eq!(expression(&search_words(" - … "), within), None);
    assert_eq!(search_words("te\0a\u{7}x  y"), ["te", "a", "x", "y"]);
}

#[tokio::test]
async fn what_was_indexed_as_one_word_is_indexed_anew() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("hearth.db");
    let store = Store::open(&path, server_name!("one.example"), Clock::from_fn(|| 0), |_| ()).await?;
    let texts = ["我们明天去东京塔喝绿茶。", "tea with us", "차를 마셔요"];
    let room = store
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move {
                let room = tx.make_room(room_id!("!a:one.example"), &RoomVersionId::V12).await?;
                let sender = tx.make_user_sn(user_id!("@alice:one.example")).await?;
                for (n, text) in texts.iter().enumerate() {
                    let position = tx.next_position();
                    let (id, json) =
                        (format!("$event{n}"), serde_json::json!({ "content": { "body": text } }).to_string());
                    let event = NewEvent {
                        room,
                        event_id: <&EventId>::try_from(id.as_str()).map_err(|_| StoreError::Damaged("an event id"))?,
                        standing: Standing::Accepted,
                        position: Some(position),
                        depth: 1,
                        event_type: "m.room.message",
                        state_key: None,
                        sender,
                        origin_ts: 0,
                        snapshot: None,
                        json: &json,
                        prev_events: &[],
                        auth_events: &[],
                    };
                    let sn = tx.put_event(&event).await?.sn;
                    // As it was before.
                    sqlx::query("INSERT INTO event_search (rowid, body) VALUES ($1, $2)")
                        .bind(sn)
                        .bind(text)
                        .execute(&mut tx.db.0)
                        .await?;
                }
                Ok(room)
            })
        })
        .await?;
    let found = async |term: &str| {
        let words = search_words(term);
        let within = SearchIn { body: true, name: true, topic: true };
        let rooms = [room];
        let search =
            Search { words: &words, within, rooms: &rooms, upto: EventSn(1000), by_rank: false, offset: 0, limit: 10 };
        let hits = store.read().await?.search(&search).await?;
        anyhow::Ok(hits.iter().map(|hit| hit.event.event_id.to_string()).collect::<Vec<_>>())
    };
    assert!(found("绿茶").await?.is_empty());
    store
        .write::<_, StoreError, _>(Durability::Full, |tx| {
            Box::pin(async move {
                let migration = include_str!("../../../migrations/0061_search_of_unspaced_scripts.sql");
                sqlx::raw_sql(migration).execute(&mut tx.db.0).await?;
                Ok(())
            })
        })
        .await?;
    assert_eq!(found("绿茶").await?, ["$event0"]);
    assert_eq!(found("tea").await?, ["$event1"]);
    assert_eq!(found("마셔").await?, ["$event2"]);
    Ok(())
}
