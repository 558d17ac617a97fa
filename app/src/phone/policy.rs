//! What decides whether a call rings: the facts of its room, looked up before the calls are told of it.

use std::collections::HashMap;

use calls::calls::{RingPolicy, RoomFacts, Verdict};
use client::{CallEvent, Session};
use ruma::{RoomId, UserId};

/// Room and caller, and what holds between them.
pub(super) struct Facts(HashMap<(String, String), RoomFacts>);

impl Facts {
    pub(super) async fn of(session: &Session, events: &[CallEvent]) -> Self {
        let mut facts = HashMap::new();
        for event in events {
            let key = (event.room_id.to_string(), event.sender.to_string());
            if facts.contains_key(&key) {
                continue;
            }
            let room = session.call_room(&event.room_id, &event.sender).await;
            facts.insert(
                key,
                RoomFacts {
                    direct: room.direct,
                    members: room.members,
                    public: room.public,
                    caller_ignored: room.caller_ignored,
                },
            );
        }
        Self(facts)
    }
}

impl RingPolicy for Facts {
    fn judge(&self, room: &RoomId, caller: &UserId, _in_call: bool) -> Verdict {
        let facts = self.0.get(&(room.to_string(), caller.to_string()));
        // A call rings in the sync that brought it, so its room was looked up; what was not is a stranger's.
        facts.map_or(Verdict::Silent(calls::Silence::NotDirect), |facts| facts.verdict())
    }
}
