//! Check 5: the state before the event allows it.

use ruma::room_version_rules::RoomVersionRules;

use crate::{
    domain::{
        events::Pdu,
        rooms::{Rooms, RoomsError},
    },
    store::{RoomRow, StateMap},
};

use super::Verdict;

impl Rooms {
    pub(in crate::domain::rooms::accept) async fn check_state_before(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        before: &StateMap,
    ) -> Result<Verdict, RoomsError> {
        self.allowed_by(room, rules, event, before).await
    }
}
