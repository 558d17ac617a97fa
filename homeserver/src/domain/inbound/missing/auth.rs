//! The events that one rests on by its auth_events.

use std::collections::{HashMap, HashSet};

use ruma::{
    OwnedEventId, api::federation::authorization::get_event_authorization::v1 as event_auth,
    room_version_rules::RoomVersionRules,
};

use crate::{
    domain::{
        events::{Pdu, pdu::Age},
        federation::Deadline,
        inbound::Inbound,
        rooms::RoomsError,
    },
    store::RoomRow,
};

use super::{Again, Helpers};

/// Events of one answer that are looked at.
pub(super) const MOST: usize = 30_000;

impl Inbound {
    /// Fetches what an event rests on; it is stored as outliers afterwards.
    pub(super) async fn fetch_auth(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Again,
    ) -> Result<(), RoomsError> {
        let request = || event_auth::Request::new(room.room_id.clone(), event.event_id.clone());
        let (mut answer, _place) = self.ask(helpers, request, Deadline::State).await?;
        let sent = answer.auth_chain.len();
        if sent > MOST {
            tracing::info!(room_id = %room.room_id, event_id = %event.event_id, sent, "An event rests on more than is looked at.");
            answer.auth_chain.truncate(MOST);
        }
        let chain = self.rooms.verified_all(rules, &room.room_id, answer.auth_chain, Age::History).await?;
        let chain = related(chain, &event.auth_events);
        self.rooms.accept_outliers(&room.room_id, &room.version, chain).await?;
        Ok(())
    }
}

/// Those of the events that are among `wanted` or that these rest on: nothing else is kept, whatever was sent along.
pub(super) fn related(events: Vec<Pdu>, wanted: &[OwnedEventId]) -> Vec<Pdu> {
    let by_id: HashMap<&OwnedEventId, &Pdu> = events.iter().map(|event| (&event.event_id, event)).collect();
    let mut open: Vec<&OwnedEventId> = wanted.iter().collect();
    let mut reached: HashSet<OwnedEventId> = HashSet::new();
    while let Some(event_id) = open.pop() {
        if let Some(event) = by_id.get(event_id)
            && reached.insert(event_id.clone())
        {
            open.extend(&event.auth_events);
        }
    }
    events.into_iter().filter(|event| reached.contains(&event.event_id)).collect()
}
