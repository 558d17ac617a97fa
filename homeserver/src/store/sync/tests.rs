//! Hot queries walk indexes: none scans a table.

use std::collections::BTreeSet;

use ruma::server_name;
use sqlx::AssertSqlSafe;

use super::{Position, account_data, ahead, members, rooms, state, timeline};
use crate::{
    clock::Clock,
    store::{
        RoomSn, Store, UserSn, delayed_events, holes, mutual_rooms, notifications, receipts, search, staging, threads,
    },
};

#[tokio::test]
async fn hot_queries_scan_no_table() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("hearth.db");
    let store = Store::open(&path, server_name!("one.example"), Clock::from_fn(|| 0), |_| ()).await?;
    let mut db = store.read().await?;
    let (me, ignored) = (Some(UserSn(1)), BTreeSet::from([UserSn(2)]));
    let all_threads = threads::roots_query(RoomSn(1), None, None, &BTreeSet::new(), 1);
    let my_threads = threads::roots_query(RoomSn(1), None, me, &ignored, 1);
    let timelines = ahead::timelines(&[RoomSn(1), RoomSn(2)], Position(9), 20);
    for sql in [
        all_threads.sql().as_str(),
        my_threads.sql().as_str(),
        timelines.sql().as_str(),
        rooms::CHANGED_ROOMS,
        timeline::TIMELINE,
        timeline::BUMPED_SINCE,
        timeline::LAST_BUMP,
        state::CHANGES,
        state::STATE_ENTRY,
        members::HEROES,
        state::FACE,
        account_data::ACCOUNT_DATA_SINCE,
        receipts::RECEIPTS_SINCE,
        notifications::UNREAD,
        notifications::NEXT,
        mutual_rooms::MUTUAL,
        delayed_events::DUE,
        search::UNINDEXED,
        staging::STAGED_OF,
        staging::STAGED_ORIGINS,
        holes::NEWEST_HOLE,
        holes::MISSING_IN_HOLE,
        holes::BACKWARD_EXTREMITIES,
        holes::IS_MISSED,
        holes::HAS_TIMELINE,
        holes::LOWEST_IN_HOLE,
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut db.0).await?;
        for (_, _, _, step) in plan {
            // The names of event types are few, and so are rows of what is called so.
            let few = ["SCAN event_types", "SCAN t", "SCAN few_"];
            let fine = !step.starts_with("SCAN")
                || step.contains("CONSTANT ROW")
                || few.iter().any(|few| step.starts_with(few));
            assert!(fine, "{step}\n{sql}");
            assert!(!sql.contains("FROM threads") || !step.contains("TEMP B-TREE"), "{step}\n{sql}");
        }
    }
    Ok(())
}
