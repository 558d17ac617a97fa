//! Third-party invites that turned out to be somebody's: made into invites of that user by the server of whoever invited.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, RoomId, ServerName, UserId, api::federation::thirdparty::exchange_invite,
};

use crate::{
    domain::{
        federation::Deadline,
        rooms::{LocalUser, Rooms, RoomsError},
    },
    store::Membership,
};

/// Bytes of a name that goes along.
const NAME: usize = 255;
/// Bytes of what an identity server signed.
const SIGNED: usize = 8192;

/// What turned a third-party invite into somebody's.
#[derive(Clone, Debug)]
pub struct BoundInvite<'a> {
    pub room_id: &'a RoomId,
    /// Who made the third-party invite.
    pub sender: &'a UserId,
    /// Whom it is for.
    pub invited: &'a UserId,
    /// As the room shows the invited before they are known.
    pub display_name: Option<&'a str>,
    /// What the identity server signed: `mxid`, `token`, `signatures`.
    pub signed: &'a CanonicalJsonObject,
}

impl Rooms {
    /// Invites the user in the name of our user who made the third-party invite. The room's rules check the identity server's
    /// signature.
    pub async fn exchange_third_party_invite(&self, bound: BoundInvite<'_>) -> Result<(), RoomsError> {
        let bad = |reason: &str| RoomsError::BadEvent(reason.to_owned());
        let text = |field: &str| bound.signed.get(field).and_then(CanonicalJsonValue::as_str);
        let token = text("token").ok_or_else(|| bad("What is signed has no token"))?;
        if text("mxid") != Some(bound.invited.as_str()) {
            return Err(bad("What is signed is for another user"));
        }
        if serde_json::to_string(bound.signed).map_or(true, |json| json.len() > SIGNED) {
            return Err(bad("What is signed is too large"));
        }
        let mut db = self.store.read().await?;
        let room = db.room_by_id(bound.room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let made = db.current_state_event(room.sn, "m.room.third_party_invite", token).await?;
        let made = made.ok_or_else(|| RoomsError::Forbidden("The room has no such invite".to_owned()))?;
        let by = bound.sender;
        let joined = match db.user_sn(by).await? {
            Some(user) if by.server_name() == self.server_name && made.sender == user => {
                db.member(room.sn, user).await?.filter(|member| member.membership == Membership::Join).map(|_| user)
            }
            _ => None,
        };
        drop(db);
        let user = joined.ok_or_else(|| RoomsError::Forbidden("Whoever invited is not here".to_owned()))?;
        let mut invite = CanonicalJsonObject::from([("signed".to_owned(), bound.signed.clone().into())]);
        if let Some(name) = bound.display_name.filter(|name| name.len() <= NAME) {
            invite.insert("display_name".to_owned(), name.to_owned().into());
        }
        let more = CanonicalJsonObject::from([("third_party_invite".to_owned(), invite.into())]);
        let by = LocalUser { user, user_id: by.to_owned(), device_id: "".into() };
        self.invite_with(&by, bound.room_id, bound.invited, None, more).await?;
        Ok(())
    }

    /// Asks the server of whoever made the third-party invite to do that.
    pub async fn have_third_party_invite_exchanged(
        &self,
        server: &ServerName,
        bound: BoundInvite<'_>,
    ) -> Result<(), RoomsError> {
        let content = serde_json::json!({
            "membership": "invite",
            "third_party_invite": { "display_name": bound.display_name.unwrap_or_default(), "signed": bound.signed },
        });
        let content =
            serde_json::value::to_raw_value(&content).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let request = exchange_invite::v1::Request::new(
            bound.room_id.to_owned(),
            bound.sender.to_owned(),
            bound.invited.to_owned(),
            ruma::serde::Raw::from_json(content),
        );
        self.federation.client.request(server, request, Deadline::Query).await?;
        Ok(())
    }
}
