//! Invites by an address: of a user when an identity server knows one, else of whoever shows later that the address is theirs.

use ruma::{
    CanonicalJsonObject, OwnedUserId, RoomId,
    api::identity_service::invitation::store_invitation::v2::Request as StoreInvitation,
    events::{TimelineEventType, room::third_party_invite::RoomThirdPartyInviteEventContent},
};

use crate::{
    domain::{
        events::build::{Draft, canonical},
        identity_servers::{IdentityError, IdentityServer, IdentityServers, Threepid},
    },
    store::Membership,
};

use super::{NewMessage, Rooms, RoomsError, graph::Graph, send::LocalUser, summary};

/// An invite by an address. Has no `Debug`: it holds a token.
pub struct ThirdPartyInvite {
    pub server: IdentityServer,
    /// The inviting user's token at the identity server.
    pub token: String,
    pub threepid: Threepid,
}

/// An invite by an address came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ThirdPartyInviteError {
    #[error(transparent)]
    Rooms(#[from] RoomsError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Rooms {
    /// Invites the user who is known by the address, or leaves an invite for whoever that will be.
    pub async fn invite_by_address(
        &self,
        servers: &IdentityServers,
        by: &LocalUser,
        room_id: &RoomId,
        invite: ThirdPartyInvite,
        reason: Option<String>,
    ) -> Result<(), ThirdPartyInviteError> {
        // Nobody's address is told to anybody for an invite that the room does not allow.
        self.check_may_invite(by, room_id).await?;
        match self.invited_user(servers, &invite).await? {
            Some(user_id) => self.invite(by, room_id, &user_id, reason, false).await.map(drop)?,
            None => self.leave_invite(servers, by, room_id, invite).await?,
        }
        Ok(())
    }

    /// The user whom an invite by an address means, when there is one.
    pub async fn invited_user(
        &self,
        servers: &IdentityServers,
        invite: &ThirdPartyInvite,
    ) -> Result<Option<OwnedUserId>, IdentityError> {
        servers.lookup(&invite.server, &invite.token, &invite.threepid).await
    }

    /// Leaves an invite for whoever shows that the address is theirs.
    pub async fn leave_invite(
        &self,
        servers: &IdentityServers,
        by: &LocalUser,
        room_id: &RoomId,
        invite: ThirdPartyInvite,
    ) -> Result<(), ThirdPartyInviteError> {
        let ThirdPartyInvite { server, token, threepid } = invite;
        let request = self.described(by, room_id, threepid).await?;
        let stored = servers.store_invite(&server, &token, request).await?;
        let state_key = stored.token.clone();
        let content = serde_json::to_string(&RoomThirdPartyInviteEventContent::from(stored));
        let content = content.ok().and_then(|json| canonical(&json).ok());
        let content = content.ok_or_else(|| RoomsError::BadEvent("The invite cannot be written".to_owned()))?;
        let message = NewMessage {
            room_id: room_id.to_owned(),
            kind: TimelineEventType::RoomThirdPartyInvite,
            state_key: Some(state_key),
            content,
            txn_id: None,
            redacts: None,
            timestamp: None,
        };
        self.send(by, message).await?;
        Ok(())
    }

    /// Refuses whom the room's rules do not let invite.
    async fn check_may_invite(&self, by: &LocalUser, room_id: &RoomId) -> Result<(), RoomsError> {
        let (room, rules) = self.known(room_id).await?;
        let mut db = self.store.read().await?;
        let mine = db.local_membership(by.user, room.sn).await?;
        if mine.is_none_or(|mine| mine.membership != Membership::Join) {
            return Err(RoomsError::NotInRoom);
        }
        let draft = Draft {
            kind: TimelineEventType::RoomThirdPartyInvite,
            sender: by.user_id.clone(),
            state_key: Some(String::new()),
            content: CanonicalJsonObject::new(),
            redacts: None,
            timestamp: self.clock.now_ms(),
        };
        let mut graph = Graph::of_room(&mut db, room.sn, room_id, rules).await?;
        graph.propose(self, (&mut db, room.sn), &draft).await?;
        Ok(())
    }

    /// What the mail to the invited person may say of the room and of who invites.
    async fn described(
        &self,
        by: &LocalUser,
        room_id: &RoomId,
        threepid: Threepid,
    ) -> Result<StoreInvitation, RoomsError> {
        let Threepid { medium, address } = threepid;
        let mut request = StoreInvitation::new(medium, address, room_id.to_owned(), by.user_id.clone());
        let mut db = self.store.read().await?;
        let room = db.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        if let Some(shown) = summary::of_room(&mut db, &room).await? {
            let summary = shown.summary;
            request.room_name = summary.name;
            request.room_alias = summary.canonical_alias;
            request.room_avatar_url = summary.avatar_url;
            request.room_join_rules = Some(summary.join_rule.as_str().to_owned());
            request.room_type = summary.room_type;
        }
        let profile = db.member_profile(by.user).await?;
        let field = |name: &str| profile.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        request.sender_display_name = field("displayname");
        request.sender_avatar_url = field("avatar_url").map(Into::into);
        Ok(request)
    }
}
