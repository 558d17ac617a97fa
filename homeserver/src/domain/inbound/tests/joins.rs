//! Joins whose answers are lies: they leave us outside, or inside an honest room.

use ruma::{OwnedEventId, RoomVersionId};
use serde_json::{Value, json};

use crate::{domain::rooms::create::Preset, testing::FakeNetwork};

use super::{liar::Liar, logged::Logged, running::running};

#[tokio::test]
async fn a_join_with_a_state_that_cannot_be_leaves_us_outside() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let other = evil.running.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    let foreign = evil.stored_state(&other, "m.room.power_levels").await;
    let older = evil.running.make_room(Preset::PublicChat, RoomVersionId::V10).await;
    let without = |state: &[Value], kind: &str| -> Vec<Value> {
        state.iter().filter(|event| event["type"] != kind).cloned().collect()
    };
    for (what, fault) in [
        "no create event",
        "another create event",
        "two create events",
        "two power levels",
        "no join rules",
        "nothing",
        "only another room's",
        "no version",
        "unsigned",
    ]
    .iter()
    .enumerate()
    {
        let room_id = evil.running.make_room(Preset::PublicChat, RoomVersionId::V11).await;
        let mut state = evil.stored_states(&room_id).await;
        let chain = state.clone();
        match what {
            0 => state = without(&state, "m.room.create"),
            1 => {
                state = without(&state, "m.room.create");
                state.push(evil.stored_state(&older, "m.room.create").await);
            }
            2 => {
                let mut second = evil.stored_state(&room_id, "m.room.create").await;
                second["origin_server_ts"] = json!(5);
                state.push(evil.signs(second, &RoomVersionId::V11).json);
            }
            3 => {
                let mut second = evil.stored_state(&room_id, "m.room.power_levels").await;
                second["content"]["users"]["@user:one.example"] = json!(100);
                state.push(evil.signs(second, &RoomVersionId::V11).json);
            }
            4 => state = without(&state, "m.room.join_rules"),
            5 => state.clear(),
            6 => state = evil.stored_states(&other).await,
            7 => {
                state = without(&state, "m.room.create");
                let mut create = evil.stored_state(&room_id, "m.room.create").await;
                create["content"].as_object_mut().unwrap().remove("room_version");
                state.push(evil.signs(create, &RoomVersionId::V11).json);
            }
            _ => state.iter_mut().for_each(|event| event["signatures"] = json!({})),
        }
        state.push(foreign.clone());
        let chain = if what == 8 { Vec::new() } else { chain };
        let answer = json!({"origin": "evil.example", "state": state, "auth_chain": chain, "members_omitted": false});
        evil.lies("/send_join/", answer);
        let (logged, guard) = Logged::begin();
        assert!(one.join(&room_id, &evil.running).await.is_err(), "{fault}");
        // One line for the events that were left out, and at most one for the answer.
        let said = logged.lines();
        assert!(matches!(said.len(), 1 | 2) && logged.lines_with("were ignored").len() == 1, "{fault}: {said:#?}");
        drop(guard);
        assert_eq!(one.own_view(&room_id).await, None, "{fault}");
        evil.repents();
        // It was not our fault: an honest answer still lets us in.
        one.join(&room_id, &evil.running).await.unwrap_or_else(|error| panic!("after {fault}: {error}"));
        let levels = one.state(&room_id, "m.room.power_levels", "").await;
        assert_eq!(levels, evil.running.state(&room_id, "m.room.power_levels", "").await, "after {fault}");
    }
}

#[tokio::test]
async fn the_state_of_a_room_that_is_left_out_in_part_is_the_one_that_was_told() {
    let network = FakeNetwork::default();
    let (one, evil) = (running("one.example", &network).await, Liar::new("evil.example", &network).await);
    let room_id = evil.running.make_room(Preset::PublicChat, RoomVersionId::V11).await;
    // Events that nobody can read, thousands of the same, and one of another room beside the state.
    let mut state = evil.stored_states(&room_id).await;
    let same = evil.stored_state(&room_id, "m.room.join_rules").await;
    state.extend(vec![same; 2000]);
    state.extend([json!(7), json!({}), Value::Null]);
    let answer = json!({"origin": "evil.example", "state": state, "auth_chain": state, "members_omitted": false});
    evil.lies("/send_join/", answer);
    one.join(&room_id, &evil.running).await.unwrap();
    let rules = one.state(&room_id, "m.room.join_rules", "").await;
    assert_eq!(rules, evil.running.state(&room_id, "m.room.join_rules", "").await);
    let ids: Vec<OwnedEventId> = one.timeline(&room_id).await;
    assert_eq!(ids.len(), 1, "our join is all that happened here: {ids:?}");
}
