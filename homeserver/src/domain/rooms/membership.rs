//! Memberships: inviting, joining, leaving, removing, banning, knocking.

use ruma::{CanonicalJsonObject, OwnedEventId, OwnedServerName, RoomId, UserId, events::TimelineEventType};
use serde::Deserialize;

use crate::{
    domain::events::build::Draft,
    store::{Db, Durability, Membership, RoomRow, StoreError},
};

use super::{
    Rooms, RoomsError,
    graph::Graph,
    invite_permission::takes_invites,
    policy::asks_policy,
    send::{LocalUser, Own},
};

mod restricted;

pub(super) use self::restricted::Vouching;

/// A change that a local user makes to a member.
#[derive(Clone, Debug)]
pub struct MembershipChange {
    pub membership: Membership,
    /// What the member must be now; anything when empty.
    pub only_from: &'static [Membership],
    pub reason: Option<String>,
    /// More fields of the content: `is_direct`, `third_party_invite`.
    pub more: CanonicalJsonObject,
}

#[derive(Deserialize)]
struct JoinRules {
    join_rule: String,
}

impl Rooms {
    /// Invites a user, local or remote.
    pub async fn invite(
        &self,
        by: &LocalUser,
        room_id: &RoomId,
        user_id: &UserId,
        reason: Option<String>,
        is_direct: bool,
    ) -> Result<OwnedEventId, RoomsError> {
        let mut more = CanonicalJsonObject::new();
        if is_direct {
            more.insert("is_direct".to_owned(), true.into());
        }
        self.invite_with(by, room_id, user_id, reason, more).await
    }

    /// The same, with more fields of the event's content.
    pub async fn invite_with(
        &self,
        by: &LocalUser,
        room_id: &RoomId,
        user_id: &UserId,
        reason: Option<String>,
        more: CanonicalJsonObject,
    ) -> Result<OwnedEventId, RoomsError> {
        let change = MembershipChange { membership: Membership::Invite, only_from: &[], reason, more };
        if user_id.server_name() == self.server_name {
            if let Err(error) = self.appservices.ensure_user(user_id).await {
                tracing::info!(%user_id, %error, "Whether an invited user exists is not known.");
            }
            self.change_member(by, room_id, user_id, change).await
        } else {
            self.invite_remote(by, room_id, user_id, change).await
        }
    }

    /// Joins a room: here when this server is in it, through one of `via` otherwise.
    pub async fn join(
        &self,
        user: &LocalUser,
        room_id: &RoomId,
        via: &[OwnedServerName],
        reason: Option<String>,
        more: CanonicalJsonObject,
    ) -> Result<(), RoomsError> {
        self.check_blocked(room_id).await?;
        let (here, invited_by) = {
            let mut db = self.store.read().await?;
            let room = db.room_by_id(room_id).await?;
            self.check_guest(&mut db, user.user, room.as_ref().map(|room| room.sn)).await?;
            match room {
                Some(room) => {
                    let here = !db.local_joined_members(room.sn).await?.is_empty();
                    (here, inviting_server(&mut db, &room, user).await?)
                }
                None => (false, None),
            }
        };
        let mut servers: Vec<OwnedServerName> = Vec::new();
        if here {
            let change = MembershipChange {
                membership: Membership::Join,
                only_from: &[],
                reason: reason.clone(),
                more: more.clone(),
            };
            match self.change_member(user, room_id, &user.user_id, change).await {
                // A restricted room may let in through a server that can vouch, when ours cannot.
                Err(RoomsError::UnableToGrantJoin | RoomsError::UnableToAuthorizeJoin) => {
                    let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
                    servers.extend(self.servers_of(room.sn).await?);
                }
                Err(RoomsError::Forbidden(_)) if !via.is_empty() || invited_by.is_some() => {}
                other => return other.map(|_| ()),
            }
        }
        servers.splice(0..0, invited_by.into_iter().chain(via.iter().cloned()));
        servers.extend(room_id.server_name().map(ToOwned::to_owned));
        servers.retain(|server| *server != self.server_name);
        let mut seen = std::collections::HashSet::new();
        servers.retain(|server| seen.insert(server.clone()));
        self.join_remote(user, room_id, &servers, reason, more).await.map_err(|error| match error {
            RoomsError::UnableToGrantJoin | RoomsError::UnableToAuthorizeJoin => {
                RoomsError::Forbidden(error.to_string())
            }
            error => error,
        })
    }

    /// Leaves a room, or refuses its invite, or takes a knock back.
    pub async fn leave(&self, user: &LocalUser, room_id: &RoomId, reason: Option<String>) -> Result<(), RoomsError> {
        let (here, membership) = {
            let mut db = self.store.read().await?;
            let room = db.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
            let mine = db.local_membership(user.user, room.sn).await?.ok_or(RoomsError::NotInRoom)?;
            (!db.local_joined_members(room.sn).await?.is_empty(), mine)
        };
        if matches!(membership.membership, Membership::Leave | Membership::Ban) {
            // Leaving twice is leaving once.
            return Ok(());
        }
        if here {
            let more = CanonicalJsonObject::new();
            let change = MembershipChange { membership: Membership::Leave, only_from: &[], reason, more };
            return self.change_member(user, room_id, &user.user_id, change).await.map(|_| ());
        }
        self.leave_remote(user, room_id, &membership, reason).await
    }

    /// Makes the member event of `target` and sends it, when the room's rules allow `by` to.
    pub async fn change_member(
        &self,
        by: &LocalUser,
        room_id: &RoomId,
        target: &UserId,
        change: MembershipChange,
    ) -> Result<OwnedEventId, RoomsError> {
        let (room, _) = self.known(room_id).await?;
        // What the others' memberships are must be known; who wants to leave may.
        if room.partial && (target != by.user_id || change.membership == Membership::Join) {
            self.whole(room.sn).await?;
        }
        let turn = self.locks.lock(room_id).await;
        let (room, rules) = self.known(room_id).await?;
        let mut db = self.store.read().await?;
        let now = match db.user_sn(target).await? {
            Some(user) => db.member(room.sn, user).await?,
            None => None,
        };
        let was = now.as_ref().map_or(Membership::Leave, |now| now.membership);
        if !change.only_from.is_empty() && !change.only_from.contains(&was) {
            // An unban is a `leave` of someone who is banned, a kick one of someone who is there.
            let why =
                if was == Membership::Ban { "The user is banned" } else { "The user is not there, or not banned" };
            return Err(RoomsError::Forbidden(why.to_owned()));
        }
        match change.membership {
            Membership::Invite if target.server_name() == self.server_name => {
                if let Some(target) = db.user_sn(target).await?
                    && !takes_invites(&mut db, target).await?
                {
                    return Err(RoomsError::InviteBlocked);
                }
            }
            Membership::Join if was == Membership::Join => {
                if let Some(now) = now {
                    return Ok(db.event_id(now.event_sn).await?);
                }
            }
            _ => {}
        }
        let content = self.member_content(&mut db, &room, target, &change, was).await?;
        let draft = Draft {
            kind: TimelineEventType::RoomMember,
            sender: by.user_id.clone(),
            state_key: Some(target.to_string()),
            content,
            redacts: None,
            timestamp: self.clock.now_ms(),
        };
        let mut graph = Graph::of_room(&mut db, room.sn, room_id, rules.clone()).await?;
        let event = graph.add(self, Some((&mut db, room.sn)), &draft).await?;
        let event_id = event.event_id.clone();
        if asks_policy(&mut db, room.sn, &event).await? {
            drop((db, turn));
            let event = self.signed_by_policy(room.sn, &rules, event).await?;
            return self.write_signed(&room, rules, Own { event, transaction: None }).await;
        }
        drop(db);
        self.write_own(room.sn, room.snapshot, vec![Own { event, transaction: None }], rules).await?;
        Ok(event_id)
    }

    /// Content of a member event: membership, reason, the user's profile where we know it.
    pub(super) async fn member_content(
        &self,
        db: &mut Db,
        room: &RoomRow,
        target: &UserId,
        change: &MembershipChange,
        was: Membership,
    ) -> Result<CanonicalJsonObject, RoomsError> {
        let mut content = change.more.clone();
        let shows_profile = matches!(change.membership, Membership::Join | Membership::Invite | Membership::Knock);
        if shows_profile && let Some(user) = db.user_sn(target).await? {
            content.extend(db.member_profile(user).await?);
        }
        content.insert("membership".to_owned(), change.membership.as_str().to_owned().into());
        if let Some(reason) = &change.reason {
            content.insert("reason".to_owned(), reason.clone().into());
        }
        if change.membership == Membership::Join
            && !matches!(was, Membership::Join | Membership::Invite)
            && let Some(rules) = db.current_state_event(room.sn, "m.room.join_rules", "").await?
        {
            match self.vouching(db, room, target, &rules).await? {
                Vouching::By(voucher) => {
                    content.insert("join_authorised_via_users_server".to_owned(), voucher.to_string().into());
                }
                Vouching::Nobody => return Err(RoomsError::UnableToGrantJoin),
                Vouching::Unknown => return Err(RoomsError::UnableToAuthorizeJoin),
                Vouching::NotNeeded | Vouching::Refused => {}
            }
        }
        Ok(content)
    }

    /// The user's profile changed: their member events in joined rooms follow.
    pub async fn update_profile(&self, user: &LocalUser) -> Result<(), RoomsError> {
        let rooms = {
            let mut db = self.store.read().await?;
            let mut ids = Vec::new();
            for room in db.joined_rooms(user.user).await? {
                ids.push(db.room_id(room).await?);
            }
            ids
        };
        for room_id in rooms {
            let content = {
                let mut db = self.store.read().await?;
                let mut content = CanonicalJsonObject::from_iter(db.member_profile(user.user).await?);
                content.insert("membership".to_owned(), "join".to_owned().into());
                content
            };
            let message = super::NewMessage {
                room_id: room_id.clone(),
                kind: TimelineEventType::RoomMember,
                state_key: Some(user.user_id.to_string()),
                content,
                txn_id: None,
                redacts: None,
                timestamp: None,
            };
            if let Err(error) = self.send(user, message).await {
                tracing::warn!(%room_id, %error, "A changed profile could not be told to a room.");
            }
        }
        Ok(())
    }

    /// The room is gone from the user's lists; they must have left it.
    pub async fn forget(&self, user: &LocalUser, room_id: &RoomId) -> Result<(), RoomsError> {
        let (room, user) = {
            let mut db = self.store.read().await?;
            let room = db.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
            let mine = db.local_membership(user.user, room.sn).await?.ok_or(RoomsError::NotInRoom)?;
            if !matches!(mine.membership, Membership::Leave | Membership::Ban) {
                return Err(RoomsError::InvalidState("Leave the room before you forget it".to_owned()));
            }
            (room.sn, user.user)
        };
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.forget_room(user, room).await })
            })
            .await?;
        Ok(())
    }
}

/// The server of whoever invited the user: it is in the room.
async fn inviting_server(db: &mut Db, room: &RoomRow, user: &LocalUser) -> Result<Option<OwnedServerName>, RoomsError> {
    #[derive(Deserialize)]
    struct Invite {
        sender: ruma::OwnedUserId,
    }
    let mine = db.local_membership(user.user, room.sn).await?;
    Ok(mine
        .filter(|mine| mine.membership == Membership::Invite)
        .and_then(|mine| mine.invite_event)
        .and_then(|json| serde_json::from_str::<Invite>(&json).ok())
        .map(|invite| invite.sender.server_name().to_owned()))
}
