//! Joining a room through another server: its template, our signature, its state and auth chain, all of it checked.

use std::collections::HashMap;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedServerName, RoomId, RoomVersionId, ServerName,
    api::federation::membership::{create_join_event::v2 as send_join, prepare_join_event::v1 as make_join},
    events::TimelineEventType,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::{Pdu, pdu::Age, versions},
        federation::Deadline,
        rooms::{Acceptance, LocalUser, Rooms, RoomsError, partial::Omitted},
    },
    store::{Membership, ServerSn, StoreError},
};

use super::{SERVERS, template::VOUCHER};

impl Rooms {
    /// Joins through the first of `servers` that lets the user in.
    pub(in crate::domain::rooms) async fn join_remote(
        &self,
        user: &LocalUser,
        room_id: &RoomId,
        servers: &[OwnedServerName],
        reason: Option<String>,
        more: CanonicalJsonObject,
    ) -> Result<(), RoomsError> {
        let mut content = more;
        content.extend(self.store.read().await?.member_profile(user.user).await?);
        content.insert("membership".to_owned(), "join".to_owned().into());
        if let Some(reason) = reason {
            content.insert("reason".to_owned(), reason.into());
        }
        let _entering = self.entering.lock(room_id).await;
        let mut refused = None;
        let mut unreachable = RoomsError::UnknownRoom;
        for server in servers.iter().take(SERVERS) {
            match self.join_through(server, user, room_id, content.clone()).await {
                Ok(()) => return Ok(()),
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error @ (RoomsError::Forbidden(_) | RoomsError::UnsupportedVersion)) => refused = Some(error),
                Err(error) => {
                    tracing::info!(%room_id, server = %server, %error, "A server did not help with a join.");
                    unreachable = error;
                }
            }
        }
        Err(refused.unwrap_or(unreachable))
    }

    async fn join_through(
        &self,
        server: &ServerName,
        user: &LocalUser,
        room_id: &RoomId,
        content: CanonicalJsonObject,
    ) -> Result<(), RoomsError> {
        let client = &self.federation.client;
        let mut request = make_join::Request::new(room_id.to_owned(), user.user_id.clone());
        request.ver = versions::STABLE.iter().chain(&versions::JOINED_ONLY).cloned().collect();
        // A person waits for it: a server that was away lately is tried all the same.
        let template = client.request_now(server, request, Deadline::Query).await?;
        let version = template.room_version.unwrap_or(RoomVersionId::V1);
        let rules = versions::rules(&version).ok_or(RoomsError::UnsupportedVersion)?;
        let join = self.fill_in(&template.event, &rules, room_id, &user.user_id, content, self.clock.now())?;
        let raw = RawValue::from_string(join.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let here = match self.store.read().await?.room_by_id(room_id).await? {
            Some(room) => self.store.read().await?.server_is_joined(room.sn, ServerSn::OURS).await?,
            None => false,
        };
        let mut request = send_join::Request::new(room_id.to_owned(), join.event_id.clone(), raw);
        // Two who talk to each other need each other's keys at once; a room of thousands is there without its members first.
        request.omit_members = !here && !self.is_invited_directly(user, room_id).await?;
        let answer = client.request_now(server, request, Deadline::Room).await?.room_state;
        let signed = match answer.event {
            Some(event) => self.verified(&rules, &event).await.ok().filter(|event| event.event_id == join.event_id),
            None => None,
        };
        let join = match signed {
            Some(signed) => signed,
            // Without the signature of the server that vouches for us, nobody else would take the join.
            None if is_vouched_for(&join) => {
                return Err(RoomsError::BadEvent("The server did not sign the join that it vouches for".to_owned()));
            }
            None => join,
        };
        let notaries = [server.to_owned()];
        let state = self.verified_with(&rules, room_id, answer.state, &notaries, Age::History).await?;
        let auth_chain = self.verified_with(&rules, room_id, answer.auth_chain, &notaries, Age::History).await?;
        check_create(&state, &version)?;
        check_single(&state)?;
        if here {
            return self.come_beside(room_id, &version, join, state, auth_chain).await;
        }
        let omitted = answer.members_omitted.then(|| Omitted::new(server, answer.servers_in_room.unwrap_or_default()));
        self.enter(room_id, &version, join, state, auth_chain, omitted).await
    }

    /// Whether the user was asked into the room to talk with one other.
    async fn is_invited_directly(&self, user: &LocalUser, room_id: &RoomId) -> Result<bool, StoreError> {
        let mut db = self.store.read().await?;
        let Some(room) = db.room_sn(room_id).await? else { return Ok(false) };
        let mine = db.local_membership(user.user, room).await?;
        let invite = mine.filter(|mine| mine.membership == Membership::Invite).and_then(|mine| mine.invite_event);
        let invite = invite.and_then(|json| serde_json::from_str::<Invite>(&json).ok());
        Ok(invite.is_some_and(|invite| invite.content.is_direct))
    }
}

#[derive(Deserialize)]
struct Invite {
    content: InviteContent,
}

#[derive(Deserialize)]
struct InviteContent {
    #[serde(default)]
    is_direct: bool,
}

impl Rooms {
    /// One more user of ours, whom only another server could let in: the room is here, the join is an event of it like any other.
    async fn come_beside(
        &self,
        room_id: &RoomId,
        version: &RoomVersionId,
        join: Pdu,
        state: Vec<Pdu>,
        auth_chain: Vec<Pdu>,
    ) -> Result<(), RoomsError> {
        let before: Vec<OwnedEventId> = state.iter().map(|event| event.event_id.clone()).collect();
        self.accept_outliers(room_id, version, state.into_iter().chain(auth_chain).collect()).await?;
        let json = RawValue::from_string(join.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let rules = versions::rules(version).ok_or(RoomsError::UnsupportedVersion)?;
        let mut accepted = self.accept_remote(room_id, join, None).await?;
        if matches!(accepted, Acceptance::Missing { .. }) {
            let join = self.verified(&rules, &json).await?;
            accepted = self.accept_remote(room_id, join, Some(before)).await?;
        }
        match accepted {
            Acceptance::Accepted | Acceptance::Known => Ok(()),
            Acceptance::Rejected(reason) => Err(RoomsError::Forbidden(reason)),
            Acceptance::SoftFailed | Acceptance::Missing { .. } => {
                Err(RoomsError::Forbidden("The room does not allow it any more".to_owned()))
            }
        }
    }
}

/// Whether the event rests on the word of somebody of another server.
fn is_vouched_for(join: &Pdu) -> bool {
    join.content_as::<CanonicalJsonObject>().is_some_and(|content| content.contains_key(VOUCHER))
}

/// No piece of the state is there in two versions.
fn check_single(state: &[Pdu]) -> Result<(), RoomsError> {
    let mut pieces: HashMap<(&TimelineEventType, &str), &OwnedEventId> = HashMap::new();
    for event in state {
        let Some(state_key) = &event.state_key else { continue };
        let other = pieces.insert((&event.kind, state_key), &event.event_id);
        if other.is_some_and(|other| *other != event.event_id) {
            return Err(RoomsError::BadEvent("The room's state contradicts itself".to_owned()));
        }
    }
    Ok(())
}

/// The state has a create event, of the version that the other server named.
fn check_create(state: &[Pdu], version: &RoomVersionId) -> Result<(), RoomsError> {
    let create = state.iter().find(|event| event.is_state(&TimelineEventType::RoomCreate, ""));
    let create = create.ok_or_else(|| RoomsError::BadEvent("The room's state has no create event".to_owned()))?;
    let content = create.content_as::<CanonicalJsonObject>().unwrap_or_default();
    let named = content.get("room_version").and_then(CanonicalJsonValue::as_str).unwrap_or("1");
    if named != version.as_str() {
        return Err(RoomsError::BadEvent("The room's version is not the one that the server named".to_owned()));
    }
    Ok(())
}
