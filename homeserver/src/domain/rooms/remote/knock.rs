//! Knocking: here when this server is in the room, through another server otherwise.

use ruma::{
    CanonicalJsonObject, OwnedServerName, RoomId, RoomVersionId, ServerName,
    api::federation::membership::{
        RawStrippedState, create_knock_event::v1 as send_knock, prepare_knock_event::v1 as make_knock,
    },
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::versions,
        federation::Deadline,
        rooms::{LocalUser, MembershipChange, Rooms, RoomsError},
    },
    store::{Durability, LocalMembership, Membership, StoreError},
};

use super::{
    SERVERS,
    receive_invite::{StrippedOrPdu, strip},
};

impl Rooms {
    /// Asks to be let into a room.
    pub async fn knock(
        &self,
        user: &LocalUser,
        room_id: &RoomId,
        via: &[OwnedServerName],
        reason: Option<String>,
    ) -> Result<(), RoomsError> {
        self.check_blocked(room_id).await?;
        let mut db = self.store.read().await?;
        let here = match db.room_by_id(room_id).await? {
            Some(room) => !db.local_joined_members(room.sn).await?.is_empty(),
            None => false,
        };
        let profile = db.member_profile(user.user).await?;
        drop(db);
        if here {
            let more = CanonicalJsonObject::new();
            let change = MembershipChange { membership: Membership::Knock, only_from: &[], reason, more };
            return self.change_member(user, room_id, &user.user_id, change).await.map(|_| ());
        }
        let mut content = CanonicalJsonObject::from_iter(profile);
        content.insert("membership".to_owned(), "knock".to_owned().into());
        if let Some(reason) = reason {
            content.insert("reason".to_owned(), reason.into());
        }
        let mut last = RoomsError::UnknownRoom;
        let own_server = room_id.server_name().map(ToOwned::to_owned);
        for server in via.iter().cloned().chain(own_server).filter(|server| *server != self.server_name).take(SERVERS) {
            match self.knock_through(&server, user, room_id, content.clone()).await {
                Ok(()) => return Ok(()),
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn knock_through(
        &self,
        server: &ServerName,
        user: &LocalUser,
        room_id: &RoomId,
        content: CanonicalJsonObject,
    ) -> Result<(), RoomsError> {
        let client = &self.federation.client;
        let mut request = make_knock::Request::new(room_id.to_owned(), user.user_id.clone());
        request.ver = versions::STABLE.iter().chain(&versions::JOINED_ONLY).cloned().collect();
        let template = client.request_now(server, request, Deadline::Query).await?;
        let version: RoomVersionId = template.room_version;
        let rules = versions::rules(&version).ok_or(RoomsError::UnsupportedVersion)?;
        let knock = self.fill_in(&template.event, &rules, room_id, &user.user_id, content, self.clock.now())?;
        let raw = RawValue::from_string(knock.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let request = send_knock::Request::new(room_id.to_owned(), knock.event_id.clone(), raw);
        let answer = client.request_now(server, request, Deadline::Query).await?;
        let state = answer.knock_room_state.into_iter().filter_map(|state| match state {
            RawStrippedState::Pdu(pdu) => Some(StrippedOrPdu(pdu)),
            #[expect(deprecated, reason = "servers older than version 1.16 send it")]
            RawStrippedState::Stripped(event) => Some(StrippedOrPdu(event.into_json())),
            _ => None,
        });
        let offered = self.offered_state(&rules, &version, room_id, state.collect()).await?;
        let stripped = strip(offered.state.into_iter(), &knock.json)?;
        let (room_id, user, knock) = (room_id.to_owned(), user.user, knock.json);
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let room = tx.make_room(&room_id, &version).await?;
                    let position = tx.next_position();
                    let before = tx.local_membership(user, room).await?;
                    tx.put_local_membership(&LocalMembership {
                        user_sn: user,
                        room_sn: room,
                        membership: Membership::Knock,
                        event_sn: None,
                        position,
                        joined_position: before.as_ref().and_then(|before| before.joined_position),
                        departure: before.map(|before| before.departure).unwrap_or_default(),
                        stripped_state: Some(stripped),
                        invite_event: Some(knock),
                        forgotten: false,
                    })
                    .await
                })
            })
            .await?;
        Ok(())
    }
}
