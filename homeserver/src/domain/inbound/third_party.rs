//! Invites that were for an address: another server tells whose it is, or an identity server does.

use futures_util::StreamExt as _;
use ruma::{CanonicalJsonObject, OwnedRoomId, OwnedUserId, RoomId, UserId};

use crate::{
    domain::{
        federation::Origin,
        rooms::{BoundInvite, RoomsError},
    },
    store::ServerSn,
};

use super::{Inbound, access::open_room, membership::EntryError};

/// Invites worked on at the same time.
const PARALLEL: usize = 5;

/// One of the invites that an identity server kept for an address.
#[derive(Clone, Debug)]
pub struct KeptInvite {
    pub room_id: OwnedRoomId,
    pub sender: OwnedUserId,
    /// What the identity server signed.
    pub signed: CanonicalJsonObject,
}

impl Inbound {
    /// Another server asks that a user of ours invites one of its own, as the third-party invite promised.
    pub async fn exchange_third_party_invite(&self, origin: &Origin, bound: BoundInvite<'_>) -> Result<(), EntryError> {
        let mut db = self.store.read().await.map_err(RoomsError::from)?;
        open_room(&mut db, bound.room_id, &origin.server_name).await?;
        drop(db);
        Ok(self.rooms.exchange_third_party_invite(bound).await?)
    }

    /// An address belongs to this user of ours now: each invite that waited for it becomes one of theirs, as far as its server helps.
    pub async fn bound(&self, user_id: &UserId, invites: Vec<KeptInvite>) -> Result<(), EntryError> {
        if !self.has_account(user_id).await? {
            return Err(RoomsError::BadEvent("There is no such user here".to_owned()).into());
        }
        let exchanges = invites.into_iter().map(async |kept| {
            if let Err(error) = self.exchange(user_id, &kept).await {
                tracing::info!(room_id = %kept.room_id, %user_id, %error, "An invite for an address could not be exchanged.");
            }
        });
        futures_util::stream::iter(exchanges).buffer_unordered(PARALLEL).collect::<()>().await;
        Ok(())
    }

    async fn exchange(&self, user_id: &UserId, kept: &KeptInvite) -> Result<(), RoomsError> {
        let bound = BoundInvite {
            room_id: &kept.room_id,
            sender: &kept.sender,
            invited: user_id,
            display_name: None,
            signed: &kept.signed,
        };
        let inviter = kept.sender.server_name();
        if inviter == self.federation.client.server_name() && self.is_here(&kept.room_id).await? {
            self.rooms.exchange_third_party_invite(bound).await
        } else {
            self.rooms.have_third_party_invite_exchanged(inviter, bound).await
        }
    }

    async fn has_account(&self, user_id: &UserId) -> Result<bool, RoomsError> {
        Ok(user_id.server_name() == self.federation.client.server_name()
            && self.store.read().await?.account(user_id).await?.is_some())
    }

    async fn is_here(&self, room_id: &RoomId) -> Result<bool, RoomsError> {
        let mut db = self.store.read().await?;
        match db.room_sn(room_id).await? {
            Some(room) => Ok(db.server_is_joined(room, ServerSn::OURS).await?),
            None => Ok(false),
        }
    }
}
