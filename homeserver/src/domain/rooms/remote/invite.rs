//! Inviting a user of another server: their server signs the invite before it goes into the room.

use ruma::{
    CanonicalJsonObject, OwnedEventId, RoomId, UserId,
    api::federation::membership::{RawStrippedState, create_invite::v2 as create_invite},
    events::TimelineEventType,
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::build::Draft,
        federation::Deadline,
        rooms::{LocalUser, MembershipChange, Rooms, RoomsError, graph::Graph, stripped},
    },
    store::{Membership, ServerSn},
};

impl Rooms {
    /// Makes the invite, has it signed by the invited user's server and puts it into the room.
    pub(in crate::domain::rooms) async fn invite_remote(
        &self,
        by: &LocalUser,
        room_id: &RoomId,
        user_id: &UserId,
        change: MembershipChange,
    ) -> Result<OwnedEventId, RoomsError> {
        let (room, rules) = self.known(room_id).await?;
        let mut db = self.store.read().await?;
        let was = match db.user_sn(user_id).await? {
            Some(user) => db.member(room.sn, user).await?.map_or(Membership::Leave, |member| member.membership),
            None => Membership::Leave,
        };
        let content: CanonicalJsonObject = self.member_content(&mut db, &room, user_id, &change, was).await?;
        let draft = Draft {
            kind: TimelineEventType::RoomMember,
            sender: by.user_id.clone(),
            state_key: Some(user_id.to_string()),
            content,
            redacts: None,
            timestamp: self.clock.now_ms(),
        };
        let mut graph = Graph::of_room(&mut db, room.sn, room_id, rules.clone()).await?;
        let event = graph.add(self, Some((&mut db, room.sn)), &draft).await?;
        let state = stripped::pdus(&mut db, room.sn, Some(&by.user_id)).await?;
        drop(db);
        let event = self.signed_by_policy(room.sn, &rules, event).await?;
        let raw = RawValue::from_string(event.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let state = state.into_iter().map(RawStrippedState::Pdu).collect();
        let request =
            create_invite::Request::new(room_id.to_owned(), event.event_id.clone(), room.version.clone(), raw, state);
        let server = user_id.server_name();
        let answer = self.federation.client.request_now(server, request, Deadline::Query).await?;
        // Their copy has their signature beside ours; it must be the same event.
        let object =
            serde_json::from_str(answer.event.get()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        self.federation.keyring.verify_signed_event(server, &rules, &object).await?;
        let signed = self.verified(&rules, &answer.event).await?;
        if signed.event_id != event.event_id {
            return Err(RoomsError::BadEvent("The other server answered with another event".to_owned()));
        }
        let invited = self.store.read().await?.server_sn(server).await?;
        let in_room = match invited {
            Some(invited) => self.store.read().await?.server_is_joined(room.sn, invited).await?,
            None => false,
        };
        // A server that is in the room gets it as an event of the room too.
        let except: Vec<ServerSn> = invited.filter(|_| !in_room).into_iter().collect();
        self.accept_and_tell(room_id, signed, &except).await?;
        Ok(event.event_id.clone())
    }
}
