//! The state before an event, as another server has it.

use futures_util::StreamExt as _;
use ruma::{
    OwnedEventId,
    api::federation::event::{
        get_event::v1 as get_event, get_room_state::v1 as get_state, get_room_state_ids::v1 as state_ids,
    },
    events::TimelineEventType,
    room_version_rules::RoomVersionRules,
};
use serde_json::value::RawValue;

use crate::{
    domain::{events::pdu::Age, federation::Deadline, inbound::Inbound, rooms::RoomsError},
    store::{RoomRow, Standing},
};

use super::{
    Helpers,
    auth::{MOST, related},
};

/// State events fetched one by one; more are fetched as a whole state.
const ONE_BY_ONE: usize = 50;
const PARALLEL: usize = 8;

impl Inbound {
    /// The ids of the state before an event; each event of it is stored as an outlier afterwards.
    pub(in crate::domain::inbound) async fn fetch_state(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event_id: &OwnedEventId,
    ) -> Result<Vec<OwnedEventId>, RoomsError> {
        let request = || state_ids::Request::new(event_id.clone(), room.room_id.clone());
        let (ids, place) = self.ask(helpers, request, Deadline::Events).await?;
        if ids.pdu_ids.len().saturating_add(ids.auth_chain_ids.len()) > 2 * MOST {
            return Err(RoomsError::BadEvent("The state before it is too large".to_owned()));
        }
        drop(place);
        let all: Vec<OwnedEventId> = ids.pdu_ids.iter().chain(&ids.auth_chain_ids).cloned().collect();
        let unknown = self.unknown(&all).await?;
        let (events, _place): (Vec<Box<RawValue>>, _) = if unknown.len() > ONE_BY_ONE {
            let request = || get_state::Request::new(event_id.clone(), room.room_id.clone());
            let (answer, place) = self.ask(helpers, request, Deadline::State).await?;
            (answer.pdus.into_iter().chain(answer.auth_chain).take(2 * MOST).collect(), Some(place))
        } else {
            (self.fetch_events(helpers, unknown).await, None)
        };
        let events = self.rooms.verified_all(rules, &room.room_id, events, Age::History).await?;
        // From room version 12 on, nothing names the create event.
        let creates = events.iter().filter(|event| event.kind == TimelineEventType::RoomCreate);
        let wanted: Vec<OwnedEventId> =
            ids.pdu_ids.iter().cloned().chain(creates.map(|event| event.event_id.clone())).collect();
        self.rooms.accept_outliers(&room.room_id, &room.version, related(events, &wanted)).await?;
        let holes = self.unknown(&ids.pdu_ids).await?.len();
        if holes > 0 {
            if helpers.patient {
                return Err(RoomsError::Unreachable(format!("{holes} events of the state before it are missing")));
            }
            tracing::info!(room_id = %room.room_id, %event_id, holes, "The state before an event is not whole.");
        }
        Ok(ids.pdu_ids)
    }

    /// Those of the ids whose events are not here.
    async fn unknown(&self, ids: &[OwnedEventId]) -> Result<Vec<OwnedEventId>, RoomsError> {
        let mut unknown = Vec::new();
        let mut db = self.store.read().await?;
        for id in ids {
            if db.event_sn(id).await?.is_none_or(|(_, standing)| standing == Standing::Unknown) {
                unknown.push(id.clone());
            }
        }
        Ok(unknown)
    }

    async fn fetch_events(&self, helpers: &Helpers, ids: Vec<OwnedEventId>) -> Vec<Box<RawValue>> {
        let fetches = ids.into_iter().map(|id| async move {
            match self.ask(helpers, || get_event::Request::new(id.clone()), Deadline::Query).await {
                Ok((answer, _)) => Some(answer.pdu),
                Err(error) => {
                    tracing::debug!(event_id = %id, %error, "An event could not be fetched.");
                    None
                }
            }
        });
        futures_util::stream::iter(fetches).buffer_unordered(PARALLEL).filter_map(async |found| found).collect().await
    }
}
